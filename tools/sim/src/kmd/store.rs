//! The memory of all buffer objects: one sparse memfd for the device.
//!
//! A buffer object lies at its mmap offset, so a client's mmap of the descriptor is the kernel's own, and a buffer
//! shared between clients is the same pages.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, FcntlArg, SealFlag, fallocate, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

use super::shadow::{HostView, Shadow};

/// Offsets start where the real driver's do: lower ones belong to doorbells.
pub const FIRST_OFFSET: u64 = 1 << 32;
/// Bytes of a page.
pub const PAGE: u64 = 4096;
/// Sparse size of the file; offsets are not used twice.
const FILE_BYTES: u64 = 1 << 46;

/// The device's memory file.
#[derive(Clone, Debug)]
pub struct Store {
    file: Rc<File>,
    next: Rc<std::cell::Cell<u64>>,
}

impl Store {
    /// An empty file.
    ///
    /// # Errors
    /// What memfd_create(2) and ftruncate(2) say.
    pub fn new() -> io::Result<Self> {
        let fd = memfd_create(c"amdxdna", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
        let file = File::from(fd);
        file.set_len(FILE_BYTES)?;
        // Clients hold descriptors of it: none of them may take the memory from the others.
        let size = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
        fcntl(&file, FcntlArg::F_ADD_SEALS(size))?;
        Ok(Self {
            file: Rc::new(file),
            next: Rc::new(std::cell::Cell::new(FIRST_OFFSET)),
        })
    }

    /// Reserves `len` bytes of offsets; an unused page behind them keeps mappings of neighbours apart.
    ///
    /// # Errors
    /// `ENOSPC` if nothing is to be reserved, `ENOMEM` when the file is full.
    pub fn reserve(&self, len: u64) -> Result<Region, Errno> {
        if len == 0 {
            return Err(Errno::ENOSPC);
        }
        let offset = self.next.get();
        let next = offset
            .checked_add(len)
            .and_then(|n| n.checked_add(PAGE))
            .filter(|&n| n <= FILE_BYTES);
        self.next.set(next.ok_or(Errno::ENOMEM)?);
        Ok(Region {
            store: self.clone(),
            offset,
            len,
            shadow: RefCell::default(),
        })
    }

    /// The file.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Reads at an offset of the file.
    ///
    /// # Errors
    /// `EIO` when the file cannot be read.
    pub fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), Errno> {
        self.file
            .read_exact_at(into, offset)
            .map_err(|e| e.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
    }

    /// Writes at an offset of the file.
    ///
    /// # Errors
    /// `EIO` when the file cannot be written.
    pub fn write(&self, offset: u64, from: &[u8]) -> Result<(), Errno> {
        self.file
            .write_all_at(from, offset)
            .map_err(|e| e.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
    }

    /// Gives the pages of a range back to the system.
    fn punch(&self, offset: u64, len: u64) {
        let flags = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        if let Err(e) = fallocate(&*self.file, flags, offset as i64, len as i64) {
            log::warn!("cannot release {len} bytes at {offset:#x}: {e}; they stay until the device ends");
        }
    }
}

/// A range of the file that belongs to one buffer, or to several that share it.
#[derive(Debug)]
pub struct Region {
    store: Store,
    /// First byte: the mmap offset.
    pub offset: u64,
    /// Length in bytes.
    pub len: u64,
    /// What the device sees of it behind incoherent caches.
    shadow: RefCell<Shadow>,
}

impl HostView for Region {
    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), Errno> {
        Region::read(self, at, into)
    }

    fn write(&self, at: u64, from: &[u8]) -> Result<(), Errno> {
        Region::write(self, at, from)
    }
}

impl Region {
    /// Reads at an offset of the region.
    ///
    /// # Errors
    /// `EFAULT` out of bounds.
    pub fn read(&self, at: u64, into: &mut [u8]) -> Result<(), Errno> {
        self.bound(at, into.len())?;
        self.store.read(self.offset + at, into)
    }

    /// Writes at an offset of the region.
    ///
    /// # Errors
    /// `EFAULT` out of bounds.
    pub fn write(&self, at: u64, from: &[u8]) -> Result<(), Errno> {
        self.bound(at, from.len())?;
        self.store.write(self.offset + at, from)
    }

    /// The host flushes its caches for a range.
    ///
    /// # Errors
    /// `EFAULT` out of bounds.
    pub fn flush(&self, at: u64, len: u64) -> Result<(), Errno> {
        self.shadow.borrow_mut().flush(self, at, len)
    }

    /// What the device reads behind incoherent caches; returns the bytes that the host changed and did not flush.
    ///
    /// # Errors
    /// `EFAULT` out of bounds.
    pub fn device_read(&self, at: u64, into: &mut [u8]) -> Result<Vec<Range<u64>>, Errno> {
        self.shadow.borrow().read(self, at, into)
    }

    /// What the device writes behind incoherent caches.
    ///
    /// # Errors
    /// `EFAULT` out of bounds.
    pub fn device_write(&self, at: u64, from: &[u8]) -> Result<(), Errno> {
        self.bound(at, from.len())?;
        self.shadow.borrow_mut().write(at, from);
        Ok(())
    }

    fn bound(&self, at: u64, len: usize) -> Result<(), Errno> {
        let end = at.checked_add(len as u64).ok_or(Errno::EFAULT)?;
        if end > self.len {
            Err(Errno::EFAULT)
        } else {
            Ok(())
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        self.store.punch(self.offset, self.len);
    }
}
