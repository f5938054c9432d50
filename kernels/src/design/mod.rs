//! What a design consists of.

mod descriptor;
mod port;

pub use descriptor::{Burst, Descriptor, Dimension, Iteration, LockUse};
pub use port::Port;

use xdna_runtime::formats::{Generation, TileAddress, TileKind};

/// A tile of the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    /// Column, counted from the first of the partition.
    pub column: u8,
    /// Row.
    pub row: u8,
}

impl Tile {
    /// The shim tile of a column.
    pub const fn shim(column: u8) -> Self {
        Self { column, row: 0 }
    }

    /// The memory tile of a column.
    pub const fn memory(column: u8) -> Self {
        Self { column, row: 1 }
    }

    /// The core tile of a column and a row, 2 to 5.
    pub const fn core(column: u8, row: u8) -> Self {
        Self { column, row }
    }

    /// What it is; rows past the array count as cores.
    pub fn kind(self) -> TileKind {
        self.at(0).kind().unwrap_or(TileKind::Core)
    }

    /// An address in it.
    pub fn at(self, offset: u32) -> TileAddress {
        TileAddress {
            column: self.column,
            row: self.row,
            offset,
        }
    }
}

/// A core that runs a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Core {
    /// Where.
    pub tile: Tile,
    /// Words loaded into the tile, with the byte offset in it where they go; program memory begins at 0x20000.
    pub segments: Vec<(u32, Vec<u32>)>,
}

/// A lock's value when the design starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Where.
    pub tile: Tile,
    /// Which.
    pub id: u8,
    /// Its value, 0 to 63.
    pub value: u8,
}

/// Direction of a DMA channel, as seen from the tile's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From a stream into memory (S2MM).
    In,
    /// From memory into a stream (MM2S).
    Out,
}

/// A DMA channel of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Direction.
    pub direction: Direction,
    /// Number among those of this direction.
    pub number: u8,
}

impl Channel {
    /// A channel from a stream into memory.
    pub const fn input(number: u8) -> Self {
        let direction = Direction::In;
        Self { direction, number }
    }

    /// A channel from memory into a stream.
    pub const fn output(number: u8) -> Self {
        let direction = Direction::Out;
        Self { direction, number }
    }
}

/// A channel that begins to work as soon as the design is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Where.
    pub tile: Tile,
    /// Which channel.
    pub channel: Channel,
    /// Its first descriptor.
    pub descriptor: u8,
    /// How often it is done, 1 to 256.
    pub times: u16,
}

/// How a switch tells which words take a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switching {
    /// All of them do.
    Circuit,
    /// Packets do whose id is this one under the mask.
    Packet {
        /// The id.
        id: u8,
        /// Bits of it that count.
        mask: u8,
        /// Arbiter, 0 to 7.
        arbiter: u8,
        /// Which of its four outputs.
        output: u8,
    },
}

/// A connection inside the stream switch of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Where.
    pub tile: Tile,
    /// Where words come from.
    pub from: Port,
    /// Where they go.
    pub to: Port,
    /// Which of them.
    pub switching: Switching,
}

impl Connection {
    /// A connection that all words take.
    pub const fn circuit(tile: Tile, from: Port, to: Port) -> Self {
        Self {
            tile,
            from,
            to,
            switching: Switching::Circuit,
        }
    }

    /// The way of the tokens that a column's shim tile sends when a transfer is done, to the firmware.
    pub const fn tokens(column: u8) -> Self {
        Self {
            tile: Tile::shim(column),
            from: Port::Control,
            to: Port::South(0),
            switching: Switching::Packet {
                id: TOKEN_ID,
                mask: 0x1f,
                arbiter: 5,
                output: 3,
            },
        }
    }
}

/// Packet id of the tokens of a shim tile.
pub(crate) const TOKEN_ID: u8 = 15;

/// What an overlay is: all that its PDI sets up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Design {
    /// Generation of the array.
    pub generation: Generation,
    /// Columns.
    pub columns: u8,
    /// Columns where it may start; column 0 of npu1 has no DMA.
    pub start_columns: Vec<u16>,
    /// Core programs.
    pub cores: Vec<Core>,
    /// Locks.
    pub locks: Vec<Lock>,
    /// Buffer descriptors of memory and core tiles, in the order in which they are written.
    pub descriptors: Vec<(Tile, Descriptor)>,
    /// Channels that are started, behind the descriptors of their tile.
    pub starts: Vec<Start>,
    /// Connections.
    pub connections: Vec<Connection>,
}

/// A step of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Moves bytes between a buffer argument and a stream.
    Transfer {
        /// Column of the shim tile.
        column: u8,
        /// Its channel.
        channel: Channel,
        /// The descriptor; its address is an offset into the buffer.
        descriptor: Descriptor,
        /// Buffer argument, counted from the first.
        argument: u8,
        /// How often it is done, 1 to 256.
        times: u16,
        /// Whether a token says when it is done.
        token: bool,
    },
    /// Writes words into a tile: what a core finds in its memory.
    Write {
        /// Where.
        tile: Tile,
        /// Byte offset in it.
        offset: u32,
        /// The words.
        words: Vec<u32>,
    },
    /// Waits for the token of a channel.
    Wait {
        /// Column of the shim tile.
        column: u8,
        /// Its channel.
        channel: Channel,
    },
}

/// What one kind of run does, once per command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// Generation of the array.
    pub generation: Generation,
    /// Columns of the design.
    pub columns: u8,
    /// Steps in their order.
    pub steps: Vec<Step>,
}
