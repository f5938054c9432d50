//! Descriptors that stand for an object of the driver: recognised by inode, and known to be alive or not.
//!
//! A lock that belongs to the open file description tells when the last duplicate is gone, wherever it travelled.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::libc;
use nix::sys::memfd::{MFdFlags, memfd_create};

/// Device and inode number of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Inode(u64, u64);

impl Inode {
    /// The inode number alone.
    pub fn number(self) -> u64 {
        self.1
    }

    /// Of an open file.
    ///
    /// # Errors
    /// What fstat(2) says.
    pub fn of(fd: impl AsFd) -> io::Result<Self> {
        let meta = File::from(fd.as_fd().try_clone_to_owned()?).metadata()?;
        Ok(Self(meta.dev(), meta.ino()))
    }
}

fn lock(byte: u64, kind: libc::c_int) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: byte as i64,
        l_len: 1,
        l_pid: 0,
    }
}

/// What a descriptor allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Both.
    Both,
}

/// Another open file description of `file`, with these flags of open(2), marked by a lock of byte `byte`.
///
/// # Errors
/// What open(2) and fcntl(2) say.
pub fn mark(file: impl AsFd, access: Access, flags: i32, byte: u64) -> io::Result<OwnedFd> {
    let mut options = OpenOptions::new();
    options
        .read(access != Access::Write)
        .write(access != Access::Read)
        .custom_flags(flags);
    let copy = options.open(format!("/proc/self/fd/{}", file.as_fd().as_raw_fd()))?;
    // A descriptor that cannot write takes a read lock only, which is enough to be seen.
    let kind = if access == Access::Read {
        libc::F_RDLCK
    } else {
        libc::F_WRLCK
    };
    fcntl(&copy, FcntlArg::F_OFD_SETLK(&lock(byte, kind)))?;
    Ok(copy.into())
}

/// True while the description that holds byte `byte` is open somewhere.
pub fn is_marked(probe: impl AsFd, byte: u64) -> bool {
    let mut query = lock(byte, libc::F_WRLCK);
    let asked = fcntl(probe, FcntlArg::F_OFD_GETLK(&mut query));
    asked.is_ok() && query.l_type != libc::F_UNLCK as libc::c_short
}

/// The supervisor's end of such a descriptor.
#[derive(Debug)]
pub struct Token {
    probe: File,
    /// How the descriptor is recognised.
    pub inode: Inode,
}

impl Token {
    /// A token, and the descriptor to hand out: a file of `len` bytes.
    ///
    /// # Errors
    /// `EMFILE` and what else memfd_create(2) says.
    pub fn new(name: &std::ffi::CStr, len: u64) -> Result<(Self, OwnedFd), Errno> {
        let errno = |e: io::Error| e.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
        let probe = File::from(memfd_create(name, MFdFlags::MFD_CLOEXEC)?);
        probe.set_len(len).map_err(errno)?;
        Self::handed_out(probe, Access::Both)
    }

    /// A token of a file of `len` bytes that can be told its length by lseek(2), and neither read nor written.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn sealed(name: &std::ffi::CStr, len: u64) -> Result<(Self, OwnedFd), Errno> {
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        let probe = File::from(memfd_create(name, flags)?);
        probe
            .set_len(len)
            .map_err(|e| e.raw_os_error().map_or(Errno::EIO, Errno::from_raw))?;
        let seals = SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW;
        fcntl(&probe, FcntlArg::F_ADD_SEALS(seals | SealFlag::F_SEAL_SEAL))?;
        Self::handed_out(probe, Access::Write)
    }

    fn handed_out(probe: File, access: Access) -> Result<(Self, OwnedFd), Errno> {
        let errno = |e: io::Error| e.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
        let inode = Inode::of(&probe).map_err(errno)?;
        let fd = mark(&probe, access, 0, 0).map_err(errno)?;
        Ok((Self { probe, inode }, fd))
    }

    /// True while a duplicate of the descriptor exists.
    pub fn is_alive(&self) -> bool {
        is_marked(&self.probe, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_dies_with_the_last_duplicate() {
        let (token, fd) = Token::new(c"test", 4096).unwrap();
        let duplicate = fd.try_clone().unwrap();
        assert_eq!(Inode::of(&duplicate).unwrap(), token.inode);
        drop(fd);
        assert!(token.is_alive());
        drop(duplicate);
        assert!(!token.is_alive());
    }
}
