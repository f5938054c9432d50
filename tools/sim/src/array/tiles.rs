//! Memories, locks and descriptors of all tiles, and who reaches which.

use std::collections::BTreeMap;

use super::descriptor::{Descriptor, STRIDE, WORDS, iteration_current};
use super::geometry::{Kind, Shape, TileId};
use super::locks::Locks;

/// Bytes of program memory.
pub const PROGRAM_BYTES: usize = 16 << 10;

/// What a tile remembers.
#[derive(Clone, Debug)]
pub struct Tile {
    /// Where it is.
    pub id: TileId,
    /// Data memory.
    pub memory: Vec<u8>,
    /// Program memory of a core.
    pub program: Vec<u8>,
    /// Locks.
    pub locks: Locks,
    /// Registers of its descriptors.
    pub descriptors: Vec<[u32; WORDS]>,
    /// Registers without a model: they keep what was written.
    pub other: BTreeMap<u32, u32>,
}

impl Tile {
    fn new(id: TileId) -> Self {
        let kind = id.kind();
        let program = if kind == Kind::Core { PROGRAM_BYTES } else { 0 };
        Self {
            id,
            memory: vec![0; kind.memory_bytes()],
            program: vec![0; program],
            locks: Locks::new(kind.locks()),
            descriptors: vec![[0; WORDS]; kind.descriptors()],
            other: BTreeMap::new(),
        }
    }

    /// Reads a descriptor.
    pub fn descriptor(&self, index: u8) -> Option<Descriptor> {
        let words = self.descriptors.get(usize::from(index))?;
        Some(Descriptor::read(self.id.kind(), words))
    }

    /// Stores the current value of a descriptor's iteration.
    pub fn set_iteration(&mut self, index: u8, current: u32) {
        let (word, bit) = iteration_current(self.id.kind());
        if let Some(words) = self.descriptors.get_mut(usize::from(index)) {
            words[word] = words[word] & !(0x3f << bit) | (current & 0x3f) << bit;
        }
    }
}

/// A little-endian word of a memory.
pub fn word_at(memory: &[u8], at: usize) -> Option<u32> {
    let bytes = memory.get(at..at.checked_add(4)?)?;
    bytes.try_into().ok().map(u32::from_le_bytes)
}

/// Stores a little-endian word; false outside.
pub fn set_word(memory: &mut [u8], at: usize, word: u32) -> bool {
    let bytes = at.checked_add(4).and_then(|end| memory.get_mut(at..end));
    bytes.map(|b| b.copy_from_slice(&word.to_le_bytes())).is_some()
}

/// The index of a descriptor, and the word in it, at an offset in a tile.
pub fn descriptor_at(kind: Kind, offset: u32) -> Option<(usize, usize)> {
    let (base, words) = match kind {
        Kind::Shim => (0x1_d000, WORDS),
        Kind::Memory => (0xa_0000, WORDS),
        Kind::Core => (0x1_d000, 6),
    };
    let at = offset.checked_sub(base)?;
    let (index, word) = ((at / STRIDE) as usize, (at % STRIDE / 4) as usize);
    (index < kind.descriptors() && word < words).then_some((index, word))
}

/// All tiles of a partition.
#[derive(Clone, Debug)]
pub struct Tiles {
    /// The partition.
    pub shape: Shape,
    all: Vec<Tile>,
}

impl Tiles {
    /// Everything zero.
    pub fn new(shape: Shape) -> Self {
        let all = (0..shape.tiles()).map(|i| Tile::new(shape.tile(i))).collect();
        Self { shape, all }
    }

    /// The tile at a place among all.
    pub fn at(&self, index: usize) -> &Tile {
        &self.all[index]
    }

    /// The tile at a place among all.
    pub fn at_mut(&mut self, index: usize) -> &mut Tile {
        &mut self.all[index]
    }

    fn neighbour(&self, tile: TileId, right: i8, up: i8) -> Option<usize> {
        self.shape
            .neighbour(tile, right, up)
            .and_then(|t| self.shape.index(t))
    }

    /// The tile and the byte that the DMA of `tile` reaches at `address`: of memory tiles three memories behind one
    /// another (west, own, east), of core tiles the own.
    pub fn dma_memory(&self, tile: TileId, address: u64) -> Option<(usize, usize)> {
        let bytes = tile.kind().memory_bytes() as u64;
        let (right, at) = if tile.kind() == Kind::Memory {
            ((address / bytes) as i64 - 1, address % bytes)
        } else {
            (0, address)
        };
        let right = i8::try_from(right).ok().filter(|r| (-1..=1).contains(r))?;
        (at < bytes).then_some((self.neighbour(tile, right, 0)?, at as usize))
    }

