//! Who waits for whom when nothing moves any more.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::channel::{Channel, State};
use super::core::Ask;
use super::dma::{ChannelId, Direction};
use super::fabric::{Sink, Target};
use super::geometry::{Kind, TileId};
use super::locks::Request;
use super::ports::Port;
use super::{Array, Slot};

impl Array {
    /// A line for each channel and core that waits: for which lock, or for which stream.
    pub fn explain(&self) -> String {
        let mut lines = String::new();
        for channel in self.channels.iter().filter(|c| !c.is_idle()) {
            let reason = self.channel_waits(channel);
            // Writing to a string cannot fail.
            let _ = writeln!(
                lines,
                "  {}, descriptor {}: {reason}",
                channel.id, channel.current
            );
        }
        for (place, slot) in self.cores.iter().enumerate() {
            if let Some(reason) = self.core_waits(place, slot) {
                let _ = writeln!(lines, "  core of {}: {reason}", self.shape.tile(place));
            }
        }
        if lines.is_empty() {
            lines.push_str("  nothing is under way\n");
        }
        lines
    }

    /// Shim channels that have work left: after the end of control code, those that it did not wait for.
    pub fn unfinished(&self) -> impl Iterator<Item = ChannelId> {
        let works = |c: &&Channel| c.id.tile.kind() == Kind::Shim && !c.is_idle();
        self.channels.iter().filter(works).map(|c| c.id)
    }

    fn channel_waits(&self, channel: &Channel) -> String {
        let tile = channel.id.tile;
        match &channel.state {
            _ if channel.is_held() => "is paused or held in reset".to_owned(),
            State::Failed(failure) => format!("stopped, {failure}"),
            State::Acquire(descriptor) => match descriptor.acquire {
                Some(request) => self.lock_waits(request, self.tiles.dma_lock(tile, request.lock)),
                None => "is about to start".to_owned(),
            },
            State::Move(moving) => {
                let left = moving.words.left() + u32::from(moving.next.flatten().is_some());
                let what = match channel.id.direction {
                    Direction::S2mm => self.starves(channel),
                    Direction::Mm2s => self.is_blocked(channel),
                };
                format!("{what} ({left} words left)")
            }
            State::Finish => format!(
                "has a token that finds no way: {}",
                self.shape
                    .index(tile)
                    .and_then(|t| self.fabric.slave(t, Port::TileControl))
                    .map_or_else(String::new, |slave| self.blockers(slave))
            ),
            State::Idle | State::Fetch(_) | State::Start(..) => "is about to start".to_owned(),
        }
    }

    fn lock_waits(&self, request: Request, place: Option<(usize, u8)>) -> String {
        let Some((holder, lock)) = place else {
            return format!("waits for lock {}, which is out of reach", request.lock);
        };
        format!(
            "waits for lock {lock} of {}, which is {} and must be {}",
            self.shape.tile(holder),
            self.tiles.at(holder).locks.value(lock),
            request.waits_for()
        )
    }

    fn starves(&self, channel: &Channel) -> String {
        let Some(tile) = self.shape.index(channel.id.tile) else {
            return String::new();
        };
        let sink = Target::Sink(self.fabric.sink(tile, Sink::Channel(channel.id.number)));
        format!("waits for words {}", self.origins(sink))
    }

    /// Where the words of a target come from.
    fn origins(&self, target: Target) -> String {
        let (mut seen, mut sources, mut open) = (BTreeSet::new(), BTreeSet::new(), vec![target]);
        while let Some(target) = open.pop() {
            for slave in self.fabric.upstream(target) {
                if seen.insert(slave) {
                    sources.extend(self.source(slave));
                    open.push(Target::Slave(slave));
                }
            }
        }
        if sources.is_empty() {
            "and no route leads there".to_owned()
        } else {
            format!("from {}", sources.into_iter().collect::<Vec<_>>().join(", "))
        }
    }

    /// The name of what feeds a slave port, if it is no other switch, and whether it does anything.
    fn source(&self, slave: usize) -> Option<String> {
        let (tile, port) = self.fabric.slave_name(slave);
        let place = self.shape.index(tile)?;
        let feeds = |c: &&Channel| {
            c.id.tile == tile
                && c.id.direction == Direction::Mm2s
                && self.fabric.channel_output(place, c.id.number) == Some(slave)
        };
        if let Some(channel) = self.channels.iter().find(feeds) {
            let idle = if channel.is_idle() { " (idle)" } else { "" };
            return Some(format!("{}{idle}", channel.id));
        }
        match port {
            Port::Core => Some(format!("the core of {tile}")),
            Port::TileControl => Some(format!("the registers of {tile}")),
            _ => None,
        }
    }

    fn is_blocked(&self, channel: &Channel) -> String {
        let place = self.shape.index(channel.id.tile);
        match place.and_then(|t| self.fabric.channel_output(t, channel.id.number)) {
            None => "has no stream: the shim's mux does not join it".to_owned(),
            Some(slave) => self.blockers(slave),
        }
    }

