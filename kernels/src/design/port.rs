//! Ports of stream switches.

use xdna_runtime::formats::TileKind;

/// A port of a tile's stream switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Port {
    /// The core's stream.
    Core,
    /// A DMA channel. Those of shim tiles are reached through ports to the south and a multiplexer.
    Dma(u8),
    /// Control packets and tokens.
    Control,
    /// The switch's memory.
    Fifo,
    /// To and from the row below.
    South(u8),
    /// To and from the column before.
    West(u8),
    /// To and from the row above.
    North(u8),
    /// To and from the column behind.
    East(u8),
}

/// First index and number of ports to the south, west, north and east.
type Sides = [(u8, u8); 4];

const CORE_MASTER: Sides = [(5, 4), (9, 4), (13, 6), (19, 4)];
const CORE_SLAVE: Sides = [(5, 6), (11, 4), (15, 4), (19, 4)];
const MEMORY_MASTER: Sides = [(7, 4), (0, 0), (11, 6), (0, 0)];
const MEMORY_SLAVE: Sides = [(7, 6), (0, 0), (13, 4), (0, 0)];
const SHIM_MASTER: Sides = [(2, 6), (8, 4), (12, 6), (18, 4)];
const SHIM_SLAVE: Sides = [(2, 8), (10, 4), (14, 4), (18, 4)];
/// Ports to the south that a shim tile's DMA channels use.
const SHIM_IN: [u8; 2] = [2, 3];
const SHIM_OUT: [u8; 2] = [3, 7];

impl Port {
    /// Index of its register among the ports that words leave by.
    pub fn master(self, kind: TileKind) -> Option<u8> {
        match kind {
            TileKind::Core => self.index(kind, &CORE_MASTER, &[]),
            TileKind::Memory => self.index(kind, &MEMORY_MASTER, &[]),
            TileKind::Shim => self.index(kind, &SHIM_MASTER, &SHIM_IN),
        }
    }

    /// Index of its register among the ports that words enter by.
    pub fn slave(self, kind: TileKind) -> Option<u8> {
        match kind {
            TileKind::Core => self.index(kind, &CORE_SLAVE, &[]),
            TileKind::Memory => self.index(kind, &MEMORY_SLAVE, &[]),
            TileKind::Shim => self.index(kind, &SHIM_SLAVE, &SHIM_OUT),
        }
    }

    fn index(self, kind: TileKind, sides: &Sides, dma: &[u8]) -> Option<u8> {
        let side = |side: usize, n: u8| {
            let (first, count) = sides[side];
            (n < count).then_some(first + n)
        };
        match (self, kind) {
            (Self::South(n), _) => side(0, n),
            (Self::West(n), _) => side(1, n),
            (Self::North(n), _) => side(2, n),
            (Self::East(n), _) => side(3, n),
            (Self::Dma(n), TileKind::Shim) => side(0, *dma.get(usize::from(n))?),
            (Self::Dma(n), TileKind::Memory) => (n < 6).then_some(n),
            (Self::Dma(n), TileKind::Core) => (n < 2).then_some(1 + n),
            (Self::Control, TileKind::Shim) => Some(0),
            (Self::Control, TileKind::Memory) => Some(6),
            (Self::Control, TileKind::Core) => Some(3),
            (Self::Fifo, TileKind::Shim) => Some(1),
            (Self::Fifo, TileKind::Core) => Some(4),
            (Self::Core, TileKind::Core) => Some(0),
            (Self::Fifo | Self::Core, _) => None,
        }
    }
}
