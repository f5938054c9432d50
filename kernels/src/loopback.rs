//! Loopback overlays: what goes in comes out, by way of shim tiles alone or through memory tiles, without a core.
//!
//! Every column does the same with its own slice of the two buffers. Through memory tiles the bytes wait in one of two
//! blocks, so that a block goes in while the one before comes out: in its order, transposed, or padded with zeros, as the
//! dimensions of the descriptor say that reads it.

use xdna_runtime::formats::Generation;

use crate::{
    Design, Sequence,
    design::{Burst, Channel, Connection, Descriptor, Dimension, Lock, LockUse, Port, Start, Step, Tile},
};

/// What an overlay does with the words on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Shim tile to shim tile.
    Shim,
    /// Through a memory tile, in their order.
    Memory,
    /// Through a memory tile: blocks of [`ROWS`] rows of [`COLUMNS`] words come out with rows and columns exchanged.
    Transpose,
    /// Through a memory tile: blocks of [`PAD_ROWS`] rows of [`PAD_COLUMNS`] words come out with zeros around them.
    Pad,
}

/// Words of a block in a memory tile: 16 KiB.
pub const BLOCK: u32 = 4096;
/// Rows of a block that is transposed.
pub const ROWS: u32 = 32;
/// Words in a row of a block that is transposed.
pub const COLUMNS: u32 = 128;
/// Rows of a block before it is padded.
pub const PAD_ROWS: u32 = 30;
/// Words in a row of a block before it is padded.
pub const PAD_COLUMNS: u32 = 120;
/// Rows of zeros before and behind a padded block.
pub const PAD_ROWS_AROUND: (u8, u8) = (2, 1);
/// Zeros before and behind each row of a padded block.
pub const PAD_COLUMNS_AROUND: (u8, u8) = (3, 5);

/// A padded block is as long as the words that come out of it.
const PADDED: u32 = (PAD_ROWS + 3) * (PAD_COLUMNS + 8);
/// Locks of a memory tile: blocks that are free, blocks that are full.
const FREE: u8 = 0;
const FULL: u8 = 1;
/// Ports between shim and memory tile.
const UP: u8 = 1;
const DOWN: u8 = 0;

impl Pattern {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Shim, Self::Memory, Self::Transpose, Self::Pad];

    /// Name, as files have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shim => "shim",
            Self::Memory => "memory",
            Self::Transpose => "transpose",
            Self::Pad => "pad",
        }
    }

    /// Words that go into a block, and words that come out of it.
    pub fn block(self) -> (u32, u32) {
        match self {
            Self::Pad => (PAD_ROWS * PAD_COLUMNS, PADDED),
            _ => (BLOCK, BLOCK),
        }
    }

    /// What the overlay does to a buffer of whole blocks: the reference for tests on any device.
    pub fn apply(self, words: &[u32]) -> Vec<u32> {
        let (block, out) = self.block();
        words
            .chunks_exact(block as usize)
            .flat_map(|b| self.apply_block(b, out as usize))
            .collect()
    }

    fn apply_block(self, block: &[u32], out: usize) -> Vec<u32> {
        match self {
            Self::Shim | Self::Memory => block.to_vec(),
            Self::Transpose => {
                let (rows, columns) = (ROWS as usize, COLUMNS as usize);
                (0..out).map(|i| block[i % rows * columns + i / rows]).collect()
            }
            Self::Pad => {
                let width = PAD_COLUMNS as usize + 8;
                let mut padded = vec![0; out];
                for (row, words) in block.chunks_exact(PAD_COLUMNS as usize).enumerate() {
                    let start =
                        (row + usize::from(PAD_ROWS_AROUND.0)) * width + usize::from(PAD_COLUMNS_AROUND.0);
                    padded[start..start + words.len()].copy_from_slice(words);
                }
                padded
            }
        }
    }

    /// Dimensions of the descriptor that reads a block.
    fn dimensions(self) -> Vec<Dimension> {
        match self {
            Self::Shim | Self::Memory => Vec::new(),
            Self::Transpose => vec![Dimension::new(COLUMNS, ROWS), Dimension::new(1, 0)],
            Self::Pad => vec![
                Dimension {
                    step: 1,
                    wrap: PAD_COLUMNS,
                    pad: PAD_COLUMNS_AROUND,
                },
                Dimension {
                    step: PAD_COLUMNS,
                    wrap: PAD_ROWS,
                    pad: PAD_ROWS_AROUND,
                },
            ],
        }
    }
}

