//! What the kernel model may ask of the process that calls it.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::rc::Rc;

use nix::errno::Errno;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// A range of a process's address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// First address.
    pub start: u64,
    /// Address behind the last.
    pub end: u64,
    /// True if the process may read there.
    pub readable: bool,
    /// True if the process may write there.
    pub writable: bool,
    /// True for a MAP_SHARED mapping.
    pub shared: bool,
    /// Where it lies in the device's memory file, if it maps that.
    pub device_offset: Option<u64>,
}

/// The memory of a process.
pub trait UserMemory {
    /// Reads all of `into` at `address`.
    ///
    /// # Errors
    /// `EFAULT` if any byte is not readable.
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Errno>;

    /// Writes all of `from` at `address`.
    ///
    /// # Errors
    /// `EFAULT` if any byte is not writable.
    fn write(&self, address: u64, from: &[u8]) -> Result<(), Errno>;

    /// The mapped ranges, ascending.
    fn regions(&self) -> Vec<Region>;
}

/// What a process may lock in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockLimit {
    /// `RLIMIT_MEMLOCK` in bytes.
    pub bytes: u64,
    /// True with CAP_IPC_LOCK: no limit.
    pub exempt: bool,
}

/// A thread inside a system call.
pub trait Caller {
    /// Its thread id.
    fn thread(&self) -> i32;
    /// True with CAP_SYS_ADMIN.
    fn is_admin(&self) -> bool;
    /// What it may lock.
    fn lock_limit(&self) -> LockLimit;
    /// Its memory, for longer than the call.
    fn memory(&self) -> Rc<dyn UserMemory>;
    /// Installs a descriptor and returns its number there.
    ///
    /// # Errors
    /// `EMFILE` and what else the kernel says.
    fn install(&self, fd: BorrowedFd<'_>, cloexec: bool) -> Result<i32, Errno>;
    /// A duplicate of its descriptor `fd`.
    ///
    /// # Errors
    /// `EBADF`.
    fn descriptor(&self, fd: i32) -> Result<OwnedFd, Errno>;
}

/// Reads a plain struct from user memory.
pub fn read_user<T: FromBytes + IntoBytes>(memory: &dyn UserMemory, address: u64) -> Result<T, Errno> {
    let mut value = T::new_zeroed();
    memory.read(address, value.as_mut_bytes())?;
    Ok(value)
}

/// Reads `count` plain values from user memory.
pub fn read_user_vec<T: FromBytes + IntoBytes>(
    memory: &dyn UserMemory,
    address: u64,
    count: usize,
) -> Result<Vec<T>, Errno> {
    let mut values: Vec<T> = (0..count).map(|_| T::new_zeroed()).collect();
    memory.read(address, values.as_mut_slice().as_mut_bytes())?;
    Ok(values)
}

/// Writes plain values to user memory.
pub fn write_user<T: IntoBytes + Immutable + ?Sized>(
    memory: &dyn UserMemory,
    address: u64,
    value: &T,
) -> Result<(), Errno> {
    memory.write(address, value.as_bytes())
}
