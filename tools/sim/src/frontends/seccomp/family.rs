//! The program and the processes it leaves behind: signals go to them, and they are waited for.
//!
//! The supervisor is a subreaper: a process whose parent ended becomes its child, so whoever can still need the device
//! is found below it.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::process;

use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd, siginfo};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::guardian::Guardian;
use super::process::{children_of, status_field};
use super::sys;

/// Signals that stay with the supervisor: they tell of its own faults, stop it or are ignored by default.
const OWN: [Signal; 15] = [
    Signal::SIGSEGV,
    Signal::SIGBUS,
    Signal::SIGFPE,
    Signal::SIGILL,
    Signal::SIGSYS,
    Signal::SIGTRAP,
    Signal::SIGABRT,
    Signal::SIGTSTP,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
    Signal::SIGCONT,
    Signal::SIGWINCH,
    Signal::SIGURG,
    Signal::SIGPIPE,
    Signal::SIGXCPU,
];

/// The signals of the process before they were held back for the program.
#[derive(Clone, Copy, Debug)]
pub struct Before(SigSet);

impl Before {
    /// Lets them through again, in the program that is to be.
    pub fn restore(self) -> io::Result<()> {
        sys::default_action(Signal::SIGPIPE).map_err(io::Error::from)?;
        self.0.thread_set_mask().map_err(io::Error::from)
    }
}

/// Holds signals back from now on.
///
/// # Errors
/// When the system refuses, which it has no reason for.
pub fn hold_signals() -> io::Result<Before> {
    let mut held = SigSet::all();
    for signal in OWN {
        held.remove(signal);
    }
    // Ignored by a parent, it would make the program's end unknowable.
    sys::default_action(Signal::SIGCHLD).map_err(io::Error::from)?;
    let before = held.thread_swap_mask(SigmaskHow::SIG_BLOCK);
    before.map(Before).map_err(io::Error::from)
}

/// The program and its descendants.
pub struct Family {
    child: Pid,
    name: String,
    signals: SignalFd,
    /// The program's end is not the end: others may need the device.
    all: bool,
    guardian: Option<Guardian>,
    code: Option<i32>,
    /// Those that the program left were told to end.
    told: bool,
}

impl Family {
    /// Of the program that `child` is to become, its signals held back already; `all` of it will be waited for, or
    /// the program alone.
    ///
    /// # Errors
    /// When there is no descriptor for them.
    pub fn new(child: Pid, name: String, all: bool) -> io::Result<Self> {
        prctl::set_child_subreaper(true).map_err(io::Error::from)?;
        let held = SigSet::thread_get_mask().map_err(io::Error::from)?;
        let signals = SignalFd::with_flags(&held, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK);
        Ok(Self {
            child,
            name,
            all,
            signals: signals.map_err(io::Error::from)?,
            guardian: None,
            code: None,
            told: false,
        })
    }

    /// Has the program and all that it starts ended if this process is killed.
    ///
    /// # Errors
    /// When there is no process to be had for that.
    pub fn guard(&mut self) -> io::Result<()> {
        self.guardian = Some(Guardian::new(self.child)?);
        Ok(())
    }

    /// Readable when [`Self::attend`] has something to do.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.signals.as_fd()
    }

    /// The program's exit code, once it has ended; 128 + the signal that killed it.
    pub fn code(&self) -> Option<i32> {
        self.code
    }

    /// Takes the signals that have come.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn attend(&mut self) -> io::Result<()> {
        while let Some(info) = self.signals.read_signal().map_err(io::Error::from)? {
            if info.ssi_signo == Signal::SIGCHLD as u32 {
                self.reap(Some(WaitPidFlag::WNOHANG))?;
            } else {
                self.pass_on(&info);
            }
        }
        Ok(())
    }

    /// Waits until the program has ended, signals going to it.
    ///
    /// # Errors
    /// When its end cannot be learnt.
    pub fn wait(&mut self) -> io::Result<i32> {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        loop {
            if let Some(code) = self.code {
                return Ok(code);
            }
            match poll(
                &mut [PollFd::new(self.fd(), PollFlags::POLLIN)],
                PollTimeout::NONE,
            ) {
                Ok(_) | Err(Errno::EINTR) => self.attend()?,
                Err(e) => return Err(e.into()),
            }
        }
    }

    /// Kills the program, which cannot go on.
    pub fn kill(&mut self) {
        if self.code.is_none() {
            // It is a child that was not waited for: the number is still its own.
            let _ = sys::send_signal(self.child.as_raw(), libc::SIGKILL);
            let _ = waitpid(self.child, None);
        }
        if let Some(guardian) = self.guardian.take() {
            guardian.dismiss();
        }
    }

    /// Waits for all of them, which are ending; returns the program's exit code.
    ///
    /// # Errors
    /// When their end cannot be learnt.
    pub fn finish(&mut self) -> io::Result<i32> {
        self.all = false;
        if let Some(guardian) = self.guardian.take() {
            guardian.dismiss();
        }
        self.reap(None)?;
        self.wait()
    }

    /// Takes the exit codes of those that have ended, or of all of them.
    fn reap(&mut self, flags: Option<WaitPidFlag>) -> io::Result<()> {
        loop {
            let (pid, code) = match waitpid(None, flags) {
                Ok(WaitStatus::Exited(pid, code)) => (pid, code),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, 128 + signal as i32),
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(()),
                Ok(_) | Err(Errno::EINTR) => continue,
                Err(e) => return Err(e.into()),
            };
            if pid == self.child {
                self.code = Some(code);
                if self.all {
                    self.say_who_is_left(code);
                }
            }
        }
    }

    /// Every process of the program that has not ended.
    fn left(&self) -> Vec<i32> {
        let mut left = descendants();
        left.retain(|&pid| self.guardian.as_ref().is_none_or(|g| g.process().as_raw() != pid));
        left
    }

    fn say_who_is_left(&self, code: i32) {
        let left = self.left();
        if left.is_empty() {
            return;
        }
        let mut text = format!(
            "xdna-sim: {} ended with {code}; waiting for what it left running:",
            self.name
        );
        for pid in left {
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            // Writing to a String cannot fail.
            let _ = write!(text, " {pid} ({})", name.trim_end());
        }
        // Nobody reads it then; that is no reason to stop.
        let _ = writeln!(io::stderr(), "{text}; a signal ends it");
    }

    /// Passes a signal on to the program; once that has ended, ends what it left.
    fn pass_on(&mut self, info: &siginfo) {
        let signal = info.ssi_signo as i32;
        let report = |pid: i32, signal| match sys::send_signal(pid, signal) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(e) => log::warn!("cannot pass signal {signal} on to process {pid}: {e}"),
        };
        if self.code.is_none() {
            if !from_terminal(info) {
                report(self.child.as_raw(), signal);
            }
            return;
        }
        let signal = if self.told { libc::SIGKILL } else { libc::SIGTERM };
        self.told = true;
        for pid in self.left() {
            report(pid, signal);
        }
    }
}

/// True if the terminal sent it to the whole group, the program among them.
fn from_terminal(info: &siginfo) -> bool {
    let keys = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP];
    info.ssi_code == libc::SI_KERNEL && keys.iter().any(|&s| s as u32 == info.ssi_signo)
}

/// Every process below this one that has not ended.
fn descendants() -> Vec<i32> {
    let mut found = children_of(process::id() as i32);
    let mut next = 0;
    while let Some(&pid) = found.get(next) {
        found.extend(children_of(pid));
        next += 1;
    }
    found.retain(|&pid| status_field(pid, "State").is_some_and(|s| !s.starts_with(['Z', 'X'])));
    found
}
