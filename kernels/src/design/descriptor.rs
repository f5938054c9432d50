//! Buffer descriptors: what they say, and their words.

use xdna_runtime::formats::TileKind;

use super::Tile;
use crate::DesignError;

/// A dimension of an access: the next word is `step` words on, `wrap` times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dimension {
    /// Words from one to the next, at least 1.
    pub step: u32,
    /// How many there are; 0 in the last dimension, which goes on to the end.
    pub wrap: u32,
    /// Zeros sent before and after, in units of this dimension: memory tiles that send alone.
    pub pad: (u8, u8),
}

impl Dimension {
    /// A dimension without padding.
    pub const fn new(step: u32, wrap: u32) -> Self {
        let pad = (0, 0);
        Self { step, wrap, pad }
    }
}

/// A dimension that advances once per use of the descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Iteration {
    /// Words from one use to the next, at least 1.
    pub step: u32,
    /// Uses after which it begins again, at least 1.
    pub wrap: u32,
}

/// What happens to a lock before or after a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockUse {
    /// Lock of the tile itself.
    pub id: u8,
    /// Acquire: negative waits for at least that many and takes them; release: how many are added.
    pub value: i8,
}

/// Length of bursts to memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Burst {
    /// 4 beats.
    Four,
    /// 8 beats.
    Eight,
    /// 16 beats: the longest of npu1.
    #[default]
    Sixteen,
    /// The longest of npu4.
    Longest,
}

/// A buffer descriptor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// Its number.
    pub id: u8,
    /// Byte address in the tile's memory; in a shim tile an offset into a buffer.
    pub address: u64,
    /// Words moved, padding not counted.
    pub length: u32,
    /// Dimensions, the fastest first; none for words in their order. At most 3, in memory tiles 4.
    pub dimensions: Vec<Dimension>,
    /// A dimension over uses.
    pub iteration: Option<Iteration>,
    /// Lock taken before.
    pub acquire: Option<LockUse>,
    /// Lock released behind.
    pub release: Option<LockUse>,
    /// Descriptor that follows.
    pub next: Option<u8>,
    /// Id and type of the packet that it sends.
    pub packet: Option<(u8, u8)>,
    /// Bursts, of shim tiles.
    pub burst: Burst,
}

/// Puts values into bits of words and notes the first that does not fit.
struct Fields<'a> {
    tile: Tile,
    descriptor: &'a Descriptor,
    words: Vec<u32>,
    wrong: Option<DesignError>,
}

