//! Threads whose process is stopped as by SIGSTOP or Ctrl-Z: they stay where they are until it may go on.
//!
//! The kernel tells a tracer of the stop, not of its end (but by PTRACE_LISTEN, which has no safe wrapper). SIGCONT for a
//! thread that is held stays pending, which `/proc` shows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::process::Process;

/// How often to look whether a stopped process may go on.
pub(super) const LOOK: Duration = Duration::from_millis(20);

/// Threads held, and their processes.
#[derive(Debug, Default)]
pub(super) struct Held(BTreeMap<Pid, Process>);

/// Whether a stop that a tracer was told of with this signal is one of the whole process.
pub(super) fn is_of_process(signal: Signal) -> bool {
    matches!(
        signal,
        Signal::SIGSTOP | Signal::SIGTSTP | Signal::SIGTTIN | Signal::SIGTTOU
    )
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Leaves a thread where it is.
    pub(super) fn hold(&mut self, thread: Pid, process: Process) {
        self.0.insert(thread, process);
    }

    /// It has ended, or left the stop by another way.
    pub(super) fn forget(&mut self, thread: Pid) {
        self.0.remove(&thread);
    }

    /// Threads that may go on: SIGCONT has come for their process.
    pub(super) fn released(&mut self) -> Vec<Pid> {
        let continued = self.0.iter().filter(|(thread, _)| {
            let status = fs::read_to_string(format!("/proc/{thread}/status")).unwrap_or_default();
            has_pending(&status, Signal::SIGCONT)
        });
        let processes: BTreeSet<Process> = continued.map(|(_, process)| *process).collect();
        let threads = self.0.iter().filter(|(_, process)| processes.contains(process));
        let threads: Vec<Pid> = threads.map(|(thread, _)| *thread).collect();
        self.0.retain(|_, process| !processes.contains(process));
        threads
    }
}

/// Whether a signal waits for a thread or its process, from `/proc/PID/status`.
fn has_pending(status: &str, signal: Signal) -> bool {
    let bit = 1_u64 << (signal as i32 - 1);
    let masks = status.lines().filter_map(|line| {
        line.strip_prefix("SigPnd:")
            .or_else(|| line.strip_prefix("ShdPnd:"))
    });
    let masks = masks.filter_map(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    masks.fold(0, |all, mask| all | mask) & bit != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pending_signals_are_of_the_thread_or_the_process() {
        let status = |own: &str, shared: &str| {
            format!("Name:\tx\nSigPnd:\t{own}\nShdPnd:\t{shared}\nSigBlk:\t0000000000020000\n")
        };
        let pending = |own, shared| has_pending(&status(own, shared), Signal::SIGCONT);
        assert!(pending("0000000000020000", "0000000000000000"));
        assert!(pending("0000000000000000", "0000000000020001"));
        assert!(!pending("0000000000010000", "0000000000000001"));
        assert!(!has_pending("", Signal::SIGCONT));
    }
}
