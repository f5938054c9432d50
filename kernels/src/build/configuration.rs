//! The command stream that sets a design up.
//!
//! Parts and order are those of the open tools: memories and programs, then registers, then the cores' enable bits. Each
//! part begins with a NOP, and data are put at multiples of four words of their part by NOPs before them.

use xdna_runtime::formats::{Cdo, Pdi, TileKind, cdo::Command};

use super::{control, task};
use crate::{
    DesignError,
    design::{Channel, Connection, Design, Direction, Port, Switching, Tile},
};

/// Words of a stream's header, which its parts lose when they are put together.
const HEADER: usize = 5;
const CORE_CONTROL: u32 = 0x3_2000;
const ENABLE: u32 = 1 << 31;
const PACKET: u32 = 1 << 30;
/// Shim tiles: what their DMA channels are connected to.
const MUX: u32 = 0x1_f000;
const DEMUX: u32 = 0x1_f004;

/// A part: a stream of its own, as far as alignment goes.
///
/// Two tools of a tool chain align data, one after the other: the first to four words of its own file, in which addresses
/// have 64 bits, the second to the address in the array, in commands with addresses of 32 bits.
struct Part {
    commands: Vec<Command>,
    /// Words so far as the first tool counts them, and in the end.
    first: usize,
    words: usize,
}

impl Part {
    fn new() -> Self {
        let mut part = Self {
            commands: Vec::new(),
            first: HEADER,
            words: HEADER,
        };
        part.first += 1;
        part.nop(1);
        part
    }

    fn nop(&mut self, size: usize) {
        if size > 0 {
            self.words += size;
            let words = vec![0; size - 1];
            self.commands.push(Command::Nop { words });
        }
    }

    fn write(&mut self, tile: Tile, offset: u32, value: u32) {
        self.first += 4;
        self.words += 3;
        let address = tile.at(offset).into();
        self.commands.push(Command::Write { address, value });
    }

    fn mask(&mut self, tile: Tile, offset: u32, mask: u32, value: u32) {
        self.first += 5;
        self.words += 4;
        let address = tile.at(offset).into();
        self.commands.push(Command::MaskWrite { address, mask, value });
    }

    fn data(&mut self, tile: Tile, offset: u32, data: Vec<u32>) {
        // A length of 255 words and more takes a word of its own.
        let head = if data.len() + 2 < 255 { 3 } else { 4 };
        let fill = |at: usize, residue: usize| (residue + 2 * 4 - (at + head) % 4) % 4;
        let first = fill(self.first, 0);
        self.nop(first);
        self.nop(fill(self.words, offset as usize / 4 % 4));
        self.first += first + head + data.len();
        self.words += head + data.len();
        let address = u32::from(tile.at(offset)).into();
        self.commands.push(Command::DmaWrite { address, data });
    }
}

impl Design {
    /// The commands that set the design up.
    ///
    /// # Errors
    /// Something in it does not exist or does not fit.
    pub fn configuration(&self) -> Result<Cdo, DesignError> {
        let (mut programs, mut registers, mut enable) = (Part::new(), Part::new(), Part::new());
        for core in &self.cores {
            self.program(core, &mut programs);
        }
        self.locks(&mut registers)?;
        self.channels(&mut registers)?;
        self.switches(&mut registers)?;
        for core in &self.cores {
            enable.mask(core.tile, CORE_CONTROL, 1, 1);
        }
        let parts = [programs, registers, enable];
        Ok(Cdo::new(parts.into_iter().flat_map(|p| p.commands).collect()))
    }

    /// The image that firmware loads.
    ///
    /// # Errors
    /// As [`configuration`](Self::configuration).
    pub fn pdi(&self) -> Result<Vec<u8>, DesignError> {
        Ok(Pdi::new(self.configuration()?).write())
    }

    fn program(&self, core: &crate::design::Core, part: &mut Part) {
        // DMA channels in the order in which the open tools reset them.
        const CHANNELS: [u32; 4] = [0x1_de10, 0x1_de18, 0x1_de00, 0x1_de08];
        let tile = core.tile;
        part.mask(tile, CORE_CONTROL, 1, 0);
        for channel in CHANNELS {
            part.mask(tile, channel, 2, 2);
        }
        for (offset, words) in &core.segments {
            part.data(tile, *offset, words.clone());
        }
        for channel in CHANNELS {
            part.mask(tile, channel, 2, 0);
        }
    }

    fn locks(&self, part: &mut Part) -> Result<(), DesignError> {
        let place = |tile: Tile, id: u8| {
            let (base, count) = match tile.kind() {
                TileKind::Shim => (0x1_4000, 16),
                TileKind::Memory => (0xc_0000, 64),
                TileKind::Core => (0x1_f000, 16),
            };
            let (what, number) = ("lock", id.into());
            let none = DesignError::NoSuch { tile, what, number };
            if id < count {
                Ok(base + 0x10 * u32::from(id))
            } else {
                Err(none)
            }
        };
        for core in &self.cores {
            part.mask(core.tile, CORE_CONTROL, 2, 2);
            part.mask(core.tile, CORE_CONTROL, 2, 0);
            for id in 0..16 {
                part.write(core.tile, place(core.tile, id)?, 0);
            }
        }
        for lock in &self.locks {
            part.write(lock.tile, place(lock.tile, lock.id)?, lock.value.into());
        }
        Ok(())
    }

