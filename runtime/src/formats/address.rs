//! Addresses inside an array.

use std::fmt;

/// What a tile is, by its row; the same in both generations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TileKind {
    /// Row 0: the way to memory.
    Shim,
    /// Row 1: 512 KiB of memory.
    Memory,
    /// Rows 2 to 5: a core and 64 KiB of memory.
    Core,
}

/// A register or memory word of a tile: column in bits 31:25, row in 24:20, byte offset in 19:0. Columns count from the
/// start of the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TileAddress {
    /// Column.
    pub column: u8,
    /// Row.
    pub row: u8,
    /// Byte offset inside the tile.
    pub offset: u32,
}

impl TileAddress {
    /// Rows of every array.
    pub const ROWS: u8 = 6;

    /// The kind of the tile; none where there is no such row.
    pub fn kind(self) -> Option<TileKind> {
        match self.row {
            0 => Some(TileKind::Shim),
            1 => Some(TileKind::Memory),
            2..Self::ROWS => Some(TileKind::Core),
            _ => None,
        }
    }
}

impl From<u32> for TileAddress {
    fn from(address: u32) -> Self {
        Self {
            column: (address >> 25) as u8,
            row: (address >> 20 & 0x1f) as u8,
            offset: address & 0xf_ffff,
        }
    }
}

impl From<TileAddress> for u32 {
    fn from(a: TileAddress) -> Self {
        u32::from(a.column) << 25 | u32::from(a.row & 0x1f) << 20 | a.offset & 0xf_ffff
    }
}

impl fmt::Display for TileAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, {}) {:#07x}", self.column, self.row, self.offset)
    }
}
