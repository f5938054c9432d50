//! The ptrace loop: stops threads at their system calls, hands out those that concern an NPU.

use std::thread;

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::event::Event;
use super::stops::{Held, LOOK, is_of_process};
use super::threads::Threads;

/// Numbers of stops: a thread or process started, another program, and what seizing brings.
const FORK: i32 = libc::PTRACE_EVENT_FORK;
const VFORK: i32 = libc::PTRACE_EVENT_VFORK;
const CLONE: i32 = libc::PTRACE_EVENT_CLONE;
const EXEC: i32 = libc::PTRACE_EVENT_EXEC;
const STOP: i32 = 128;

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Well,
    Code(i32),
    Signal(Signal),
}

/// Watches threads.
pub(super) struct Tracer {
    root: Pid,
    threads: Threads,
    held: Held,
}

impl Tracer {
    /// For what was started, or taken over.
    pub(super) fn new(root: Pid) -> Self {
        Self {
            root,
            threads: Threads::new(),
            held: Held::default(),
        }
    }

    /// Watches until every thread has ended, or `event` says that nobody listens.
    pub(super) fn run(
        mut self,
        mut event: impl FnMut(Event) -> anyhow::Result<bool>,
    ) -> anyhow::Result<Ended> {
        let mut ended = Ended::Well;
        loop {
            let mut flags = WaitPidFlag::__WALL;
            flags.set(WaitPidFlag::WNOHANG, !self.held.is_empty());
            let status = match waitpid(None, Some(flags)) {
                Ok(status) => status,
                Err(Errno::EINTR) => continue,
                Err(Errno::ECHILD) => return Ok(ended),
                Err(e) => return Err(e.into()),
            };
            let (thread, signal) = match status {
                WaitStatus::StillAlive => {
                    let released = self.held.released();
                    for thread in &released {
                        goes_on(*thread, None)?;
                    }
                    if released.is_empty() {
                        thread::sleep(LOOK);
                    }
                    continue;
                }
                WaitStatus::PtraceSyscall(thread) => {
                    let is_heard = match self.threads.stopped(thread) {
                        Some(happened) => event(happened)?,
                        None => true,
                    };
                    if !is_heard {
                        return Ok(ended);
                    }
                    (thread, None)
                }
                WaitStatus::PtraceEvent(thread, signal, STOP) if is_of_process(signal) => {
                    self.held.hold(thread, self.threads.process(thread));
                    continue;
                }
                WaitStatus::PtraceEvent(thread, _, number) => {
                    self.happened(thread, number);
                    (thread, None)
                }
                WaitStatus::Stopped(thread, signal) => (thread, Some(signal)),
                WaitStatus::Exited(thread, code) => {
                    if let Some(happened) = self.died(thread) {
                        event(happened)?;
                    }
                    if thread == self.root && code != 0 {
                        ended = Ended::Code(code);
                    }
                    continue;
                }
                WaitStatus::Signaled(thread, signal, _) => {
                    if let Some(happened) = self.died(thread) {
                        event(happened)?;
                    }
                    if thread == self.root {
                        ended = Ended::Signal(signal);
                    }
                    continue;
                }
                _ => continue,
            };
            self.held.forget(thread);
            goes_on(thread, signal)?;
        }
    }

    /// A thread started another, or became another program.
    fn happened(&mut self, thread: Pid, number: i32) {
        match number {
            FORK | VFORK | CLONE => {
                // Without an answer it was killed meanwhile.
                if let Ok(new) = ptrace::getevent(thread) {
                    self.threads.started(thread, Pid::from_raw(new as i32));
                }
            }
            EXEC => self.threads.executed(thread),
            _ => {}
        }
    }

    fn died(&mut self, thread: Pid) -> Option<Event> {
        self.held.forget(thread);
        self.threads.died(thread)
    }
}

/// Lets a thread run to its next call, with a signal that came for it.
fn goes_on(thread: Pid, signal: Option<Signal>) -> anyhow::Result<()> {
    match ptrace::syscall(thread, signal) {
        // It was killed meanwhile; its end is reported next.
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(e) => Err(e.into()),
    }
}
