//! Buffer descriptors: what a DMA moves, from where, in which order (npu-formats, section 9).

use super::generator::{Dimension, Padding, Pattern};
use super::geometry::Kind;
use super::locks::{Request, signed7};

/// Bytes from one descriptor's registers to the next one's.
pub const STRIDE: u32 = 0x20;
/// Words of the longest descriptor.
pub const WORDS: usize = 8;

/// The header a descriptor puts before its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Id of the stream.
    pub id: u8,
    /// Type.
    pub kind: u8,
}

/// A buffer descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Byte address: of host memory in a shim, of the tile's own memory in a core tile, of three memories behind one
    /// another (west, own, east) in a memory tile.
    pub base: u64,
    /// Order of the words.
    pub pattern: Pattern,
    /// Executions so far, and how many until it starts again.
    pub iteration: Iteration,
    /// Header to send.
    pub packet: Option<Packet>,
    /// Lock to take before the first word.
    pub acquire: Option<Request>,
    /// Lock to release after the last.
    pub release: Option<Request>,
    /// The descriptor after this one.
    pub next: Option<u8>,
    /// May be executed.
    pub valid: bool,
    /// The last word does not end a packet.
    pub suppress_last: bool,
    /// (De)compression is asked for.
    pub compression: bool,
}

/// One more dimension: it advances once per execution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Iteration {
    /// Words from one execution to the next.
    pub step: u32,
    /// Executions until it starts again.
    pub wrap: u32,
    /// Executions since it started.
    pub current: u32,
}

impl Iteration {
    /// After one more execution.
    pub fn next(self) -> u32 {
        if self.current + 1 >= self.wrap {
            0
        } else {
            self.current + 1
        }
    }
}

/// Bits `low..=high` of a word.
fn bits(word: u32, low: u32, high: u32) -> u32 {
    word >> low & (u32::MAX >> (31 - (high - low)))
}

fn bit(word: u32, at: u32) -> bool {
    word >> at & 1 != 0
}

/// A dimension from its fields: steps are stored minus one.
fn dimension(step: u32, wrap: u32) -> Dimension {
    Dimension { step: step + 1, wrap }
}

impl Descriptor {
    /// Reads the registers of a descriptor in a tile of `kind`.
    pub fn read(kind: Kind, words: &[u32; WORDS]) -> Self {
        match kind {
            Kind::Shim => Self::shim(words),
            Kind::Memory => Self::memory(words),
            Kind::Core => Self::core(words),
        }
    }

    fn shim(w: &[u32; WORDS]) -> Self {
        Self {
            base: u64::from(w[2] & 0xffff) << 32 | u64::from(w[1] & !3),
            pattern: Pattern {
                length: w[0],
                dimensions: [
                    dimension(bits(w[3], 0, 19), bits(w[3], 20, 29)),
                    dimension(bits(w[4], 0, 19), bits(w[4], 20, 29)),
                    dimension(bits(w[5], 0, 19), 0),
                    Dimension::default(),
                ],
                padding: [Padding::default(); 3],
            },
            iteration: Iteration {
                step: bits(w[6], 0, 19) + 1,
                wrap: bits(w[6], 20, 25) + 1,
                current: bits(w[6], 26, 31),
            },
            packet: packet(bit(w[2], 30), bits(w[2], 19, 23), bits(w[2], 16, 18)),
            compression: false,
            ..tail(w[7])
        }
    }

    fn memory(w: &[u32; WORDS]) -> Self {
        let pad = |before: u32, after: u32| Padding { before, after };
        let release = signed7(bits(w[7], 24, 30));
        Self {
            base: u64::from(bits(w[1], 0, 18)) * 4,
            pattern: Pattern {
                length: bits(w[0], 0, 16),
                dimensions: [
                    dimension(bits(w[2], 0, 16), bits(w[2], 17, 26)),
                    dimension(bits(w[3], 0, 16), bits(w[3], 17, 26)),
                    dimension(bits(w[4], 0, 16), bits(w[4], 17, 26)),
                    dimension(bits(w[5], 0, 16), 0),
                ],
                padding: [
                    pad(bits(w[1], 26, 31), bits(w[5], 17, 22)),
                    pad(bits(w[3], 27, 31), bits(w[5], 23, 27)),
                    pad(bits(w[4], 27, 30), bits(w[5], 28, 31)),
                ],
            },
            iteration: Iteration {
                step: bits(w[6], 0, 16) + 1,
                wrap: bits(w[6], 17, 22) + 1,
                current: bits(w[6], 23, 28),
            },
            packet: packet(bit(w[0], 31), bits(w[0], 23, 27), bits(w[0], 28, 30)),
            acquire: bit(w[7], 15).then(|| Request {
                lock: bits(w[7], 0, 7) as u8,
                value: signed7(bits(w[7], 8, 14)),
            }),
            release: (release != 0).then(|| Request {
                lock: bits(w[7], 16, 23) as u8,
                value: release,
            }),
            next: bit(w[1], 19).then(|| bits(w[1], 20, 25) as u8),
            valid: bit(w[7], 31),
            suppress_last: bit(w[2], 31),
            compression: bit(w[4], 31),
        }
    }

