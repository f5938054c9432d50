//! Hardware contexts: few for the whole machine, so they are shared, evicted and waited for.

mod slots;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use xdna_driver::{Deadline, Device, Generation, HwContext, Submission};

use crate::error::{Error, Holder};
use crate::overlay::Overlay;
use crate::stats::{Meter, RunStats};
use slots::{Slot, Slots, Tenancy};

/// How often a full device is asked again.
const PAUSE: Duration = Duration::from_millis(20);

/// The contexts of this process on one device. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Contexts(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    device: Device,
    limit: usize,
    slots: Mutex<Slots>,
    /// Some context has become idle.
    idle: Condvar,
}

/// What the pool has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContextStats {
    /// Contexts that exist.
    pub live: usize,
    /// Contexts that commands are using.
    pub busy: usize,
    /// Contexts created.
    pub created: u64,
    /// Contexts destroyed to make room.
    pub evicted: u64,
    /// Contexts given up because something went wrong in them.
    pub abandoned: u64,
    /// Times a context that existed was used.
    pub reused: u64,
}

/// A context that exists, and what was run in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContextUse {
    /// Its handle.
    pub id: u32,
    /// Columns it was created with.
    pub columns: u16,
    /// Kernels of its overlay.
    pub kernels: Vec<String>,
    /// Commands that use it at this moment.
    pub users: u32,
    /// Its commands: a chain is one.
    pub commands: RunStats,
}

/// A context that won't be evicted while this lives.
#[derive(Debug)]
pub struct Lease {
    context: HwContext,
    tenancy: Arc<Tenancy>,
    pool: Arc<Pool>,
}

impl Lease {
    /// The context.
    pub fn context(&self) -> &HwContext {
        &self.context
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.tenancy.meter
    }
}

impl Clone for Lease {
    fn clone(&self) -> Self {
        self.tenancy.users.fetch_add(1, Ordering::Relaxed);
        Self {
            context: self.context.clone(),
            tenancy: Arc::clone(&self.tenancy),
            pool: Arc::clone(&self.pool),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.tenancy.users.fetch_sub(1, Ordering::Release) == 1 {
            // Whoever looks for an idle context holds the lock until it waits.
            drop(self.pool.slots.lock().unwrap_or_else(PoisonError::into_inner));
            self.pool.idle.notify_all();
        }
    }
}

impl Contexts {
    /// A pool without contexts that leaves some of the device's to others: four on XDNA1, twelve on XDNA2 at most.
    pub fn new(device: &Device) -> Self {
        let limit = match device.generation() {
            Generation::Xdna1 => 4,
            _ => 12,
        };
        Self::with_limit(device, limit)
    }

    /// A pool of at most `limit` contexts, and at least one.
    pub fn with_limit(device: &Device, limit: usize) -> Self {
        Self(Arc::new(Pool {
            device: device.clone(),
            limit: limit.max(1),
            slots: Mutex::default(),
            idle: Condvar::new(),
        }))
    }

    /// A context that has loaded `overlay`: one that exists, or a new one, for which an idle one is destroyed where
    /// there is no room: the one that is cheapest to load again and least asked for.
    ///
    /// Where other processes have all contexts of the device, waits for one.
    ///
    /// # Errors
    /// [`Error::ContextsTaken`] at the deadline, or what creating a context runs into.
    pub fn get(&self, overlay: &Overlay, deadline: Instant) -> Result<Lease, Error> {
        let pool = &*self.0;
        let mut slots = pool.slots.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            slots.reap();
            if let Some(slot) = slots.find(overlay) {
                return Ok(self.lease(slot));
            }
            let full = slots.len() >= pool.limit;
            if !full {
                match overlay.context() {
                    Ok(context) => return Ok(self.lease(slots.add(overlay, context))),
                    Err(e) if !is_no_room(&e) => return Err(e.into()),
                    Err(e) => log::debug!("{e}"),
                }
            }
            if slots.evict() {
                continue;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(slots);
                return Err(self.taken(full)?);
            }
            // Contexts of other processes do not say when they go.
            let pause = if full { left } else { left.min(PAUSE) };
            slots = match pool.idle.wait_timeout(slots, pause) {
                Ok((slots, _)) => slots,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// Gives a context up: what was submitted to it ends as it will, nothing new is.
    pub fn abandon(&self, lease: &Lease) {
        let mut slots = self.0.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.abandon(lease.context.id());
    }

    /// Gives a context up in which a command has not ended in time: it is destroyed when it has, which the driver sees to.
    pub fn retire(&self, lease: &Lease, submission: Submission) {
        let mut slots = self.0.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.abandon(lease.context.id());
        slots.retire(submission);
    }

    /// Destroys every context that is idle.
    pub fn clear(&self) {
        let mut slots = self.0.slots.lock().unwrap_or_else(PoisonError::into_inner);
        while slots.evict() {}
    }

    /// What the pool has done so far.
    pub fn stats(&self) -> ContextStats {
        self.0
            .slots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .stats()
    }

    /// The contexts that exist, the oldest first, and what was run in those that do not any more.
    pub fn each(&self) -> (Vec<ContextUse>, RunStats) {
        self.0.slots.lock().unwrap_or_else(PoisonError::into_inner).each()
    }

    fn lease(&self, slot: &Slot) -> Lease {
        slot.tenancy.users.fetch_add(1, Ordering::Relaxed);
        Lease {
            context: slot.context.clone(),
            tenancy: Arc::clone(&slot.tenancy),
            pool: Arc::clone(&self.0),
        }
    }

    /// Who has the contexts: this process as many as it may have (`own`), or all of them the device's.
    fn taken(&self, own: bool) -> Result<Error, Error> {
        let mut holders: Vec<Holder> = Vec::new();
        for context in self.0.device.contexts()? {
            match holders.iter_mut().find(|holder| holder.pid == context.pid) {
                Some(holder) => holder.contexts += 1,
                None => holders.push(Holder {
                    pid: context.pid,
                    name: name_of(context.pid),
                    contexts: 1,
                }),
            }
        }
        holders.sort_by_key(|holder| (std::cmp::Reverse(holder.contexts), holder.pid));
        Ok(Error::ContextsTaken {
            limit: if own {
                self.0.limit as u32
            } else {
                self.0.device.chip().contexts
            },
            holders,
        })
    }
}

/// True for what goes away when a context does.
fn is_no_room(e: &xdna_driver::Error) -> bool {
    use xdna_driver::Error::{ColumnsOccupied, ContextLimit, ContextRefused};
    // Who had them may have gone between the refusal and the question who has them.
    let refused_among_others = matches!(e, ContextRefused { live, .. } if *live > 0);
    matches!(e, ContextLimit { .. } | ColumnsOccupied { .. }) || refused_among_others
}

fn name_of(pid: i64) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim().chars().filter(|c| !c.is_control()).collect())
}

/// A deadline of the driver's.
pub(crate) fn until(deadline: Instant) -> Deadline {
    Deadline::at(deadline)
}