    /// The tile and the lock that the DMA of `tile` means by a number: in memory tiles west, own, east.
    pub fn dma_lock(&self, tile: TileId, lock: u8) -> Option<(usize, u8)> {
        let locks = tile.kind().locks() as u8;
        let right = if tile.kind() == Kind::Memory {
            (lock / locks) as i8 - 1
        } else {
            0
        };
        let own = if tile.kind() == Kind::Memory {
            lock % locks
        } else {
            lock
        };
        let reaches = (-1..=1).contains(&right) && own < locks;
        reaches.then_some((self.neighbour(tile, right, 0)?, own))
    }

    /// The tile and the byte that the core of `tile` reaches at `address`: its own memory at 0x70000 (and at 0), those
    /// to the south, west and north at 0x40000, 0x50000 and 0x60000.
    pub fn core_memory(&self, tile: TileId, address: u32) -> Option<(usize, usize)> {
        let (right, up) = match address >> 16 {
            0 | 7 => (0, 0),
            4 => (0, -1),
            5 => (-1, 0),
            6 => (0, 1),
            _ => return None,
        };
        self.core_neighbour(tile, right, up)
            .map(|t| (t, (address & 0xffff) as usize))
    }

    /// The tile and the lock that the core of `tile` means by a number: 0 south, 16 west, 32 north, 48 own.
    pub fn core_lock(&self, tile: TileId, lock: u8) -> Option<(usize, u8)> {
        let (right, up) = [(0, -1), (-1, 0), (0, 1), (0, 0)]
            .get(usize::from(lock / 16))
            .copied()?;
        self.core_neighbour(tile, right, up).map(|t| (t, lock % 16))
    }

    fn core_neighbour(&self, tile: TileId, right: i8, up: i8) -> Option<usize> {
        let to = self.shape.neighbour(tile, right, up)?;
        (to.kind() == Kind::Core).then(|| self.shape.index(to)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_tiles_reach_their_neighbours() {
        let tiles = Tiles::new(Shape::npu4());
        let at = |column| TileId::new(column, 1);
        let place = |column: usize| column * 6 + 1;
        assert_eq!(tiles.dma_memory(at(2), 0x8_0010), Some((place(2), 0x10)));
        assert_eq!(tiles.dma_memory(at(2), 0x10), Some((place(1), 0x10)));
        assert_eq!(tiles.dma_memory(at(2), 0x17_fffc), Some((place(3), 0x7_fffc)));
        assert_eq!(tiles.dma_memory(at(0), 0x10), None);
        assert_eq!(tiles.dma_memory(at(2), 0x18_0000), None);
        assert_eq!(tiles.dma_lock(at(2), 64), Some((place(2), 0)));
        assert_eq!(tiles.dma_lock(at(2), 191), Some((place(3), 63)));
        assert_eq!(tiles.dma_lock(at(7), 128), None);
        assert_eq!(tiles.dma_lock(at(2), 192), None);
    }

    #[test]
    fn cores_reach_three_neighbours() {
        let tiles = Tiles::new(Shape::npu4());
        let core = TileId::new(1, 3);
        assert_eq!(tiles.core_memory(core, 0x7_0400), Some((9, 0x400)));
        assert_eq!(tiles.core_memory(core, 0x4_0400), Some((8, 0x400)));
        assert_eq!(tiles.core_memory(core, 0x5_0000), Some((3, 0)));
        assert_eq!(tiles.core_lock(core, 33), Some((10, 1)));
        assert_eq!(tiles.core_lock(core, 50), Some((9, 2)));
        assert_eq!(tiles.core_lock(TileId::new(0, 2), 0), None);
    }

    #[test]
    fn the_iteration_counts_in_its_register() {
        let mut tiles = Tiles::new(Shape::npu1());
        let tile = tiles.at_mut(1);
        tile.descriptors[5][6] = 3 << 17 | 1;
        tile.set_iteration(5, 2);
        assert_eq!(tile.descriptors[5][6], 3 << 17 | 1 | 2 << 23);
        assert_eq!(tile.descriptor(5).map(|d| d.iteration.current), Some(2));
        assert_eq!(descriptor_at(Kind::Core, 0x1_d000 + 0x20 * 3 + 20), Some((3, 5)));
        assert_eq!(descriptor_at(Kind::Core, 0x1_d018), None);
        assert_eq!(
            descriptor_at(Kind::Memory, 0xa_0000 + 0x20 * 47 + 28),
            Some((47, 7))
        );
    }
}
