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

/// Generation of an array. No xclbin and no PDI states it: control code and core programs do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Generation {
    /// AIE2: Phoenix, Hawk Point.
    Npu1,
    /// AIE2P: Strix, Strix Halo, Krackan.
    Npu4,
}

impl Generation {
    /// The generation of a control code's header.
    pub fn of_control_code(number: u8) -> Option<Self> {
        match number {
            3 => Some(Self::Npu1),
            4 => Some(Self::Npu4),
            _ => None,
        }
    }

    /// Its number in a control code's header.
    pub fn number(self) -> u8 {
        match self {
            Self::Npu1 => 3,
            Self::Npu4 => 4,
        }
    }

    /// Columns of its arrays.
    pub fn columns(self) -> u8 {
        match self {
            Self::Npu1 => 5,
            Self::Npu4 => 8,
        }
    }
}
