//! Where tiles are, and what an address names (npu-formats, section 8).

use std::fmt;

pub use xdna_runtime::formats::Generation;

/// Rows of every array.
pub const ROWS: u8 = 6;
const COLUMN_SHIFT: u32 = 25;
const ROW_SHIFT: u32 = 20;
const OFFSET: u32 = 0xf_ffff;

/// What a tile is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Row 0: the way to host memory.
    Shim,
    /// Row 1: 512 KiB and the DMA with the most channels.
    Memory,
    /// Rows 2 to 5: a core and 64 KiB.
    Core,
}

impl Kind {
    /// Bytes of data memory.
    pub fn memory_bytes(self) -> usize {
        match self {
            Self::Shim => 0,
            Self::Memory => 512 << 10,
            Self::Core => 64 << 10,
        }
    }

    /// Locks.
    pub fn locks(self) -> usize {
        if self == Self::Memory { 64 } else { 16 }
    }

    /// Buffer descriptors.
    pub fn descriptors(self) -> usize {
        if self == Self::Memory { 48 } else { 16 }
    }

    /// DMA channels in each direction.
    pub fn channels(self) -> u8 {
        if self == Self::Memory { 6 } else { 2 }
    }
}

/// A tile of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TileId {
    /// Counted from the partition's first column.
    pub column: u8,
    /// 0 shim, 1 memory, 2 to 5 cores.
    pub row: u8,
}

impl TileId {
    /// The tile of a column and a row.
    pub fn new(column: u8, row: u8) -> Self {
        Self { column, row }
    }

    /// What stands there.
    pub fn kind(self) -> Kind {
        match self.row {
            0 => Kind::Shim,
            1 => Kind::Memory,
            _ => Kind::Core,
        }
    }
}

impl fmt::Display for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind() {
            Kind::Shim => "shim tile",
            Kind::Memory => "memory tile",
            Kind::Core => "core tile",
        };
        write!(f, "{kind} ({}, {})", self.column, self.row)
    }
}

/// An address as PDIs and control code carry it: column, row and offset in the tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address(pub u32);

impl Address {
    /// The address of an offset in a tile.
    pub fn new(tile: TileId, offset: u32) -> Self {
        Self(u32::from(tile.column) << COLUMN_SHIFT | u32::from(tile.row) << ROW_SHIFT | offset & OFFSET)
    }

    /// The tile it is in.
    pub fn tile(self) -> TileId {
        TileId::new((self.0 >> COLUMN_SHIFT) as u8, (self.0 >> ROW_SHIFT & 0x1f) as u8)
    }

    /// The offset in the tile.
    pub fn offset(self) -> u32 {
        self.0 & OFFSET
    }
}

/// The columns of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Generation of all tiles.
    pub generation: Generation,
    /// Columns.
    pub columns: u8,
    /// The first column's shim has no DMA: physical column 0 of npu1.
    pub first_without_dma: bool,
}

impl Shape {
    /// All of npu1.
    pub fn npu1() -> Self {
        Self {
            generation: Generation::Npu1,
            columns: 5,
            first_without_dma: true,
        }
    }

    /// All of npu4.
    pub fn npu4() -> Self {
        Self {
            generation: Generation::Npu4,
            columns: 8,
            first_without_dma: false,
        }
    }

    /// `columns` columns from physical column `start` on; `None` where the array ends before.
    pub fn partition(self, start: u8, columns: u8) -> Option<Self> {
        let fits = start.checked_add(columns).is_some_and(|end| end <= self.columns);
        (fits && columns > 0).then_some(Self {
            columns,
            first_without_dma: self.first_without_dma && start == 0,
            ..self
        })
    }

    /// Number of tiles.
    pub fn tiles(self) -> usize {
        usize::from(self.columns) * usize::from(ROWS)
    }

    /// Position of a tile in lists of all; `None` outside.
    pub fn index(self, tile: TileId) -> Option<usize> {
        (tile.column < self.columns && tile.row < ROWS)
            .then(|| usize::from(tile.column) * usize::from(ROWS) + usize::from(tile.row))
    }

    /// The tile at a position.
    pub fn tile(self, index: usize) -> TileId {
        TileId::new(
            (index / usize::from(ROWS)) as u8,
            (index % usize::from(ROWS)) as u8,
        )
    }

    /// True if the tile's DMA exists.
    pub fn has_dma(self, tile: TileId) -> bool {
        !(self.first_without_dma && tile.column == 0 && tile.kind() == Kind::Shim)
    }

    /// The tile `right` columns to the right and `up` rows up; `None` outside the partition.
    pub fn neighbour(self, tile: TileId, right: i8, up: i8) -> Option<TileId> {
        let to = TileId::new(
            tile.column.checked_add_signed(right)?,
            tile.row.checked_add_signed(up)?,
        );
        self.index(to).map(|_| to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_column_row_and_offset() {
        let address = Address(0x0213_f034);
        assert_eq!((address.tile(), address.offset()), (TileId::new(1, 1), 0x3_f034));
        assert_eq!(Address::new(TileId::new(1, 1), 0x3_f034), address);
    }

    #[test]
    fn column_zero_of_npu1_has_no_shim_dma() {
        let all = Shape::npu1();
        assert!(!all.has_dma(TileId::new(0, 0)) && all.has_dma(TileId::new(0, 1)));
        let four = all.partition(1, 4).unwrap();
        assert!(four.has_dma(TileId::new(0, 0)));
        assert!(all.partition(2, 4).is_none() && all.partition(0, 0).is_none());
        assert!(Shape::npu4().has_dma(TileId::new(0, 0)));
    }

    #[test]
    fn neighbours_end_at_the_partition() {
        let shape = Shape::npu4();
        assert_eq!(shape.neighbour(TileId::new(0, 1), -1, 0), None);
        assert_eq!(shape.neighbour(TileId::new(7, 5), 0, 1), None);
        assert_eq!(shape.neighbour(TileId::new(3, 1), 1, -1), Some(TileId::new(4, 0)));
        assert_eq!(
            (0..shape.tiles()).map(|i| shape.index(shape.tile(i))).max(),
            Some(Some(47))
        );
    }
}
