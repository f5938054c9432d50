//! Threads that a signal has stopped. They stay stopped only without a tracer (nix has no PTRACE_LISTEN), so they are let
//! go, and taken back when they run again: what they call in the moment between is not seen.

use std::collections::BTreeSet;
use std::fs;

use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::unistd::Pid;

/// Threads let go while they are stopped.
#[derive(Debug, Default)]
pub(super) struct Sleepers(BTreeSet<Pid>);

impl Sleepers {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lets a stopped thread go: it stays stopped.
    pub(super) fn add(&mut self, thread: Pid) -> Result<(), Errno> {
        match ptrace::detach(thread, None) {
            Ok(()) => {
                self.0.insert(thread);
                Ok(())
            }
            // It was killed meanwhile.
            Err(Errno::ESRCH) => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// A thread has ended.
    pub(super) fn forget(&mut self, thread: Pid) {
        self.0.remove(&thread);
    }

    /// Takes back those that run again.
    pub(super) fn wake(&mut self, options: Options) -> Result<(), Errno> {
        let awake: Vec<_> = self
            .0
            .iter()
            .copied()
            .filter(|thread| !is_stopped(*thread))
            .collect();
        for thread in awake {
            self.0.remove(&thread);
            match ptrace::seize(thread, options).and_then(|()| ptrace::interrupt(thread)) {
                // It has ended, or its starter is watched and so is it.
                Ok(()) | Err(Errno::ESRCH | Errno::EPERM) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

/// True of a thread that a signal has stopped; a thread that is gone is not.
fn is_stopped(thread: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{thread}/stat")).unwrap_or_default();
    // Behind the name, which may hold anything.
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
}
