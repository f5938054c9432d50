//! The pool: free buffers by class, and what is known about all of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use xdna_driver::{Bo, Device};

use super::Buffer;
use super::class::class;
use crate::error::Error;
use crate::runtime::is_short;

/// A pool of buffers of one device. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Buffers(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    device: Device,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Buffers nobody has, by class.
    free: BTreeMap<usize, Vec<Arc<Bo>>>,
    /// Buffers their last holder gave back while a command still used them.
    flying: Vec<Arc<Bo>>,
    stats: BufferStats,
}

/// What the pool has done, in bytes of buffer objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BufferStats {
    /// In use, pinned ones not counted.
    pub used_bytes: usize,
    /// Kept for the next use, those that a command still has included.
    pub free_bytes: usize,
    /// Pinned.
    pub pinned_bytes: usize,
    /// The most that there ever was: used, free and pinned.
    pub high_water_bytes: usize,
    /// Buffer objects made.
    pub created: u64,
    /// Times one was used again instead.
    pub reused: u64,
}

impl BufferStats {
    fn total(&self) -> usize {
        self.used_bytes + self.free_bytes + self.pinned_bytes
    }
}

/// A buffer object that goes back to its pool.
#[derive(Debug)]
pub(super) struct Lease {
    bo: Arc<Bo>,
    keeper: Keeper,
    pool: Arc<Pool>,
}

/// Who has a buffer object when nobody uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keeper {
    /// The pool, for the next use.
    Pool,
    /// Nobody: it was made for one use.
    Nobody,
    /// Who made it, which was not the pool.
    Maker,
}

impl Lease {
    pub(super) fn bo(&self) -> &Arc<Bo> {
        &self.bo
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        let size = self.bo.size();
        match self.keeper {
            Keeper::Maker => {}
            Keeper::Nobody => state.stats.pinned_bytes -= size,
            Keeper::Pool => {
                state.stats.used_bytes -= size;
                state.stats.free_bytes += size;
                state.flying.push(Arc::clone(&self.bo));
            }
        }
    }
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Buffers whose last command has ended become free.
    fn land(&mut self) {
        let (landed, flying) = std::mem::take(&mut self.flying)
            .into_iter()
            .partition(|bo| Arc::strong_count(bo) == 1);
        self.flying = flying;
        let landed: Vec<Arc<Bo>> = landed;
        for bo in landed {
            self.free.entry(bo.size()).or_default().push(bo);
        }
    }
}

impl Buffers {
    /// An empty pool.
    pub fn new(device: &Device) -> Self {
        Self(Arc::new(Pool {
            device: device.clone(),
            state: Mutex::default(),
        }))
    }

    /// A buffer of `len` bytes: one that was used before, if there is one of that class, with what was in it.
    ///
    /// # Errors
    /// Memory is short, even after all free buffers were given up.
    pub fn get(&self, len: usize) -> Result<Buffer, Error> {
        let Some(size) = class(len) else {
            return Err(self.too_large(len));
        };
        let mut state = self.0.lock();
        state.land();
        if let Some(bo) = state.free.get_mut(&size).and_then(Vec::pop) {
            state.stats.free_bytes -= size;
            state.stats.used_bytes += size;
            state.stats.reused += 1;
            return Ok(self.lease(bo, len, Keeper::Pool));
        }
        drop(state);
        let bo = self.create(size)?;
        let bo = self.count(bo, |stats, size| stats.used_bytes += size);
        Ok(self.lease(bo, len, Keeper::Pool))
    }

    /// A buffer of `len` bytes that is never used for anything else: weights.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn pin(&self, len: usize) -> Result<Buffer, Error> {
        let Some(_) = class(len) else {
            return Err(self.too_large(len));
        };
        let bo = self.create(len)?;
        Ok(self.lease(
            self.count(bo, |stats, size| stats.pinned_bytes += size),
            len,
            Keeper::Nobody,
        ))
    }

    /// A buffer object that the pool did not make, whole: imported from another device, or over memory of this process.
    /// It is not counted, and never used for anything else.
    pub fn adopt(&self, bo: Arc<Bo>) -> Buffer {
        let len = bo.size();
        self.lease(bo, len, Keeper::Maker)
    }

    /// Gives up free buffers, the largest first, until at most `keep` bytes of them are left.
    pub fn trim(&self, keep: usize) {
        let mut state = self.0.lock();
        state.land();
        while state.stats.free_bytes > keep {
            let Some(mut class) = state.free.last_entry() else {
                break;
            };
            match class.get_mut().pop() {
                Some(bo) => state.stats.free_bytes -= bo.size(),
                None => drop(class.remove()),
            }
        }
    }

    /// What the pool has done so far.
    pub fn stats(&self) -> BufferStats {
        self.0.lock().stats
    }

    fn create(&self, size: usize) -> Result<Arc<Bo>, Error> {
        match self.0.device.create_bo(size) {
            Err(e) if is_short(&e) => {
                log::warn!("{e}: giving up free buffers");
                self.trim(0);
                Ok(self.0.device.create_bo(size)?)
            }
            other => Ok(other?),
        }
    }

    fn count(&self, bo: Arc<Bo>, add: impl FnOnce(&mut BufferStats, usize)) -> Arc<Bo> {
        let mut state = self.0.lock();
        add(&mut state.stats, bo.size());
        state.stats.created += 1;
        state.stats.high_water_bytes = state.stats.high_water_bytes.max(state.stats.total());
        bo
    }

    fn lease(&self, bo: Arc<Bo>, len: usize, keeper: Keeper) -> Buffer {
        Buffer {
            lease: Arc::new(Lease {
                bo,
                keeper,
                pool: Arc::clone(&self.0),
            }),
            offset: 0,
            len,
        }
    }

    fn too_large(&self, len: usize) -> Error {
        Error::OutOfRange {
            start: 0,
            end: len,
            len: isize::MAX as usize / 2,
        }
    }
}