    /// Tiles in the order in which `of` names them first.
    fn tiles(of: impl Iterator<Item = Tile>) -> Vec<Tile> {
        let mut tiles = Vec::new();
        for tile in of {
            if !tiles.contains(&tile) {
                tiles.push(tile);
            }
        }
        tiles
    }

    fn channels(&self, part: &mut Part) -> Result<(), DesignError> {
        let all = self.descriptors.iter().map(|d| d.0);
        for tile in Self::tiles(all.chain(self.starts.iter().map(|s| s.tile))) {
            for (_, d) in self.descriptors.iter().filter(|d| d.0 == tile) {
                part.data(tile, d.register(tile)?, d.words(tile)?);
            }
            for start in self.starts.iter().filter(|s| s.tile == tile) {
                let register = control(tile, start.channel)?;
                part.write(
                    tile,
                    register + 4,
                    task(tile, start.channel, start.descriptor, start.times, false)?,
                );
                // The driver library's way to enable a channel: these have no such bit, and the mask keeps all.
                part.mask(tile, register, 0, 1);
            }
        }
        Ok(())
    }

    fn switches(&self, part: &mut Part) -> Result<(), DesignError> {
        for tile in Self::tiles(self.connections.iter().map(|c| c.tile)) {
            let here: Vec<Ports> = self
                .connections
                .iter()
                .filter(|c| c.tile == tile)
                .map(Ports::new)
                .collect::<Result<_, _>>()?;
            let base = if tile.kind() == TileKind::Memory {
                0xb_0000
            } else {
                0x3_f000
            };
            let slave = |p: &Ports| base + 0x100 + 4 * p.slave;
            for p in here.iter().filter(|p| p.packet.is_none()) {
                part.write(tile, base + 4 * p.master, ENABLE | p.slave);
                part.write(tile, slave(p), ENABLE);
            }
            let packets = || here.iter().filter_map(|p| Some((p, p.packet?)));
            for (p, (master, _)) in packets() {
                part.write(tile, base + 4 * p.master, ENABLE | PACKET | master);
            }
            for (i, (p, (_, slot))) in packets().enumerate() {
                let before = packets().take(i).filter(|(q, _)| q.slave == p.slave).count() as u32;
                if before >= 4 {
                    let (what, number) = ("slot", before);
                    return Err(DesignError::NoSuch { tile, what, number });
                }
                part.write(tile, slave(p), ENABLE | PACKET);
                part.write(tile, base + 0x200 + 0x10 * p.slave + 4 * before, slot);
            }
        }
        for c in self
            .connections
            .iter()
            .filter(|c| c.tile.kind() == TileKind::Shim)
        {
            if let Port::Dma(number) = c.from {
                let low = if number == 0 { 10 } else { 14 };
                part.mask(c.tile, MUX, 3 << low, 1 << low);
            }
            if let Port::Dma(number) = c.to {
                let low = if number == 0 { 4 } else { 6 };
                part.mask(c.tile, DEMUX, 3 << low, 1 << low);
            }
        }
        Ok(())
    }
}

/// A connection by the indices of its ports.
struct Ports {
    master: u32,
    slave: u32,
    /// Of a packet: configuration of the master port, and the slave port's slot.
    packet: Option<(u32, u32)>,
}

impl Ports {
    fn new(c: &Connection) -> Result<Self, DesignError> {
        let (tile, kind) = (c.tile, c.tile.kind());
        let none = |what| {
            let number = 0;
            DesignError::NoSuch { tile, what, number }
        };
        let packet = match c.switching {
            Switching::Circuit => None,
            Switching::Packet {
                id,
                mask,
                arbiter,
                output,
            } => {
                let (id, mask) = (u32::from(id & 0x1f), u32::from(mask & 0x1f));
                let (arbiter, output) = (u32::from(arbiter & 7), u32::from(output & 3));
                let slot = id << 24 | mask << 16 | 1 << 8 | output << 4 | arbiter;
                Some((1 << (3 + output) | arbiter, slot))
            }
        };
        Ok(Self {
            master: c.to.master(kind).ok_or_else(|| none("port to go to"))?.into(),
            slave: c
                .from
                .slave(kind)
                .ok_or_else(|| none("port to come from"))?
                .into(),
            packet,
        })
    }
}

impl Channel {
    /// Number by which control code names the direction.
    pub(crate) fn direction_number(self) -> u8 {
        u8::from(self.direction == Direction::Out)
    }
}
