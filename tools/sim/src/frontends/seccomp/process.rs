//! The calling process: its memory, descriptors and rights, through /proc and process_vm_readv(2).

use std::fs;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use nix::errno::Errno;
use nix::sys::uio::{RemoteIoVec, process_vm_readv, process_vm_writev};
use nix::unistd::Pid;

use super::sys::{self, Listener, Notification};
use crate::kmd::{Caller, LockLimit, Region, UserMemory};

/// CAP_IPC_LOCK and CAP_SYS_ADMIN in the effective set.
const IPC_LOCK: u64 = 1 << 14;
const SYS_ADMIN: u64 = 1 << 21;

/// The memory of a process, by any of its threads.
#[derive(Debug)]
pub struct ProcessMemory {
    thread: i32,
    device_inode: u64,
}

impl ProcessMemory {
    /// Of the process of `thread`; `device_inode` is the device's memory file.
    pub fn new(thread: i32, device_inode: u64) -> Self {
        Self { thread, device_inode }
    }
}

impl UserMemory for ProcessMemory {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Errno> {
        let len = into.len();
        if len == 0 {
            return Ok(());
        }
        let remote = [RemoteIoVec {
            base: address as usize,
            len,
        }];
        match process_vm_readv(Pid::from_raw(self.thread), &mut [IoSliceMut::new(into)], &remote) {
            Ok(n) if n == len => Ok(()),
            _ => Err(Errno::EFAULT),
        }
    }

    fn write(&self, address: u64, from: &[u8]) -> Result<(), Errno> {
        let len = from.len();
        if len == 0 {
            return Ok(());
        }
        let remote = [RemoteIoVec {
            base: address as usize,
            len,
        }];
        match process_vm_writev(Pid::from_raw(self.thread), &[IoSlice::new(from)], &remote) {
            Ok(n) if n == len => Ok(()),
            _ => Err(Errno::EFAULT),
        }
    }

    fn regions(&self) -> Vec<Region> {
        let maps = fs::read_to_string(format!("/proc/{}/maps", self.thread)).unwrap_or_default();
        maps.lines()
            .filter_map(|line| region(line, self.device_inode))
            .collect()
    }
}

/// One line of /proc/PID/maps: `start-end perms offset dev inode path`.
fn region(line: &str, device_inode: u64) -> Option<Region> {
    let mut fields = line.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let perms = fields.next()?;
    let offset = u64::from_str_radix(fields.next()?, 16).ok()?;
    let inode: u64 = fields.nth(1)?.parse().ok()?;
    let ours = inode == device_inode && fields.next().is_some_and(|p| p.starts_with("/memfd:amdxdna"));
    Some(Region {
        start: u64::from_str_radix(start, 16).ok()?,
        end: u64::from_str_radix(end, 16).ok()?,
        readable: perms.starts_with('r'),
        writable: perms.contains('w'),
        shared: perms.ends_with('s'),
        device_offset: ours.then_some(offset),
    })
}

/// The thread behind a notification.
pub struct NotifiedThread<'a> {
    listener: &'a Listener,
    /// The notification.
    id: u64,
    thread: i32,
    /// Inode of the device's memory file.
    device_inode: u64,
}

impl<'a> NotifiedThread<'a> {
    /// The thread whose call `listener` received.
    pub fn new(listener: &'a Listener, notification: &Notification, device_inode: u64) -> Self {
        Self {
            listener,
            id: notification.id,
            thread: notification.thread as i32,
            device_inode,
        }
    }

    fn status(&self, key: &str) -> Option<String> {
        status_field(self.thread, key)
    }

    fn capabilities(&self) -> u64 {
        self.status("CapEff")
            .and_then(|v| u64::from_str_radix(&v, 16).ok())
            .unwrap_or(0)
    }
}

/// A field of /proc/THREAD/status.
pub fn status_field(thread: i32, key: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|l| l.strip_prefix(key)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

/// The process a thread belongs to.
pub fn process_of(thread: i32) -> Option<i32> {
    status_field(thread, "Tgid")?.parse().ok()
}

/// The processes that the threads of a process started.
pub fn children_of(process: i32) -> Vec<i32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{process}/task")) else {
        return Vec::new();
    };
    let lists = tasks.filter_map(|t| fs::read_to_string(t.ok()?.path().join("children")).ok());
    lists
        .flat_map(|l| {
            l.split_ascii_whitespace()
                .filter_map(|p| p.parse().ok())
                .collect::<Vec<i32>>()
        })
        .collect()
}

impl Caller for NotifiedThread<'_> {
    fn thread(&self) -> i32 {
        self.thread
    }

    fn is_admin(&self) -> bool {
        self.capabilities() & SYS_ADMIN != 0
    }

    fn lock_limit(&self) -> LockLimit {
        let limits = fs::read_to_string(format!("/proc/{}/limits", self.thread)).unwrap_or_default();
        let line = limits.lines().find_map(|l| l.strip_prefix("Max locked memory"));
        // "unlimited" is no number.
        let bytes = line
            .and_then(|l| l.split_ascii_whitespace().next()?.parse().ok())
            .unwrap_or(u64::MAX);
        LockLimit {
            bytes,
            exempt: self.capabilities() & IPC_LOCK != 0,
        }
    }

    fn memory(&self) -> Rc<dyn UserMemory> {
        Rc::new(ProcessMemory::new(self.thread, self.device_inode))
    }

    fn install(&self, fd: BorrowedFd<'_>, cloexec: bool) -> Result<i32, Errno> {
        self.listener.add_fd(self.id, fd, cloexec, false)
    }

    fn descriptor(&self, fd: i32) -> Result<OwnedFd, Errno> {
        if fd < 0 {
            return Err(Errno::EBADF);
        }
        let process = process_of(self.thread).ok_or(Errno::EBADF)?;
        let pidfd = sys::pidfd_open(process, false).map_err(|_| Errno::EBADF)?;
        sys::pidfd_getfd(pidfd.as_fd(), fd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_lines_are_read() {
        let line = "7f00-8f00 rw-s 100000000 00:01 1025                       /memfd:amdxdna (deleted)";
        let want = Region {
            start: 0x7f00,
            end: 0x8f00,
            readable: true,
            writable: true,
            shared: true,
            device_offset: Some(1 << 32),
        };
        assert_eq!(region(line, 1025), Some(want));
        assert_eq!(region(line, 7).unwrap().device_offset, None);
        let anonymous = region("1000-2000 r--p 00000000 00:00 0", 0).unwrap();
        assert_eq!((anonymous.writable, anonymous.device_offset), (false, None));
    }

    #[test]
    fn own_memory_is_read_and_written() {
        let memory = ProcessMemory::new(std::process::id() as i32, 0);
        let value = Box::new([1u8, 2, 3]);
        let mut copy = [0; 3];
        memory.read(value.as_ptr() as u64, &mut copy).unwrap();
        assert_eq!(copy, *value);
        assert_eq!(memory.read(8, &mut copy), Err(Errno::EFAULT));
        assert!(memory.regions().iter().any(|r| r.writable));
        assert_eq!(
            process_of(std::process::id() as i32),
            Some(std::process::id() as i32)
        );
    }
}
