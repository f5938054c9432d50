//! Where ports lead: links between tiles, and the ends of streams.

use super::fabric::{Fabric, SINKS, SLAVES, Sink, Target};
use super::geometry::{Kind, TileId};
use super::ports::{Port, Side, ports};
use super::switch::Route;

impl Fabric {
    /// Where a master port leads.
    pub fn target(&self, tile: usize, master: usize) -> Target {
        let id = self.shape.tile(tile);
        let Some(port) = ports(id.kind(), Side::Master).nth(master) else {
            return Target::Nowhere;
        };
        let sink = |s| Target::Sink(self.sink(tile, s));
        let link = |right, up, port| self.link(id, right, up, port);
        match port {
            Port::Core => sink(Sink::Core),
            Port::Dma(n) => sink(Sink::Channel(n)),
            Port::TileControl => sink(Sink::Control),
            Port::Fifo => link(0, 0, Port::Fifo),
            Port::South(n) if id.kind() == Kind::Shim => {
                let joined = |shift: u32| self.demux[tile] >> shift & 3 == 1 && self.shape.has_dma(id);
                match n {
                    0 => sink(Sink::Firmware),
                    2 if joined(4) => sink(Sink::Channel(0)),
                    3 if joined(6) => sink(Sink::Channel(1)),
                    _ => Target::Nowhere,
                }
            }
            Port::South(n) => link(0, -1, Port::North(n)),
            Port::North(n) => link(0, 1, Port::South(n)),
            Port::West(n) => link(-1, 0, Port::East(n)),
            Port::East(n) => link(1, 0, Port::West(n)),
            Port::Trace(_) => Target::Nowhere,
        }
    }

    fn link(&self, from: TileId, right: i8, up: i8, port: Port) -> Target {
        let to = self.shape.neighbour(from, right, up);
        let slave = to
            .and_then(|t| self.shape.index(t))
            .and_then(|t| self.slave(t, port));
        slave.map_or(Target::Nowhere, Target::Slave)
    }

    /// The tile and port of a slave port.
    pub fn slave_name(&self, slave: usize) -> (TileId, Port) {
        let tile = self.shape.tile(slave / SLAVES);
        let port = ports(tile.kind(), Side::Slave).nth(slave % SLAVES);
        (tile, port.unwrap_or(Port::Fifo))
    }

    /// The tile of a sink.
    pub fn sink_tile(&self, sink: usize) -> TileId {
        self.shape.tile(sink / SINKS)
    }

    /// Words that wait at a slave port.
    pub fn waiting(&self, slave: usize) -> usize {
        self.slaves[slave].len()
    }

    /// Words that wait at a sink.
    pub fn waiting_at_sink(&self, sink: usize) -> usize {
        self.sinks[sink].len()
    }

    /// The slave ports from which a word may come next to a target.
    pub fn upstream(&self, target: Target) -> Vec<usize> {
        let mut found = Vec::new();
        for tile in 0..self.shape.tiles() {
            let masters = ports(self.shape.tile(tile).kind(), Side::Master).count();
            for master in (0..masters).filter(|&m| self.target(tile, m) == target) {
                found.extend(
                    self.switches[tile]
                        .sources(master)
                        .into_iter()
                        .map(|s| tile * SLAVES + s),
                );
            }
        }
        found
    }

    /// Where the words of a slave port go next.
    pub fn downstream(&self, slave: usize) -> Vec<Target> {
        let tile = slave / SLAVES;
        let switch = &self.switches[tile];
        let masters = match switch.route(slave % SLAVES) {
            Route::Off => Vec::new(),
            Route::Circuit(masters) => masters,
            Route::Packet(slots) => slots
                .iter()
                .flat_map(|s| switch.selected(s.arbiter, s.msel))
                .collect(),
        };
        masters.into_iter().map(|m| self.target(tile, m)).collect()
    }
}
