//! Ports of stream switches, in the order of their registers (npu-formats, section 10.3).

use std::fmt;

use super::geometry::Kind;

/// What a port of a switch leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// The core's stream.
    Core,
    /// A DMA channel.
    Dma(u8),
    /// The tile's registers: control packets and task-complete tokens.
    TileControl,
    /// A FIFO inside the switch.
    Fifo,
    /// The tile below; of a shim: its DMA, the fabric, and firmware at 0.
    South(u8),
    /// The tile to the left.
    West(u8),
    /// The tile above.
    North(u8),
    /// The tile to the right.
    East(u8),
    /// Trace units.
    Trace(u8),
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Core => write!(f, "Core"),
            Self::Dma(n) => write!(f, "DMA {n}"),
            Self::TileControl => write!(f, "TileControl"),
            Self::Fifo => write!(f, "FIFO"),
            Self::South(n) => write!(f, "South {n}"),
            Self::West(n) => write!(f, "West {n}"),
            Self::North(n) => write!(f, "North {n}"),
            Self::East(n) => write!(f, "East {n}"),
            Self::Trace(n) => write!(f, "Trace {n}"),
        }
    }
}

/// A run of ports in register order: how many, and what the n-th is.
type Run = (u8, fn(u8) -> Port);

const CORE_MASTERS: &[Run] = &[
    (1, |_| Port::Core),
    (2, Port::Dma),
    (1, |_| Port::TileControl),
    (1, |_| Port::Fifo),
    (4, Port::South),
    (4, Port::West),
    (6, Port::North),
    (4, Port::East),
];
const CORE_SLAVES: &[Run] = &[
    (1, |_| Port::Core),
    (2, Port::Dma),
    (1, |_| Port::TileControl),
    (1, |_| Port::Fifo),
    (6, Port::South),
    (4, Port::West),
    (4, Port::North),
    (4, Port::East),
    (2, Port::Trace),
];
const MEMORY_MASTERS: &[Run] = &[
    (6, Port::Dma),
    (1, |_| Port::TileControl),
    (4, Port::South),
    (6, Port::North),
];
const MEMORY_SLAVES: &[Run] = &[
    (6, Port::Dma),
    (1, |_| Port::TileControl),
    (6, Port::South),
    (4, Port::North),
    (1, Port::Trace),
];
const SHIM_MASTERS: &[Run] = &[
    (1, |_| Port::TileControl),
    (1, |_| Port::Fifo),
    (6, Port::South),
    (4, Port::West),
    (6, Port::North),
    (4, Port::East),
];
const SHIM_SLAVES: &[Run] = &[
    (1, |_| Port::TileControl),
    (1, |_| Port::Fifo),
    (8, Port::South),
    (4, Port::West),
    (4, Port::North),
    (4, Port::East),
    (1, Port::Trace),
];

/// The side of a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Words leave the switch.
    Master,
    /// Words enter it.
    Slave,
}

fn runs(kind: Kind, side: Side) -> &'static [Run] {
    match (kind, side) {
        (Kind::Core, Side::Master) => CORE_MASTERS,
        (Kind::Core, Side::Slave) => CORE_SLAVES,
        (Kind::Memory, Side::Master) => MEMORY_MASTERS,
        (Kind::Memory, Side::Slave) => MEMORY_SLAVES,
        (Kind::Shim, Side::Master) => SHIM_MASTERS,
        (Kind::Shim, Side::Slave) => SHIM_SLAVES,
    }
}

/// The ports of one side in register order.
pub fn ports(kind: Kind, side: Side) -> impl Iterator<Item = Port> {
    runs(kind, side)
        .iter()
        .flat_map(|&(count, port)| (0..count).map(port))
}

/// The number of a port on its side; `None` where the tile has no such port.
pub fn index_of(kind: Kind, side: Side, port: Port) -> Option<usize> {
    ports(kind, side).position(|p| p == port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_where_the_registers_are() {
        let at = |kind, side, port| index_of(kind, side, port).unwrap();
        assert_eq!(at(Kind::Shim, Side::Master, Port::North(1)), 13);
        assert_eq!(at(Kind::Shim, Side::Slave, Port::South(3)), 5);
        assert_eq!(at(Kind::Core, Side::Master, Port::East(0)), 19);
        assert_eq!(at(Kind::Core, Side::Slave, Port::Trace(1)), 24);
        assert_eq!(at(Kind::Core, Side::Slave, Port::North(0)), 15);
        assert_eq!(at(Kind::Memory, Side::Master, Port::North(5)), 16);
        assert_eq!(at(Kind::Memory, Side::Slave, Port::Trace(0)), 17);
        assert_eq!(index_of(Kind::Memory, Side::Slave, Port::East(0)), None);
    }

    #[test]
    fn what_leaves_a_tile_enters_its_neighbour() {
        let count = |kind, side, f: fn(Port) -> bool| ports(kind, side).filter(|&p| f(p)).count();
        let north = |p| matches!(p, Port::North(_));
        let south = |p| matches!(p, Port::South(_));
        for (below, above) in [
            (Kind::Shim, Kind::Memory),
            (Kind::Memory, Kind::Core),
            (Kind::Core, Kind::Core),
        ] {
            assert_eq!(
                count(below, Side::Master, north),
                count(above, Side::Slave, south)
            );
            assert_eq!(
                count(above, Side::Master, south),
                count(below, Side::Slave, north)
            );
        }
    }
}
