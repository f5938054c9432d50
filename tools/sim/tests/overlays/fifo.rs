//! Object FIFOs as cores see them: buffers that are used in turn, a lock for full ones and one for empty ones.

use xdna_sim::array::Core;

/// The core's end of a FIFO.
#[derive(Clone, Debug)]
pub struct Fifo {
    buffers: &'static [u32],
    /// Lock to take, lock to give.
    locks: (u8, u8),
    next: usize,
}

impl Fifo {
    /// Buffers in their order, and the locks by the tile's own numbers.
    pub fn own(buffers: &'static [u32], take: u8, give: u8) -> Self {
        Self {
            buffers,
            locks: (Core::OWN + take, Core::OWN + give),
            next: 0,
        }
    }

    /// The same in the tile below.
    pub fn south(buffers: &'static [u32], take: u8, give: u8) -> Self {
        Self {
            buffers,
            locks: (take, give),
            next: 0,
        }
    }

    /// Waits for the next buffer and gives its address.
    pub async fn take(&self, core: &Core) -> u32 {
        core.acquire(self.locks.0, -1).await;
        self.buffers[self.next]
    }

    /// Gives it back.
    pub async fn give(&mut self, core: &Core) {
        core.release(self.locks.1, 1).await;
        self.next = (self.next + 1) % self.buffers.len();
    }
}
