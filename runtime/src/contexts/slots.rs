//! The contexts there are, and which of them goes first.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use xdna_driver::{ContextId, Deadline, HwContext, Submission, Wait};

use super::{ContextStats, ContextUse};
use crate::overlay::Overlay;
use crate::stats::{Meter, RunStats};

/// Uses after which earlier ones count half: a few layers of a model.
const HALF_LIFE: u64 = 64;

/// A context and what it is worth.
#[derive(Debug)]
pub(super) struct Slot {
    pub context: HwContext,
    pub tenancy: Arc<Tenancy>,
    overlay: Overlay,
    worth: Worth,
}

/// Who uses a context, and what was run in it.
#[derive(Debug, Default)]
pub(super) struct Tenancy {
    /// Leases; a context with any is not evicted.
    pub users: AtomicU32,
    pub meter: Meter,
}

/// What evicting a context would cost: the time to load it again, times how often it was asked for lately.
#[derive(Clone, Copy, Debug)]
struct Worth {
    load_ns: u64,
    demand: f64,
    used: u64,
}

impl Worth {
    /// Loading takes 55 us and 286 us a column (measured on XDNA1 by Npu-Embeddings), and the bytes of its images
    /// go through one shim stream: 4 a nanosecond.
    fn new(columns: u16, bytes: usize, now: u64) -> Self {
        Self {
            load_ns: 55_000 + 286_000 * u64::from(columns) + bytes as u64 / 4,
            demand: 1.0,
            used: now,
        }
    }

    fn demand(self, now: u64) -> f64 {
        self.demand * 0.5_f64.powf((now - self.used) as f64 / HALF_LIFE as f64)
    }

    fn note_use(&mut self, now: u64) {
        (self.demand, self.used) = (self.demand(now) + 1.0, now);
    }

    fn value(self, now: u64) -> f64 {
        self.load_ns as f64 * self.demand(now)
    }
}

#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    /// Commands that were late, and with them their contexts, which would be waited for if they were dropped.
    late: Vec<Submission>,
    /// What was run in contexts that are gone; of those in use until the end, still.
    past: RunStats,
    closing: Vec<Arc<Tenancy>>,
    /// Uses so far: the pool's clock, so that the same calls evict the same contexts.
    now: u64,
    stats: ContextStats,
}

impl Slots {
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// The context of an overlay, if there is one.
    pub fn find(&mut self, overlay: &Overlay) -> Option<&Slot> {
        let identity = overlay.identity();
        let slot = self
            .slots
            .iter_mut()
            .find(|slot| slot.overlay.identity() == identity)?;
        self.now += 1;
        self.stats.reused += 1;
        slot.worth.note_use(self.now);
        Some(slot)
    }

    pub fn add(&mut self, overlay: &Overlay, context: HwContext) -> &Slot {
        self.now += 1;
        self.stats.created += 1;
        let slot = Slot {
            context,
            tenancy: Arc::default(),
            overlay: overlay.clone(),
            worth: Worth::new(overlay.columns(), overlay.bytes(), self.now),
        };
        let place = self.slots.len();
        self.slots.push(slot);
        &self.slots[place]
    }

    /// Destroys the idle context that is worth least; false if none is idle.
    pub fn evict(&mut self) -> bool {
        let now = self.now;
        let idle = |slot: &&Slot| slot.tenancy.users.load(Ordering::Acquire) == 0;
        let order = |a: &Slot, b: &Slot| {
            let worth = a.worth.value(now).total_cmp(&b.worth.value(now));
            worth.then(a.worth.used.cmp(&b.worth.used))
        };
        let Some(id) = self
            .slots
            .iter()
            .filter(idle)
            .min_by(|a, b| order(a, b))
            .map(|s| s.context.id())
        else {
            return false;
        };
        log::debug!("context {id} makes room");
        self.close(id);
        self.stats.evicted += 1;
        true
    }

    pub fn abandon(&mut self, id: ContextId) {
        self.stats.abandoned += u64::from(self.close(id));
    }

    /// Lets go of a context; false if it is not there.
    fn close(&mut self, id: ContextId) -> bool {
        let Some(place) = self.slots.iter().position(|slot| slot.context.id() == id) else {
            return false;
        };
        self.closing.push(self.slots.remove(place).tenancy);
        let past = &mut self.past;
        // Who still has a lease may still count.
        self.closing.retain(|tenancy| {
            let counts = Arc::strong_count(tenancy) > 1;
            if !counts {
                *past += &tenancy.meter.snapshot();
            }
            counts
        });
        true
    }

    pub fn each(&self) -> (Vec<ContextUse>, RunStats) {
        let live = self.slots.iter().map(|slot| ContextUse {
            id: slot.context.id().get(),
            columns: slot.context.columns(),
            kernels: slot.overlay.kernels(),
            users: slot.tenancy.users.load(Ordering::Acquire),
            commands: slot.tenancy.meter.snapshot(),
        });
        let mut past = self.past.clone();
        self.closing.iter().for_each(|t| past += &t.meter.snapshot());
        (live.collect(), past)
    }

    pub fn retire(&mut self, submission: Submission) {
        self.late.push(submission);
    }

    /// Lets go of late commands that have ended by now.
    pub fn reap(&mut self) {
        if self.late.is_empty() {
            return;
        }
        let now = Deadline::at(Instant::now());
        let still = |submission: Submission| match submission.wait(now) {
            Ok(Wait::Pending(submission)) => Some(submission),
            Ok(Wait::Ended(finished)) => {
                log::info!("a late command has ended: {}", finished.outcome);
                None
            }
            Err(e) => {
                log::warn!("a late command: {e}");
                None
            }
        };
        self.late = std::mem::take(&mut self.late)
            .into_iter()
            .filter_map(still)
            .collect();
    }

    pub fn stats(&self) -> ContextStats {
        let busy = |slot: &&Slot| slot.tenancy.users.load(Ordering::Acquire) > 0;
        ContextStats {
            live: self.slots.len(),
            busy: self.slots.iter().filter(busy).count(),
            ..self.stats
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_costly_to_load_outlives_what_was_used_later() {
        let mut large = Worth::new(8, 4 << 20, 1);
        for now in 2..10 {
            large.note_use(now);
        }
        let small = Worth::new(1, 10_000, 20);
        assert!(large.value(20) > small.value(20));
        // But not for ever.
        assert!(large.value(20 + 20 * HALF_LIFE) < small.value(20));
    }

    #[test]
    fn demand_halves() {
        let worth = Worth::new(1, 0, 0);
        assert!((worth.demand(HALF_LIFE) - 0.5).abs() < 1e-12);
    }
}
