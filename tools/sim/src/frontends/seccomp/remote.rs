//! mmap of the device's memory file where a call asked for another file: by ptrace(2), in the thread that called.
//!
//! The thread waits for the answer to its call. It is seized and told to stop, its call is answered, and before it is
//! back in its program it makes the system calls that it is given. A thread of our own process shares our memory: there
//! the mapping is simply made.

use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::libc::{self, user_regs_struct};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::process::process_of;
use super::supervisor::{Supervisor, report};
use super::sys::{self, Notification};
use crate::kmd::Caller;

/// The instruction that entered the kernel.
const SYSCALL: [u8; 2] = [0x0f, 0x05];
/// How long to wait for a notification before looking at the thread again, in milliseconds.
const LOOK_MS: u8 = 1;

/// One mmap of the device's memory file.
#[derive(Clone, Copy, Debug)]
pub struct Map {
    /// Wanted address.
    pub address: u64,
    /// Bytes.
    pub len: u64,
    /// Protection.
    pub protection: u64,
    /// Flags.
    pub flags: u64,
    /// Offset in the file.
    pub offset: u64,
}

impl Supervisor {
    /// Answers a call by the address of the last of `maps`, all of which its thread makes.
    pub(super) fn map_instead(&mut self, n: &Notification, maps: &[Map]) -> Result<u64, Errno> {
        if process_of(n.thread as i32) == Some(std::process::id() as i32) {
            let mut address = Err(Errno::EINVAL);
            for map in maps {
                address = sys::map(self.kmd.store().fd(), map);
                if address.is_err() {
                    break;
                }
            }
            report(self.listener.answer(n.id, answer(address)));
            return address;
        }
        let thread = Pid::from_raw(n.thread as i32);
        if let Err(e) = ptrace::seize(thread, ptrace::Options::PTRACE_O_TRACESYSGOOD) {
            log::warn!("cannot map for thread {thread}: {e}; is a debugger attached to it?");
            report(self.listener.answer(n.id, Err(Errno::EOPNOTSUPP as i32)));
            return Err(Errno::EOPNOTSUPP);
        }
        let mapped = self.map_seized(n, thread, maps);
        // A thread that was killed needs no detaching.
        let _ = ptrace::detach(thread, None);
        mapped
    }

    fn map_seized(&mut self, n: &Notification, thread: Pid, maps: &[Map]) -> Result<u64, Errno> {
        let fd = self
            .listener
            .add_fd(n.id, self.kmd.store().fd(), true, false)
            .and_then(|fd| ptrace::interrupt(thread).map(|()| fd));
        let fd = match fd {
            Ok(fd) => fd as u64,
            Err(e) => {
                report(self.listener.answer(n.id, Err(e as i32)));
                return Err(e);
            }
        };
        self.listener.answer(n.id, Ok(0))?;
        self.until_stopped(thread)?;
        let signals = sys::swap_signal_mask(thread, u64::MAX)?;
        let before = ptrace::getregs(thread)?;
        let mut entry = [0; 2];
        let caller = self.caller(n).memory();
        caller.read(before.rip.wrapping_sub(2), &mut entry)?;
        let mut address = Err(Errno::EOPNOTSUPP);
        if entry == SYSCALL {
            for m in maps {
                let args = [m.address, m.len, m.protection, m.flags, fd, m.offset];
                address = self.call(thread, &before, libc::SYS_mmap, args);
                if address.is_err() {
                    break;
                }
            }
            self.call(thread, &before, libc::SYS_close, [fd, 0, 0, 0, 0, 0])?;
        }
        let value = answer(address).unwrap_or_else(|e| -i64::from(e));
        ptrace::setregs(
            thread,
            user_regs_struct {
                rax: value as u64,
                orig_rax: u64::MAX,
                ..before
            },
        )?;
        sys::swap_signal_mask(thread, signals)?;
        address
    }

    /// Has a stopped thread make a system call from where it made its own.
    fn call(
        &mut self,
        thread: Pid,
        before: &user_regs_struct,
        number: libc::c_long,
        args: [u64; 6],
    ) -> Result<u64, Errno> {
        let regs = user_regs_struct {
            rax: number as u64,
            orig_rax: u64::MAX,
            rip: before.rip.wrapping_sub(2),
            rdi: args[0],
            rsi: args[1],
            rdx: args[2],
            r10: args[3],
            r8: args[4],
            r9: args[5],
            ..*before
        };
        ptrace::setregs(thread, regs)?;
        // Into the call, and out of it.
        for _ in 0..2 {
            ptrace::syscall(thread, None)?;
            self.until_stopped(thread)?;
        }
        let value = ptrace::getregs(thread)?.rax as i64;
        match value {
            -4095..=-1 => Err(Errno::from_raw(-value as i32)),
            value => Ok(value as u64),
        }
    }

    /// Waits until a thread stops, letting its own calls through; those of others wait for their turn.
    fn until_stopped(&mut self, thread: Pid) -> Result<(), Errno> {
        loop {
            match waitpid(thread, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::PtraceSyscall(_) | WaitStatus::PtraceEvent(..)) => return Ok(()),
                // Every other signal is held back; this one comes again when the thread runs on.
                Ok(WaitStatus::Stopped(_, signal)) => {
                    ptrace::syscall(thread, None)?;
                    sys::send_to_thread(thread, signal)?;
                }
                Ok(WaitStatus::StillAlive) => {}
                Ok(_) | Err(Errno::ECHILD) => return Err(Errno::ESRCH),
                Err(Errno::EINTR) => continue,
                Err(e) => return Err(e),
            }
            let mut fds = [PollFd::new(self.listener.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, LOOK_MS) {
                Ok(0) | Err(Errno::EINTR) => continue,
                Ok(_) => {}
                Err(e) => return Err(e),
            }
            match self.listener.receive() {
                Ok(n) if n.thread == thread.as_raw() as u32 => self.listener.pass(n.id)?,
                Ok(n) => self.waiting.push_back(n),
                // Its thread died in between, or they all did.
                Err(_) => {}
            }
        }
    }
}

fn answer(address: Result<u64, Errno>) -> Result<i64, i32> {
    address.map(|a| a as i64).map_err(|e| e as i32)
}
