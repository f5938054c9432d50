//! The tiles of a context as tile access and coredumps show them: what was written to them, zeros elsewhere.

use std::collections::BTreeMap;

/// Bytes of a tile's address space.
pub const TILE_BYTES: u64 = 1 << 20;
/// Rows of the array.
pub const ROWS: u32 = 6;
const PAGE: u64 = 4096;

/// Sparse contents of the tiles of one context, columns relative to it.
#[derive(Clone, Debug, Default)]
pub struct Tiles {
    pages: BTreeMap<u64, Box<[u8]>>,
}

/// Where a tile begins in a coredump.
pub fn base(col: u32, row: u32) -> u64 {
    (u64::from(col) * u64::from(ROWS) + u64::from(row)) * TILE_BYTES
}

impl Tiles {
    /// Reads at an offset of the coredump.
    pub fn read(&self, at: u64, into: &mut [u8]) {
        for (byte, offset) in into.iter_mut().zip(at..) {
            let page = self.pages.get(&(offset / PAGE));
            *byte = page.map_or(0, |p| p[(offset % PAGE) as usize]);
        }
    }

    /// Writes at an offset of the coredump.
    pub fn write(&mut self, at: u64, from: &[u8]) {
        for (&byte, offset) in from.iter().zip(at..) {
            let page = self.pages.entry(offset / PAGE);
            page.or_insert_with(|| vec![0; PAGE as usize].into())[(offset % PAGE) as usize] = byte;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_lie_column_by_column() {
        let mut tiles = Tiles::default();
        tiles.write(base(1, 2) + TILE_BYTES - 2, &[1, 2, 3]);
        let mut bytes = [9; 4];
        tiles.read(base(1, 3) - 3, &mut bytes);
        assert_eq!(bytes, [0, 1, 2, 3]);
        assert_eq!(base(1, 2), 8 << 20);
    }
}
