//! All stream switches of a partition and the streams between them.

use super::geometry::{Kind, Shape};
use super::ports::{Port, Side, index_of, ports};
use super::stream::{Beat, Fifo};
use super::switch::{ARBITERS, Register, Route, Slot, Switch};

/// Slave ports that are reserved per tile in lists of all.
pub(super) const SLAVES: usize = 32;
/// Sinks that are reserved per tile in lists of all.
pub(super) const SINKS: usize = 16;

/// Where words leave the switches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sink {
    /// An S2MM channel.
    Channel(u8),
    /// The handler of control packets.
    Control,
    /// The core's stream input.
    Core,
    /// Firmware, below a shim.
    Firmware,
}

impl Sink {
    pub(super) fn offset(self) -> usize {
        match self {
            Self::Channel(n) => usize::from(n),
            Self::Control => 8,
            Self::Core => 9,
            Self::Firmware => 10,
        }
    }
}

/// True for the sinks that [`Fabric::has_words_for_registers`] looks at.
pub(super) fn is_for_registers(sink: usize) -> bool {
    [Sink::Control.offset(), Sink::Firmware.offset()].contains(&(sink % SINKS))
}

/// Where a master port leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A slave port, by its place among all.
    Slave(usize),
    /// A sink, by its place among all.
    Sink(usize),
    /// Off the array, or to a shim port that is not connected: words wait for ever.
    Nowhere,
}

/// A step of a word: through a master port to what is behind it.
#[derive(Clone, Debug)]
pub(super) struct Hop {
    pub(super) to: Target,
    pub(super) drops_header: bool,
}

/// Where the words of a slave port go.
#[derive(Clone, Debug)]
pub(super) enum Way {
    /// All of them there.
    Circuit(Vec<Hop>),
    /// Packets, by the slot that takes them.
    Packet(Vec<(Slot, Vec<Hop>)>),
}

/// A slave port that is on.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    pub(super) fifo: usize,
    pub(super) way: Way,
}

/// The switches of a partition.
#[derive(Debug)]
pub struct Fabric {
    pub(super) shape: Shape,
    pub(super) depth: usize,
    pub(super) switches: Vec<Switch>,
    mux: Vec<u32>,
    pub(super) demux: Vec<u32>,
    pub(super) slaves: Vec<Fifo>,
    pub(super) sinks: Vec<Fifo>,
    pub(super) lanes: Vec<Lane>,
    /// The slot that the packet under way took, by slave port.
    pub(super) taken: Vec<Option<usize>>,
    /// The slave port that holds an arbiter, and the one that held it last.
    pub(super) owners: Vec<(Option<usize>, usize)>,
    stale: bool,
    /// Words that wait at the sinks of registers and of firmware.
    pub(super) for_registers: usize,
}

impl Fabric {
    /// All ports off; `depth` words wait at each.
    pub fn new(shape: Shape, depth: usize) -> Self {
        let tiles = shape.tiles();
        Self {
            shape,
            depth,
            switches: (0..tiles).map(|i| Switch::new(shape.tile(i).kind())).collect(),
            mux: vec![0; tiles],
            demux: vec![0; tiles],
            slaves: vec![Fifo::default(); tiles * SLAVES],
            sinks: vec![Fifo::default(); tiles * SINKS],
            lanes: Vec::new(),
            taken: vec![None; tiles * SLAVES],
            owners: vec![(None, 0); tiles * ARBITERS],
            stale: false,
            for_registers: 0,
        }
    }

    /// The registers of a tile's switch.
    pub fn switch(&self, tile: usize) -> &Switch {
        &self.switches[tile]
    }

    /// Writes a register of a tile's switch.
    pub fn write(&mut self, tile: usize, register: Register, value: u32) {
        self.switches[tile].write(register, value);
        self.stale = true;
    }

