//! Timeout detection and what follows it.

use nix::errno::Errno;
use xdna_uapi::ert::{HealthRecord, state};

use super::Kmd;
use super::client::ClientId;
use super::job::Stage;
use crate::firmware::Verdict;
use crate::profile::{Feature, Kernel, Level, Rule};

impl Kmd {
    /// Nanoseconds after which the oldest job of a context is late; `None` if detection is off.
    fn job_timeout_ns(&self) -> Option<u64> {
        let default = if self.device_wide() {
            2_000_000_000
        } else {
            60_000_000_000
        };
        match self.timing.job_timeout {
            None => Some(default),
            Some(t) if t.is_zero() => None,
            Some(t) => Some(t.as_nanos() as u64),
        }
    }

    /// True if progress anywhere on the device restarts the clock.
    fn device_wide(&self) -> bool {
        self.profile.kernel >= Kernel::V7_2
    }

    /// When the oldest job of a context is late.
    fn late_at(&mut self, id: ClientId, handle: u32) -> Option<u64> {
        let limit = self.job_timeout_ns()?;
        let (device_wide, progress) = (self.device_wide(), self.last_progress);
        let context = self.context(id, handle).ok().filter(|c| !c.closing)?;
        let head = context.jobs.front()?;
        matches!(head.stage, Stage::Posted { .. }).then_some(())?;
        let since = if device_wide {
            head.since.max(progress)
        } else {
            head.since
        };
        Some(since + limit)
    }

    /// Ends what is late.
    pub(super) fn detect_timeouts(&mut self, contexts: &[(ClientId, u32)]) {
        for &(id, handle) in contexts {
            if self.late_at(id, handle).is_some_and(|at| at <= self.now) {
                self.time_out(id, handle);
            }
        }
    }

    /// The next moment at which something happens by itself.
    pub fn next_event(&mut self) -> Option<u64> {
        let contexts: Vec<(ClientId, u32)> = self
            .clients
            .iter()
            .flat_map(|(&id, c)| c.contexts.keys().map(move |&h| (id, h)))
            .collect();
        let mut next: Option<u64> = None;
        let mut earliest = |at: u64| next = Some(next.map_or(at, |n| n.min(at)));
        for (id, handle) in contexts {
            if self.computes(id, handle) {
                return Some(self.now);
            }
            if let Some(Stage::Posted {
                verdict,
                ends: Some(ends),
                ..
            }) = self.jobs_of(id, handle).and_then(|j| j.front()).map(|j| &j.stage)
                && !matches!(verdict, Verdict::Hang { .. } | Verdict::Lost)
            {
                earliest(*ends);
            }
            if let Some(at) = self.late_at(id, handle) {
                earliest(at);
            }
        }
        if let Some(at) = self.suspends_at() {
            earliest(at);
        }
        next
    }

    fn time_out(&mut self, id: ClientId, handle: u32) {
        let Some(job) = self.jobs_of(id, handle).and_then(|j| j.pop_front()) else {
            return;
        };
        let verdict = match &job.stage {
            Stage::Posted { verdict, .. } => verdict.clone(),
            _ => Verdict::Lost,
        };
        let (health, index) = match verdict {
            Verdict::Hang { health, index } => (health, index),
            _ => (None, 0),
        };
        log::info!("context {handle}: command {} timed out", job.seq);
        let old = self.profile.kernel.level() == Level::L0 || !self.rules.on(Rule::TimeoutState);
        let end = if old { state::ABORT } else { state::TIMEOUT };
        // Level 0 has no report: what it stores is the raw status, which a stopped channel does not have.
        // The index of a chain comes from the report (driver-abi, section 8.4).
        let reported = health.is_some() && self.profile.has(Feature::AppHealth);
        let index = if reported { index } else { 0 };
        let failed = (self.profile.kernel.level() > Level::L0).then_some((index, 0));
        self.write_back(&job, end, failed, health.as_ref());
        self.tell_hung(id, handle, job.seq);
        self.dump_before_reset(id, handle);
        let (now, window) = (self.now, self.timing.drop_window.as_nanos() as u64);
        self.last_progress = now;
        if let Ok(context) = self.context(id, handle) {
            context.completions += 1;
            context.health = health;
            context.drops_until = now + window;
        }
        job.fence.signal(Err(Errno::ETIME));
        self.cancel_jobs(id, handle, state::ABORT);
        self.replay(id, handle);
    }

    /// Re-creates the firmware's side of a context; the handle, syncobj and sequence go on.
    fn replay(&mut self, id: ClientId, handle: u32) {
        let Some(cus) = self.context(id, handle).ok().and_then(|c| c.cus.clone()) else {
            return;
        };
        let pdis = self.load_pdis(id, &cus).unwrap_or_default();
        if let Ok(context) = self.context(id, handle) {
            context.broken = pdis.is_none();
            context.pdis = pdis.unwrap_or_default();
        }
    }

    /// The health record of a context that is stuck in `operation`; all ones before the first.
    pub fn health(operation: u32) -> HealthRecord {
        HealthRecord {
            version: HealthRecord::VERSION.into(),
            npu_gen: 0.into(),
            txn_op_idx: operation.into(),
            ctx_pc: 1.into(),
            fatal_error_type: 0.into(),
            fatal_error_exception_type: 0.into(),
            fatal_error_exception_pc: 0.into(),
            fatal_error_app_module: 0.into(),
        }
    }
}
