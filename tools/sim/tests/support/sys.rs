//! The unsafe part of the test client.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::errno::Errno;
use nix::libc;

/// An ioctl with a struct for its argument.
pub fn ioctl<T>(file: &File, request: u32, arg: &mut T) -> Result<(), Errno> {
    // SAFETY: callers pass the struct that `request` encodes, and what it points to lives through the call.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), request.into(), &raw mut *arg) };
    Errno::result(result).map(drop)
}

/// Nanoseconds of CLOCK_MONOTONIC.
pub fn now_ns() -> i64 {
    let t = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).expect("a clock");
    t.tv_sec() * 1_000_000_000 + t.tv_nsec()
}

/// A shared mapping of a buffer object.
pub struct Mapping {
    at: *mut u32,
    words: usize,
}

// SAFETY: the mapping is touched through atomics only.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    pub fn new(file: &File, offset: u64, len: usize) -> Result<Self, Errno> {
        Self::with(file, offset, len, libc::MAP_SHARED)
    }

    pub fn with(file: &File, offset: u64, len: usize, flags: i32) -> Result<Self, Errno> {
        Self::protected(file, offset, len, flags, libc::PROT_READ | libc::PROT_WRITE)
    }

    /// A shared mapping that must not be stored to.
    pub fn read_only(file: &File, offset: u64, len: usize) -> Result<Self, Errno> {
        Self::protected(file, offset, len, libc::MAP_SHARED, libc::PROT_READ)
    }

    fn protected(file: &File, offset: u64, len: usize, flags: i32, protection: i32) -> Result<Self, Errno> {
        // SAFETY: the kernel picks the address, so nothing that exists is replaced.
        let at = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                protection,
                flags,
                file.as_raw_fd(),
                offset as i64,
            )
        };
        if at == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        Ok(Self {
            at: at.cast(),
            words: len / 4,
        })
    }

    /// Address space without memory.
    pub fn reserve(len: usize) -> Result<Self, Errno> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: the kernel picks the address, so nothing that exists is replaced.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), len, libc::PROT_NONE, flags, -1, 0) };
        if at == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        Ok(Self {
            at: at.cast(),
            words: len / 4,
        })
    }

    /// Maps a buffer object over part of this mapping; returns its address.
    pub fn fix(&self, at: usize, file: &File, offset: u64, len: usize) -> Result<u64, Errno> {
        assert!(at + len <= self.words * 4);
        let rw = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: in bounds (checked above) of a mapping that is ours and that nothing refers to.
        let target = unsafe { self.at.byte_add(at) };
        // SAFETY: as above: what is replaced is part of our own reservation.
        let got = unsafe {
            libc::mmap(
                target.cast(),
                len,
                rw,
                libc::MAP_SHARED | libc::MAP_FIXED,
                file.as_raw_fd(),
                offset as i64,
            )
        };
        if got == libc::MAP_FAILED {
            Err(Errno::last())
        } else {
            Ok(got as u64)
        }
    }

    /// Takes the mapping away.
    pub fn unmap(self) -> Result<(), Errno> {
        let (at, bytes) = (self.at, self.words * 4);
        std::mem::forget(self);
        // SAFETY: `at` and the length are those of the mapping made in `with`, which nothing refers to any more.
        Errno::result(unsafe { libc::munmap(at.cast(), bytes) }).map(drop)
    }

    pub fn address(&self) -> u64 {
        self.at as u64
    }

    fn word(&self, index: usize) -> &AtomicU32 {
        assert!(index < self.words);
        // SAFETY: in bounds (checked above).
        let at = unsafe { self.at.add(index) };
        // SAFETY: aligned, as the mapping is, and live as long as `self`.
        unsafe { AtomicU32::from_ptr(at) }
    }

    pub fn load(&self, index: usize) -> u32 {
        self.word(index).load(Ordering::Acquire)
    }

    pub fn store(&self, index: usize, value: u32) {
        self.word(index).store(value, Ordering::Release);
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: `at` and the length are those of the mapping made in `with`, which nothing refers to any more.
        unsafe { libc::munmap(self.at.cast(), self.words * 4) };
    }
}

/// Runs `child` in a forked process and returns its exit code, or 128 + the signal that killed it.
pub fn in_child(child: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child calls nothing that another thread could hold a lock of but the allocator, which glibc
    // resets in the child.
    match unsafe { nix::unistd::fork() }.expect("fork") {
        nix::unistd::ForkResult::Child => {
            let code = child();
            // SAFETY: ends the process without running what belongs to the parent.
            unsafe { libc::_exit(code) }
        }
        nix::unistd::ForkResult::Parent { child } => match nix::sys::wait::waitpid(child, None) {
            Ok(nix::sys::wait::WaitStatus::Exited(_, code)) => code,
            Ok(nix::sys::wait::WaitStatus::Signaled(_, signal, _)) => 128 + signal as i32,
            other => panic!("{other:?}"),
        },
    }
}

extern "C" fn count(_: libc::c_int) {
    SIGNALS.fetch_add(1, Ordering::Relaxed);
}

/// Signals that the handler of [`storm`] saw.
pub static SIGNALS: AtomicU32 = AtomicU32::new(0);

/// Sends this process SIGALRM every `microseconds`; the handler restarts system calls if `restart`.
pub fn storm(microseconds: i64, restart: bool) {
    let flags = if restart {
        nix::sys::signal::SaFlags::SA_RESTART
    } else {
        nix::sys::signal::SaFlags::empty()
    };
    let action = nix::sys::signal::SigAction::new(
        nix::sys::signal::SigHandler::Handler(count),
        flags,
        nix::sys::signal::SigSet::empty(),
    );
    // SAFETY: the handler touches one atomic only.
    unsafe { nix::sys::signal::sigaction(nix::sys::signal::Signal::SIGALRM, &action) }.expect("sigaction");
    let every = libc::timeval {
        tv_sec: 0,
        tv_usec: microseconds,
    };
    let timer = libc::itimerval {
        it_interval: every,
        it_value: every,
    };
    // SAFETY: the kernel reads `timer`, which lives through the call; there is nothing to write back.
    unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut()) };
}