    /// What a shim's ports to and from the south are joined to: the mux and demux registers.
    pub fn shim_ports(&self, tile: usize) -> (u32, u32) {
        (self.mux[tile], self.demux[tile])
    }

    /// Writes a shim's mux and demux registers.
    pub fn join_shim(&mut self, tile: usize, mux: u32, demux: u32) {
        (self.mux[tile], self.demux[tile]) = (mux, demux);
        self.stale = true;
    }

    /// The sink of a kind in a tile.
    pub fn sink(&self, tile: usize, sink: Sink) -> usize {
        tile * SINKS + sink.offset()
    }

    /// The slave port that a port of a tile is.
    pub fn slave(&self, tile: usize, port: Port) -> Option<usize> {
        index_of(self.shape.tile(tile).kind(), Side::Slave, port).map(|i| tile * SLAVES + i)
    }

    /// The slave port that an MM2S channel feeds; `None` where a shim's mux joins another source.
    pub fn channel_output(&self, tile: usize, channel: u8) -> Option<usize> {
        if self.shape.tile(tile).kind() != Kind::Shim {
            return self.slave(tile, Port::Dma(channel));
        }
        let (south, shift) = if channel == 0 { (3, 10) } else { (7, 14) };
        (self.mux[tile] >> shift & 3 == 1)
            .then(|| self.slave(tile, Port::South(south)))
            .flatten()
    }

    /// Takes the next word at a sink.
    pub fn take(&mut self, sink: usize, now: u64) -> Option<Beat> {
        let beat = self.sinks[sink].pop(now)?;
        self.for_registers -= usize::from(is_for_registers(sink));
        Some(beat)
    }

    /// True if a word waits for a tile's registers or for firmware.
    pub fn has_words_for_registers(&self) -> bool {
        self.for_registers > 0
    }

    /// Puts a word into a slave port; false if it has no room.
    pub fn offer(&mut self, slave: usize, now: u64, beat: Beat) -> bool {
        let fifo = &mut self.slaves[slave];
        let room = fifo.has_room(self.depth);
        if room {
            fifo.push(now, beat);
        }
        room
    }

    /// True if a slave port takes another word.
    pub fn has_room(&self, slave: usize) -> bool {
        self.slaves[slave].has_room(self.depth)
    }

    /// Moves every word that can move one hop; true if one did.
    pub fn step(&mut self, now: u64) -> bool {
        if self.stale {
            self.compile();
        }
        let lanes = std::mem::take(&mut self.lanes);
        let mut moved = false;
        for lane in &lanes {
            if let Some(beat) = self.slaves[lane.fifo].front(now) {
                moved |= match &lane.way {
                    Way::Circuit(hops) => !hops.is_empty() && self.forward(now, lane.fifo, beat, hops, false),
                    Way::Packet(slots) => self.forward_packet(now, &lanes, lane.fifo, beat, slots),
                };
            }
        }
        self.lanes = lanes;
        moved
    }

    fn compile(&mut self) {
        self.stale = false;
        let mut lanes = Vec::new();
        for tile in 0..self.shape.tiles() {
            let switch = &self.switches[tile];
            let hop = |master: usize| Hop {
                to: self.target(tile, master),
                drops_header: switch.drops_header(master),
            };
            for slave in 0..ports(self.shape.tile(tile).kind(), Side::Slave).count() {
                let way = match switch.route(slave) {
                    Route::Off => continue,
                    Route::Circuit(masters) => Way::Circuit(masters.into_iter().map(hop).collect()),
                    Route::Packet(slots) => Way::Packet(
                        slots
                            .into_iter()
                            .map(|s| {
                                let masters = switch.selected(s.arbiter, s.msel);
                                (s, masters.into_iter().map(hop).collect())
                            })
                            .collect(),
                    ),
                };
                lanes.push(Lane {
                    fifo: tile * SLAVES + slave,
                    way,
                });
            }
        }
        self.lanes = lanes;
    }
}