    fn core(w: &[u32; WORDS]) -> Self {
        Self {
            base: u64::from(bits(w[0], 14, 27)) * 4,
            pattern: Pattern {
                length: bits(w[0], 0, 13),
                dimensions: [
                    dimension(bits(w[2], 0, 12), bits(w[3], 13, 20)),
                    dimension(bits(w[2], 13, 25), bits(w[3], 21, 28)),
                    dimension(bits(w[3], 0, 12), 0),
                    Dimension::default(),
                ],
                padding: [Padding::default(); 3],
            },
            iteration: Iteration {
                step: bits(w[4], 0, 12) + 1,
                wrap: bits(w[4], 13, 18) + 1,
                current: bits(w[4], 19, 24),
            },
            packet: packet(bit(w[1], 30), bits(w[1], 19, 23), bits(w[1], 16, 18)),
            compression: bit(w[1], 31),
            ..tail(w[5])
        }
    }
}

/// The register that holds the iteration's current value: its word, and its lowest bit.
pub fn iteration_current(kind: Kind) -> (usize, u32) {
    match kind {
        Kind::Shim => (6, 26),
        Kind::Memory => (6, 23),
        Kind::Core => (4, 19),
    }
}

fn packet(enabled: bool, id: u32, kind: u32) -> Option<Packet> {
    enabled.then_some(Packet {
        id: id as u8,
        kind: kind as u8,
    })
}

/// What shim and core tiles keep in the last word.
fn tail(w: u32) -> Descriptor {
    let release = signed7(bits(w, 18, 24));
    Descriptor {
        base: 0,
        pattern: Pattern::default(),
        iteration: Iteration::default(),
        packet: None,
        acquire: bit(w, 12).then(|| Request {
            lock: bits(w, 0, 3) as u8,
            value: signed7(bits(w, 5, 11)),
        }),
        release: (release != 0).then(|| Request {
            lock: bits(w, 13, 16) as u8,
            value: release,
        }),
        next: bit(w, 26).then(|| bits(w, 27, 30) as u8),
        valid: bit(w, 25),
        suppress_last: bit(w, 31),
        compression: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_example_is_sixteen_linear_words() {
        // npu-formats, section 9.4.
        let bd = Descriptor::read(
            Kind::Shim,
            &[0x10, 0, 0, 0, 0x8000_0000, 0x0200_0000, 0, 0x0200_0000],
        );
        assert!(bd.valid && bd.acquire.is_none() && bd.release.is_none() && bd.next.is_none());
        let order: Vec<u64> = bd.pattern.words().map(|w| w.unwrap_or(u64::MAX)).collect();
        assert_eq!(order, (0..16).collect::<Vec<_>>());
    }

    #[test]
    fn memory_tile_fields_have_their_own_places() {
        let words = [
            100 | 7 << 23 | 2 << 28 | 1 << 31,
            0x2_0010 | 1 << 19 | 33 << 20 | 5 << 26,
            3 | 8 << 17,
            15 | 4 << 17 | 6 << 27,
            63 | 2 << 17 | 7 << 27,
            127 | 9 << 17 | 10 << 23 | 11 << 28,
            255 | 3 << 17 | 2 << 23,
            65 | 0x7f << 8 | 1 << 15 | 66 << 16 | 1 << 24 | 1 << 31,
        ];
        let bd = Descriptor::read(Kind::Memory, &words);
        assert_eq!((bd.base, bd.pattern.length, bd.next), (0x8_0040, 100, Some(33)));
        assert_eq!(bd.packet, Some(Packet { id: 7, kind: 2 }));
        let steps = bd.pattern.dimensions.map(|d| (d.step, d.wrap));
        assert_eq!(steps, [(4, 8), (16, 4), (64, 2), (128, 0)]);
        let pads = bd.pattern.padding.map(|p| (p.before, p.after));
        assert_eq!(pads, [(5, 9), (6, 10), (7, 11)]);
        assert_eq!(
            (bd.iteration.step, bd.iteration.wrap, bd.iteration.current),
            (256, 4, 2)
        );
        assert_eq!(bd.acquire, Some(Request { lock: 65, value: -1 }));
        assert_eq!(bd.release, Some(Request { lock: 66, value: 1 }));
        assert!(bd.valid);
    }

    #[test]
    fn core_tile_fields_share_words() {
        let words = [
            20 | 0x100 << 14,
            3 << 16 | 9 << 19 | 1 << 30,
            1 | 7 << 13,
            31 | 2 << 13 | 5 << 21,
            10 | 4 << 13 | 1 << 19,
            2 | 0x7e << 5 | 1 << 12 | 3 << 13 | 2 << 18 | 1 << 25 | 1 << 26 | 4 << 27,
            0,
            0,
        ];
        let bd = Descriptor::read(Kind::Core, &words);
        assert_eq!((bd.base, bd.pattern.length, bd.next), (0x400, 20, Some(4)));
        let steps = bd.pattern.dimensions.map(|d| (d.step, d.wrap));
        assert_eq!(steps, [(2, 2), (8, 5), (32, 0), (0, 0)]);
        assert_eq!(bd.packet, Some(Packet { id: 9, kind: 3 }));
        assert_eq!(bd.acquire, Some(Request { lock: 2, value: -2 }));
        assert_eq!(bd.release, Some(Request { lock: 3, value: 2 }));
        assert_eq!(
            (bd.iteration.step, bd.iteration.wrap, bd.iteration.next()),
            (11, 5, 2)
        );
    }
}