impl Fields<'_> {
    fn set(&mut self, what: &'static str, word: usize, low: u32, bits: u32, value: u64) {
        let limit = (1u64 << bits) - 1;
        if value > limit {
            let (tile, id) = (self.tile, self.descriptor.id);
            let wrong = DesignError::TooLarge {
                tile,
                id,
                what,
                value,
                limit,
            };
            self.wrong.get_or_insert(wrong);
        }
        self.words[word] |= ((value & limit) as u32) << low;
    }

    /// A step, stored minus one.
    fn step(&mut self, word: usize, low: u32, bits: u32, step: u32) {
        self.set("step", word, low, bits, step.saturating_sub(1).into());
    }

    fn dimension(&self, i: usize) -> Dimension {
        let none = Dimension::new(1, 0);
        self.descriptor.dimensions.get(i).copied().unwrap_or(none)
    }

    /// Lock, chaining and validity, as word 7 of shim tiles and word 5 of core tiles have them.
    fn locks(&mut self, word: usize) {
        let d = self.descriptor;
        if let Some(l) = d.acquire {
            self.set("lock", word, 0, 4, l.id.into());
            self.set("lock value", word, 5, 7, (l.value as u8 & 0x7f).into());
            self.set("lock enable", word, 12, 1, 1);
        }
        if let Some(l) = d.release {
            self.set("lock", word, 13, 4, l.id.into());
            self.set("lock value", word, 18, 7, (l.value as u8 & 0x7f).into());
        }
        self.set("valid", word, 25, 1, 1);
        if let Some(next) = d.next {
            self.set("use next", word, 26, 1, 1);
            self.set("next", word, 27, 4, next.into());
        }
    }

    fn shim(&mut self) {
        let d = self.descriptor;
        self.set("length", 0, 0, 32, d.length.into());
        self.set("address", 1, 0, 32, d.address & 0xffff_ffff);
        self.set("address", 2, 0, 16, d.address >> 32);
        if let Some((id, kind)) = d.packet {
            self.set("packet type", 2, 16, 3, kind.into());
            self.set("packet id", 2, 19, 5, id.into());
            self.set("enable packet", 2, 30, 1, 1);
        }
        for (i, word) in [3, 4, 5].into_iter().enumerate() {
            let dimension = self.dimension(i);
            self.step(word, 0, 20, dimension.step);
            if i < 2 {
                self.set("wrap", word, 20, 10, dimension.wrap.into());
            }
        }
        let burst = match d.burst {
            Burst::Four => 0,
            Burst::Eight => 1,
            Burst::Sixteen => 2,
            Burst::Longest => 3,
        };
        self.set("burst", 4, 30, 2, burst);
        self.set("cache", 5, 24, 4, 2);
        if let Some(i) = d.iteration {
            self.step(6, 0, 20, i.step);
            self.set("iteration wrap", 6, 20, 6, i.wrap.saturating_sub(1).into());
        }
        self.locks(7);
    }

    fn memory(&mut self) {
        /// The tile's own memory in words, and its own locks, as its descriptors see them.
        const OWN_WORDS: u64 = 0x2_0000;
        const OWN_LOCKS: u64 = 64;
        let d = self.descriptor;
        self.set("length", 0, 0, 17, d.length.into());
        if let Some((id, kind)) = d.packet {
            self.set("packet id", 0, 23, 5, id.into());
            self.set("packet type", 0, 28, 3, kind.into());
            self.set("enable packet", 0, 31, 1, 1);
        }
        self.set("address in words", 1, 0, 17, d.address / 4);
        self.set("own memory", 1, 0, 19, OWN_WORDS);
        if let Some(next) = d.next {
            self.set("use next", 1, 19, 1, 1);
            self.set("next", 1, 20, 6, next.into());
        }
        // Word, first bit and bits of each dimension's padding before and after.
        let pads = [
            ((1, 26, 6), (5, 17, 6)),
            ((3, 27, 5), (5, 23, 5)),
            ((4, 27, 4), (5, 28, 4)),
        ];
        for i in 0..4 {
            let dimension = self.dimension(i);
            self.step(i + 2, 0, 17, dimension.step);
            if i < 3 {
                self.set("wrap", i + 2, 17, 10, dimension.wrap.into());
            }
            if let Some((before, after)) = pads.get(i) {
                self.set("padding", before.0, before.1, before.2, dimension.pad.0.into());
                self.set("padding", after.0, after.1, after.2, dimension.pad.1.into());
            }
        }
        if let Some(i) = d.iteration {
            self.step(6, 0, 17, i.step);
            self.set("iteration wrap", 6, 17, 6, i.wrap.saturating_sub(1).into());
        }
        if let Some(l) = d.acquire {
            self.set("lock", 7, 0, 8, OWN_LOCKS + u64::from(l.id));
            self.set("lock value", 7, 8, 7, (l.value as u8 & 0x7f).into());
            self.set("lock enable", 7, 15, 1, 1);
        }
        if let Some(l) = d.release {
            self.set("lock", 7, 16, 8, OWN_LOCKS + u64::from(l.id));
            self.set("lock value", 7, 24, 7, (l.value as u8 & 0x7f).into());
        }
        self.set("valid", 7, 31, 1, 1);
    }

    fn core(&mut self) {
        let d = self.descriptor;
        self.set("length", 0, 0, 14, d.length.into());
        self.set("address in words", 0, 14, 14, d.address / 4);
        if let Some((id, kind)) = d.packet {
            self.set("packet type", 1, 16, 3, kind.into());
            self.set("packet id", 1, 19, 5, id.into());
            self.set("enable packet", 1, 30, 1, 1);
        }
        self.step(2, 0, 13, self.dimension(0).step);
        self.step(2, 13, 13, self.dimension(1).step);
        self.step(3, 0, 13, self.dimension(2).step);
        self.set("wrap", 3, 13, 8, self.dimension(0).wrap.into());
        self.set("wrap", 3, 21, 8, self.dimension(1).wrap.into());
        if let Some(i) = d.iteration {
            self.step(4, 0, 13, i.step);
            self.set("iteration wrap", 4, 13, 6, i.wrap.saturating_sub(1).into());
        }
        self.locks(5);
    }
}

impl Descriptor {
    /// Its register in a tile.
    ///
    /// # Errors
    /// The tile has no descriptor of this number.
    pub fn register(&self, tile: Tile) -> Result<u32, DesignError> {
        let (base, count) = match tile.kind() {
            TileKind::Shim | TileKind::Core => (0x1_d000, 16),
            TileKind::Memory => (0xa_0000, 48),
        };
        if self.id >= count {
            let (what, number) = ("descriptor", self.id.into());
            return Err(DesignError::NoSuch { tile, what, number });
        }
        Ok(base + 0x20 * u32::from(self.id))
    }

    /// Its words in a tile: 8, in core tiles 6.
    ///
    /// # Errors
    /// A number does not fit into its field, or there are more dimensions or paddings than the tile has.
    pub fn words(&self, tile: Tile) -> Result<Vec<u32>, DesignError> {
        let kind = tile.kind();
        let dimensions = if kind == TileKind::Memory { 4 } else { 3 };
        let padded = |d: &Dimension| d.pad != (0, 0);
        let pads = if kind == TileKind::Memory { 3 } else { 0 };
        let excess = self.dimensions.len() > dimensions || self.dimensions.iter().skip(pads).any(padded);
        if excess {
            let (what, number) = ("dimension or padding", self.dimensions.len() as u32);
            return Err(DesignError::NoSuch { tile, what, number });
        }
        if !self.address.is_multiple_of(4) {
            let address = self.address;
            return Err(DesignError::Unaligned { tile, address });
        }
        let words = if kind == TileKind::Core { 6 } else { 8 };
        let mut fields = Fields {
            tile,
            descriptor: self,
            words: vec![0; words],
            wrong: None,
        };
        match kind {
            TileKind::Shim => fields.shim(),
            TileKind::Memory => fields.memory(),
            TileKind::Core => fields.core(),
        }
        match fields.wrong {
            Some(wrong) => Err(wrong),
            None => Ok(fields.words),
        }
    }
}
