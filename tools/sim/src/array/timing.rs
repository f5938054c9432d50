//! How long things take: the parameters of the cycle estimate.

/// Latencies in cycles of the array's clock. A stream moves one word of 4 bytes per cycle.
///
/// The widths are documented; the latencies are round numbers of the order that published measurements of small
/// transfers suggest, so that what comes of them is an estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// From the start of a shim descriptor to its first word: the way to host memory and back.
    pub shim: u64,
    /// From the start of a memory tile's descriptor to its first word.
    pub memory_tile: u64,
    /// The same for a core tile.
    pub core_tile: u64,
    /// From the request of a lock to its grant, if it can be had.
    pub lock: u64,
    /// Between two operations of control code.
    pub operation: u64,
    /// Words that wait at a port of a stream switch before it stops taking more.
    pub fifo: usize,
    /// An operation that waits longer than this, while something moves, is taken for endless: by default the time in which a
    /// stream carries 256 MiB.
    pub limit: u64,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            shim: 200,
            memory_tile: 8,
            core_tile: 4,
            lock: 2,
            operation: 64,
            fifo: 4,
            limit: 1 << 26,
        }
    }
}
