//! The memory of a program that makes calls.

use std::cell::RefCell;
use std::ops::Range;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::rc::Rc;

use nix::errno::Errno;
use xdna_sim::kmd::{Caller, LockLimit, Region, UserMemory};

/// Bytes of memory, from address 0 on.
pub const BYTES: usize = 1 << 13;

/// Where the device's file is mapped, all of it.
const FILE: u64 = 1 << 40;

/// Memory from address 0 on.
pub struct Memory(RefCell<Vec<u8>>);

impl Memory {
    pub fn new() -> Rc<Self> {
        Rc::new(Self(RefCell::new(vec![0; BYTES])))
    }

    /// Zeros, and `bytes` at `address`; what does not fit is left out.
    pub fn fill(&self, address: usize, bytes: &[u8]) {
        let mut memory = self.0.borrow_mut();
        memory.fill(0);
        let room = BYTES - address;
        let len = bytes.len().min(room);
        memory[address..address + len].copy_from_slice(&bytes[..len]);
    }

    fn range(&self, address: u64, len: usize) -> Result<Range<usize>, Errno> {
        let end = address.checked_add(len as u64).filter(|end| *end <= BYTES as u64);
        Ok(address as usize..end.ok_or(Errno::EFAULT)? as usize)
    }
}

impl UserMemory for Memory {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Errno> {
        into.copy_from_slice(&self.0.borrow()[self.range(address, into.len())?]);
        Ok(())
    }

    fn write(&self, address: u64, from: &[u8]) -> Result<(), Errno> {
        let range = self.range(address, from.len())?;
        self.0.borrow_mut()[range].copy_from_slice(from);
        Ok(())
    }

    fn regions(&self) -> Vec<Region> {
        let region = |start, end, device_offset: Option<u64>| Region {
            start,
            end,
            readable: true,
            writable: true,
            shared: device_offset.is_some(),
            device_offset,
        };
        vec![
            region(0, BYTES as u64, None),
            region(FILE, FILE + (1 << 46), Some(0)),
        ]
    }
}

/// A thread with that memory and no descriptors.
pub struct Thread(pub Rc<Memory>);

impl Caller for Thread {
    fn thread(&self) -> i32 {
        1
    }

    fn is_admin(&self) -> bool {
        true
    }

    fn lock_limit(&self) -> LockLimit {
        LockLimit {
            bytes: 1 << 20,
            exempt: false,
        }
    }

    fn memory(&self) -> Rc<dyn UserMemory> {
        self.0.clone()
    }

    fn install(&self, _: BorrowedFd<'_>, _: bool) -> Result<i32, Errno> {
        Ok(3)
    }

    fn descriptor(&self, _: i32) -> Result<OwnedFd, Errno> {
        Err(Errno::EBADF)
    }
}
