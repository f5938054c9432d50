//! The array: tiles, their memories, locks and DMAs, and the stream switches between them.
//!
//! - `geometry`: which tiles there are, and how they are addressed;
//! - `places`, `registers`: what an address in a tile is; PDIs and control code write there;
//! - `descriptor`, `generator`: what a DMA moves, and in which order;
//! - `dma`, `channel`, `mover`, `access`: channels, their state, one cycle of theirs, and the words they reach;
//! - `ports`, `switch`, `routes`, `fabric`, `forward`: ports and routes, and words that travel on them;
//! - `locks`, `tiles`, `host`: what they share;
//! - `packets`: register accesses that arrive on streams;
//! - `core`, `cores`: closures that stand in for core programs, and what is done for them;
//! - `step`: one cycle of everything;
//! - `explain`: who waits for whom when nothing moves any more;
//! - `load`: images configure the array;
//! - `execution`, `control`: control code executes, and what its operations do.
//!
//! Time advances in cycles of the array's clock: in each, every stream moves at most one word per hop, in the order of
//! the tiles, so that two runs are equal. Core programs do not execute: an enabled core without a stand-in ends a run.

#![forbid(unsafe_code)]

mod access;
mod channel;
mod control;
mod core;
mod cores;
mod descriptor;
mod dma;
mod execution;
mod explain;
mod fabric;
mod forward;
mod generator;
mod geometry;
mod host;
mod load;
mod locks;
mod mover;
mod packets;
mod places;
mod ports;
mod registers;
mod routes;
mod step;
mod stream;
mod switch;
mod tiles;
mod timing;

pub use self::core::{Core, Program};
pub use control::Arguments;
pub use dma::{ChannelId, Direction};
pub use execution::{Execution, Interrupted, RunError};
pub use geometry::{Address, Generation, Kind, Shape, TileId};
pub use host::{APERTURE, HostMemory, Unmapped, Window};
pub use load::image_bytes;
pub use registers::AccessError;
pub use timing::Timing;

use self::core::Slot;
use channel::Channel;
use fabric::Fabric;
use mover::Progress;
use packets::Handler;
use tiles::Tiles;

/// Why a run ended before its time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Stop {
    /// A core is enabled and nothing stands in for it.
    #[error("core programs are not simulated: the core of {0} is enabled")]
    CoreProgram(TileId),
    /// Nothing moves any more.
    #[error("deadlock: {waits_for} never happens\n{explanation}")]
    Deadlock {
        /// What the run waits for.
        waits_for: String,
        /// Who waits for whom, a line each.
        explanation: String,
    },
    /// It moves on and on.
    #[error("{waits_for} does not happen in {cycles} cycles, though words move")]
    Endless {
        /// What the run waits for.
        waits_for: String,
        /// Cycles that passed.
        cycles: u64,
    },
    /// An access to what is not there.
    #[error("{0}")]
    Access(#[from] AccessError),
    /// Host memory vanished.
    #[error("host memory: {0}")]
    Host(#[from] Unmapped),
    /// The control code is damaged, or asks for what is not simulated.
    #[error("control code: {0}")]
    Control(String),
}

/// The columns of a partition.
#[derive(Debug)]
pub struct Array {
    shape: Shape,
    timing: Timing,
    tiles: Tiles,
    fabric: Fabric,
    channels: Vec<Channel>,
    cores: Vec<Slot>,
    handlers: Vec<Handler>,
    tokens: Vec<ChannelId>,
    /// A core's control register was written since cores were last looked at.
    cores_changed: bool,
    now: u64,
}

impl Array {
    /// As power-on leaves it.
    pub fn new(shape: Shape, timing: Timing) -> Self {
        let mut channels = Vec::new();
        for tile in (0..shape.tiles())
            .map(|i| shape.tile(i))
            .filter(|&t| shape.has_dma(t))
        {
            for direction in [Direction::S2mm, Direction::Mm2s] {
                channels.extend((0..tile.kind().channels()).map(|number| {
                    Channel::new(ChannelId {
                        tile,
                        direction,
                        number,
                    })
                }));
            }
        }
        Self {
            shape,
            timing,
            tiles: Tiles::new(shape),
            fabric: Fabric::new(shape, timing.fifo),
            channels,
            cores: (0..shape.tiles()).map(|_| Slot::new()).collect(),
            handlers: vec![Handler::default(); shape.tiles()],
            tokens: Vec::new(),
            cores_changed: false,
            now: 0,
        }
    }

    /// The partition.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Cycles since power-on. What comes of it is an estimate: see [`Timing`].
    pub fn cycles(&self) -> u64 {
        self.now
    }

    /// Words that DMA channels moved since power-on, and the channels that moved any.
    pub fn words_moved(&self) -> impl Iterator<Item = (ChannelId, u64)> {
        let moved = |c: &Channel| (c.words > 0).then_some((c.id, c.words));
        self.channels.iter().filter_map(moved)
    }

    /// Lets `program` stand in for the program of a core; false where no core is.
    pub fn stand_in(&mut self, tile: TileId, program: Program) -> bool {
        let place = self.shape.index(tile).filter(|_| tile.kind() == Kind::Core);
        place.is_some_and(|p| {
            self.cores[p].program = Some(program);
            true
        })
    }

    /// The first core that is enabled without a stand-in.
    pub fn core_without_program(&self) -> Option<TileId> {
        let lacks = |slot: &Slot| slot.is_enabled() && slot.program.is_none();
        self.cores.iter().position(lacks).map(|p| self.shape.tile(p))
    }

    fn deadlock(&self, waits_for: &str) -> Stop {
        Stop::Deadlock {
            waits_for: waits_for.to_owned(),
            explanation: self.explain(),
        }
    }

    /// Advances by a cycle, or to the next in which something happens, but not beyond `latest`; false if nothing will
    /// happen any more.
    fn advance(&mut self, host: &mut Window<'_>, latest: u64) -> Result<bool, Stop> {
        if self.cores_changed {
            if let Some(tile) = self.core_without_program() {
                return Err(Stop::CoreProgram(tile));
            }
            self.cores_changed = false;
        }
        let progress = self.step(host);
        self.now += 1;
        match progress {
            Progress::Moved => Ok(true),
            Progress::Until(at) => {
                self.now = self.now.max(at.min(latest));
                Ok(true)
            }
            Progress::Waits => Ok(false),
        }
    }

    /// Takes the token of a channel, if it arrived.
    fn take_token(&mut self, channel: ChannelId) -> bool {
        let at = self.tokens.iter().position(|&t| t == channel);
        at.map(|at| self.tokens.remove(at)).is_some()
    }
}
