//! Telemetry: counters and latencies of every kernel, read while it runs.

mod histogram;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use xdna_driver::Outcome;

use histogram::Histogram;
pub use histogram::LatencyHistogram;

/// What is counted of one kernel: by atomics, on the hot path.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    completed: AtomicU64,
    failed: AtomicU64,
    timed_out: AtomicU64,
    rejected: AtomicU64,
    late: AtomicU64,
    resent: AtomicU64,
    latency: Histogram,
}

/// What was counted of one kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KernelStats {
    /// Runs that completed.
    pub completed: u64,
    /// Runs that the firmware failed, or that were aborted with their context.
    pub failed: u64,
    /// Runs that met the driver's time limit.
    pub timed_out: u64,
    /// Runs whose packet the driver refused.
    pub rejected: u64,
    /// Runs that had not ended at the caller's deadline.
    pub late: u64,
    /// Commands sent again because they were lost while their context recovered.
    pub resent: u64,
    /// Submission to end of the runs that completed; a chain's time shared equally among its runs.
    pub latency: LatencyHistogram,
}

impl Meter {
    pub(crate) fn completed(&self, latency: Duration) {
        self.completed.fetch_add(1, Ordering::Relaxed);
        self.latency.note(latency);
    }

    pub(crate) fn failed(&self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::TimedOut { .. } => &self.timed_out,
            Outcome::Rejected => &self.rejected,
            _ => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn late(&self) {
        self.late.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn resent(&self) {
        self.resent.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> KernelStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        KernelStats {
            completed: read(&self.completed),
            failed: read(&self.failed),
            timed_out: read(&self.timed_out),
            rejected: read(&self.rejected),
            late: read(&self.late),
            resent: read(&self.resent),
            latency: self.latency.snapshot(),
        }
    }
}