/// Columns that an overlay may use at once.
pub fn columns(generation: Generation) -> u8 {
    match generation {
        // Column 0 has no DMA.
        Generation::Npu1 => 4,
        Generation::Npu4 => 8,
    }
}

/// The overlay on some columns.
pub fn design(generation: Generation, columns: u8, pattern: Pattern) -> Design {
    let first: u16 = match generation {
        Generation::Npu1 => 1,
        Generation::Npu4 => 0,
    };
    let last = first + u16::from(self::columns(generation)) - u16::from(columns);
    let mut design = Design {
        generation,
        columns,
        start_columns: if columns == 1 {
            (first..=last).collect()
        } else {
            vec![first]
        },
        cores: Vec::new(),
        locks: Vec::new(),
        descriptors: Vec::new(),
        starts: Vec::new(),
        connections: Vec::new(),
    };
    for column in 0..columns {
        if pattern == Pattern::Shim {
            let shim = Tile::shim(column);
            design
                .connections
                .push(Connection::circuit(shim, Port::Dma(0), Port::Dma(0)));
        } else {
            memory_tile(&mut design, column, pattern);
        }
        design.connections.push(Connection::tokens(column));
    }
    design
}

/// Two blocks in a column's memory tile and the way there and back.
fn memory_tile(design: &mut Design, column: u8, pattern: Pattern) {
    let (shim, tile) = (Tile::shim(column), Tile::memory(column));
    let (input, output) = (Channel::input(0), Channel::output(0));
    let (length, _) = pattern.block();
    let lock = |id, value| Lock { tile, id, value };
    design.locks.extend([lock(FREE, 2), lock(FULL, 0)]);
    for (first, takes, gives, dimensions) in
        [(0, FREE, FULL, Vec::new()), (2, FULL, FREE, pattern.dimensions())]
    {
        for block in 0..2 {
            let descriptor = Descriptor {
                id: first + block,
                address: u64::from(block) * u64::from(BLOCK) * 4,
                length,
                dimensions: dimensions.clone(),
                acquire: Some(LockUse { id: takes, value: -1 }),
                release: Some(LockUse { id: gives, value: 1 }),
                next: Some(first + 1 - block),
                ..Descriptor::default()
            };
            design.descriptors.push((tile, descriptor));
        }
    }
    let start = |channel, descriptor| Start {
        tile,
        channel,
        descriptor,
        times: 1,
    };
    design.starts.extend([start(input, 0), start(output, 2)]);
    design.connections.extend([
        Connection::circuit(shim, Port::Dma(0), Port::North(UP)),
        Connection::circuit(shim, Port::North(DOWN), Port::Dma(0)),
        Connection::circuit(tile, Port::South(UP), Port::Dma(0)),
        Connection::circuit(tile, Port::Dma(0), Port::South(DOWN)),
    ]);
}

/// A run over `blocks` blocks in every column: buffer 0 goes in, buffer 1 comes out.
pub fn sequence(generation: Generation, columns: u8, pattern: Pattern, blocks: u32) -> Sequence {
    let (words_in, words_out) = pattern.block();
    let burst = match generation {
        Generation::Npu1 => Burst::Sixteen,
        Generation::Npu4 => Burst::Longest,
    };
    let mut steps = Vec::new();
    let transfer = |column: u8, channel, id: u8, words: u32, token| Step::Transfer {
        column,
        channel,
        descriptor: Descriptor {
            id,
            address: u64::from(column) * u64::from(blocks) * u64::from(words) * 4,
            length: blocks * words,
            burst,
            ..Descriptor::default()
        },
        argument: id,
        times: 1,
        token,
    };
    for column in 0..columns {
        steps.push(transfer(column, Channel::input(0), 1, words_out, true));
        steps.push(transfer(column, Channel::output(0), 0, words_in, false));
    }
    for column in 0..columns {
        let channel = Channel::input(0);
        steps.push(Step::Wait { column, channel });
    }
    Sequence {
        generation,
        columns,
        steps,
    }
}
