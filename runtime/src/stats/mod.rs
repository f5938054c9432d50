//! Telemetry: counters and latencies of every kernel and every context, read while they run.

mod histogram;

use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use xdna_driver::Outcome;

use histogram::Histogram;
pub use histogram::LatencyHistogram;

/// What is counted of one kernel or one context: by atomics, on the hot path.
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

/// What was counted of one kernel, or of one context.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunStats {
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

impl AddAssign<&RunStats> for RunStats {
    fn add_assign(&mut self, other: &RunStats) {
        self.completed += other.completed;
        self.failed += other.failed;
        self.timed_out += other.timed_out;
        self.rejected += other.rejected;
        self.late += other.late;
        self.resent += other.resent;
        self.latency += &other.latency;
    }
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

    pub(crate) fn snapshot(&self) -> RunStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RunStats {
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
