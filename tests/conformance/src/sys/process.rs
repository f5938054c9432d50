//! Processes and signals.

use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};
use std::{fs, io, ptr};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, pipe};

/// A forked process that says something through a pipe and ends.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    said: OwnedFd,
}

/// Runs `body` in a forked process, whose words the child's [`Child::finish`] returns.
///
/// # Errors
/// If this process has other threads, or cannot fork.
pub fn fork(body: impl FnOnce() -> String) -> io::Result<Child> {
    let threads = fs::read_dir("/proc/self/task")?.count();
    if threads != 1 {
        return Err(io::Error::other(format!(
            "{threads} threads, can fork with one only"
        )));
    }
    let (said, says) = pipe()?;
    // SAFETY: this thread is the only one (counted above), so no lock is held by another in the child.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Child { pid: child, said }),
        ForkResult::Child => {
            drop(said);
            let words = body();
            let whole = words
                .as_bytes()
                .chunks(4096)
                .all(|part| nix::unistd::write(&says, part).is_ok());
            std::process::exit(i32::from(!whole));
        }
    }
}

impl Child {
    /// What the process said, or how it ended without saying anything. It is killed after `limit`.
    pub fn finish(self, limit: Duration) -> io::Result<Result<String, String>> {
        let deadline = Instant::now() + limit;
        let mut words = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            match poll(&mut [PollFd::new(self.said.as_fd(), PollFlags::POLLIN)], wait) {
                Ok(0) => {
                    kill(self.pid, Signal::SIGKILL)?;
                    // A process stuck in the kernel outlives its SIGKILL; waiting for it could take for ever.
                    waitpid(self.pid, Some(WaitPidFlag::WNOHANG))?;
                    return Ok(Err("hung".into()));
                }
                Ok(_) => {}
                Err(Errno::EINTR) => continue,
                Err(e) => return Err(e.into()),
            }
            let mut part = [0; 4096];
            match fs::File::from(self.said.try_clone()?).read(&mut part)? {
                0 => break,
                n => words.extend_from_slice(&part[..n]),
            }
        }
        Ok(match waitpid(self.pid, None)? {
            WaitStatus::Exited(_, 0) => Ok(String::from_utf8_lossy(&words).into_owned()),
            WaitStatus::Exited(_, code) => Err(format!("exit {code}")),
            WaitStatus::Signaled(_, signal, _) => Err(signal.to_string()),
            other => Err(format!("{other:?}")),
        })
    }
}

extern "C" fn nothing(_: libc::c_int) {}

/// Interrupts blocking calls of this thread every `period` from now on: a SIGALRM whose handler does nothing and
/// asks for no restart.
pub fn interrupt_every(period: Duration) -> nix::Result<()> {
    let action = SigAction::new(SigHandler::Handler(nothing), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing, which is async-signal-safe.
    unsafe { sigaction(Signal::SIGALRM, &action) }?;
    timer(period)
}

/// Ends what [`interrupt_every`] began.
pub fn stop_interrupting() -> nix::Result<()> {
    timer(Duration::ZERO)
}

fn timer(period: Duration) -> nix::Result<()> {
    let time = libc::timeval {
        tv_sec: period.as_secs() as i64,
        tv_usec: period.subsec_micros().into(),
    };
    let value = libc::itimerval {
        it_interval: time,
        it_value: time,
    };
    // SAFETY: `value` lives through the call; the old value is not asked for.
    Errno::result(unsafe { libc::setitimer(libc::ITIMER_REAL, &value, ptr::null_mut()) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forking_is_refused_while_other_threads_run() {
        // The test harness runs every test in a thread of its own.
        assert!(fork(String::new).is_err());
    }
}
