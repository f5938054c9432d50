//! `--stats`: what the runtime counted while it ran.

use std::time::Duration;

use serde::Serialize;
use xdna_runtime::{Kernel, Snapshot};
use xdna_terminal::{Table, bytes};

/// Of the kernel, its comparison with the reference included; of all contexts and buffers.
#[derive(Debug, Serialize)]
pub(super) struct Counted {
    completed: u64,
    failed: u64,
    timed_out: u64,
    rejected: u64,
    late: u64,
    resent: u64,
    latency_p50_ns: Option<u64>,
    latency_p99_ns: Option<u64>,
    contexts_created: u64,
    contexts_reused: u64,
    contexts_evicted: u64,
    contexts_abandoned: u64,
    buffers_high_water_bytes: usize,
}

impl Counted {
    pub fn of(kernel: &Kernel, snapshot: &Snapshot) -> Self {
        let runs = kernel.stats();
        let quantile = |share| {
            runs.latency
                .quantile(share)
                .map(|t: Duration| t.as_nanos() as u64)
        };
        Self {
            completed: runs.completed,
            failed: runs.failed,
            timed_out: runs.timed_out,
            rejected: runs.rejected,
            late: runs.late,
            resent: runs.resent,
            latency_p50_ns: quantile(0.5),
            latency_p99_ns: quantile(0.99),
            contexts_created: snapshot.contexts.created,
            contexts_reused: snapshot.contexts.reused,
            contexts_evicted: snapshot.contexts.evicted,
            contexts_abandoned: snapshot.contexts.abandoned,
            buffers_high_water_bytes: snapshot.buffers.high_water_bytes,
        }
    }

    pub fn rows(&self, table: &mut Table) {
        table.pair(
            "commands",
            format!(
                "{} completed, {} failed, {} timed out, {} rejected, {} late, {} sent again",
                self.completed, self.failed, self.timed_out, self.rejected, self.late, self.resent
            ),
        );
        if let (Some(p50), Some(p99)) = (self.latency_p50_ns, self.latency_p99_ns) {
            let us = |ns: u64| ns as f64 / 1e3;
            table.pair(
                "latency",
                format!("p50 below {:.1} us, p99 below {:.1} us", us(p50), us(p99)),
            );
        }
        table.pair(
            "contexts",
            format!(
                "{} created, {} times used again, {} evicted, {} given up",
                self.contexts_created, self.contexts_reused, self.contexts_evicted, self.contexts_abandoned
            ),
        );
        let most = bytes(self.buffers_high_water_bytes as u64);
        table.pair("buffers", format!("{most} at most"));
    }
}