    /// What keeps the words at a slave port from moving.
    fn blockers(&self, slave: usize) -> String {
        let (mut seen, mut found, mut open) = (BTreeSet::new(), BTreeSet::new(), vec![slave]);
        while let Some(slave) = open.pop() {
            if !seen.insert(slave) {
                continue;
            }
            let (tile, port) = self.fabric.slave_name(slave);
            let next = self.fabric.downstream(slave);
            if next.is_empty() {
                found.insert(format!("no route from {port} of {tile}"));
            }
            for target in next {
                match target {
                    Target::Slave(next) if self.fabric.has_room(next) => {
                        if self.fabric.waiting(slave) > 0 {
                            found.insert(format!("no slot or arbiter for the packet at {port} of {tile}"));
                        }
                    }
                    Target::Slave(next) => open.push(next),
                    Target::Sink(sink) => {
                        let waiting = self.fabric.waiting_at_sink(sink);
                        let at = self.fabric.sink_tile(sink);
                        found.insert(format!(
                            "{} at {at} ({waiting} words wait)",
                            self.sink_name(at, sink)
                        ));
                    }
                    Target::Nowhere => {
                        found.insert(format!("the route from {port} of {tile} leads off the array"));
                    }
                }
            }
        }
        format!(
            "waits for room: {}",
            found.into_iter().collect::<Vec<_>>().join(", ")
        )
    }

    fn sink_name(&self, tile: TileId, sink: usize) -> String {
        let Some(place) = self.shape.index(tile) else {
            return String::new();
        };
        let channels =
            (0..tile.kind().channels()).find(|&n| self.fabric.sink(place, Sink::Channel(n)) == sink);
        match channels {
            Some(n) => format!("S2MM {n}"),
            None if sink == self.fabric.sink(place, Sink::Core) => "the core".to_owned(),
            None => "the registers".to_owned(),
        }
    }

    fn core_waits(&self, place: usize, slot: &Slot) -> Option<String> {
        let tile = self.shape.tile(place);
        Some(match slot.running.as_ref()?.asks.as_ref()? {
            Ask::Acquire(request) => self.lock_waits(*request, self.tiles.core_lock(tile, request.lock)),
            Ask::Get => {
                let sink = Target::Sink(self.fabric.sink(place, Sink::Core));
                format!("waits for words {}", self.origins(sink))
            }
            Ask::Put(..) => match self.fabric.slave(place, Port::Core) {
                Some(slave) => self.blockers(slave),
                None => return None,
            },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Address, HostMemory, Shape, Timing, Unmapped, Window};
    use super::*;

    struct Nothing;

    impl HostMemory for Nothing {
        fn read(&mut self, address: u64, _: &mut [u8]) -> Result<(), Unmapped> {
            Err(Unmapped(address))
        }

        fn write(&mut self, address: u64, _: &[u8]) -> Result<(), Unmapped> {
            Err(Unmapped(address))
        }
    }

    /// Writes registers of the tiles of column 1, and what is said of them when nothing moves any more.
    fn stuck(writes: &[(u8, u32, u32)]) -> String {
        let mut array = Array::new(Shape::npu4(), Timing::default());
        for &(row, offset, word) in writes {
            array
                .write(Address::new(TileId::new(1, row), offset), word)
                .unwrap();
        }
        while array.advance(&mut Window::new(&mut Nothing), u64::MAX).unwrap() {}
        array.explain()
    }

    /// The last word of a shim's or core's descriptor that is valid.
    const VALID: u32 = 1 << 25;

    #[test]
    fn a_channel_that_starves_names_the_one_that_should_send() {
        let said = stuck(&[
            (0, 0x3_f114, 0x8000_0000),
            (0, 0x3_f010, 0x8000_0005),
            (0, 0x1_f000, 0x400),
            (0, 0x1_f004, 0x10),
            (0, 0x1_d020, 16),
            (0, 0x1_d03c, VALID),
            (0, 0x1_d204, 1),
        ]);
        let expected = "  shim tile (1, 0) S2MM 0, descriptor 1: waits for words from shim tile (1, 0) MM2S 0 (idle) \
                        (16 words left)\n";
        assert_eq!(said, expected);
    }

    #[test]
    fn a_channel_that_waits_for_a_lock_names_it() {
        let acquire_3 = 3 | 0x7f << 5 | 1 << 12;
        let said = stuck(&[
            (2, 0x1_d000, 8),
            (2, 0x1_d014, VALID | acquire_3),
            (2, 0x1_de14, 0),
        ]);
        let expected = "  core tile (1, 2) MM2S 0, descriptor 0: waits for lock 3 of core tile (1, 2), which is 0 and must \
                        be at least 1\n";
        assert_eq!(said, expected);
    }

    #[test]
    fn a_channel_without_a_route_says_so() {
        let said = stuck(&[(2, 0x1_d000, 8), (2, 0x1_d014, VALID), (2, 0x1_de14, 0)]);
        assert!(said.contains("no route from DMA 0 of core tile (1, 2)"), "{said}");
        let said = stuck(&[(2, 0x1_d000, 8), (2, 0x1_de14, 0)]);
        assert!(said.contains("stopped, descriptor 0 is not valid"), "{said}");
    }
}
