//! One cycle of everything.

use super::fabric::Sink;
use super::geometry::{Address, Kind};
use super::host::Window;
use super::mover::{Progress, Surroundings};
use super::packets::{self, Access};
use super::ports::Port;
use super::{AccessError, Array};

impl Array {
    /// One cycle: DMA channels, cores, streams, registers that streams reach; each in the order of the tiles.
    pub(super) fn step(&mut self, host: &mut Window<'_>) -> Progress {
        let mut progress = Progress::Waits;
        let mut around = Surroundings {
            tiles: &mut self.tiles,
            fabric: &mut self.fabric,
            host,
            timing: &self.timing,
            now: self.now,
        };
        for channel in &mut self.channels {
            if !channel.is_idle() {
                progress = progress.and(around.step(channel));
            }
        }
        for place in 0..self.cores.len() {
            if self.cores[place].running.is_some() {
                progress = progress.and(self.step_core(place));
            }
        }
        if self.fabric.step(self.now) {
            progress = Progress::Moved;
        }
        if self.step_control() {
            progress = Progress::Moved;
        }
        progress
    }

    /// Takes what arrived for registers and for firmware; true if something did.
    fn step_control(&mut self) -> bool {
        let mut moved = false;
        if !self.fabric.has_words_for_registers() && self.handlers.iter().all(|h| h.next_answer().is_none()) {
            return false;
        }
        for place in 0..self.handlers.len() {
            let tile = self.shape.tile(place);
            let sink = self.fabric.sink(place, Sink::Control);
            if let Some(beat) = self.fabric.take(sink, self.now) {
                moved = true;
                if let Some(access) = self.handlers[place].take(beat) {
                    self.access(place, access);
                }
            }
            if let Some(beat) = self.handlers[place].next_answer()
                && let Some(slave) = self.fabric.slave(place, Port::TileControl)
                && self.fabric.offer(slave, self.now, beat)
            {
                self.handlers[place].sent();
                moved = true;
            }
            if tile.kind() == Kind::Shim {
                let firmware = self.fabric.sink(place, Sink::Firmware);
                while let Some(beat) = self.fabric.take(firmware, self.now) {
                    moved = true;
                    self.tokens.extend(beat.token);
                }
            }
        }
        moved
    }

    fn access(&mut self, place: usize, access: Access) {
        let tile = self.shape.tile(place);
        let result = match access {
            Access::Write(offset, words) => words
                .iter()
                .zip(0..)
                .try_for_each(|(&word, i)| self.write(Address::new(tile, offset + 4 * i), word)),
            Access::Read { offset, count, id } => {
                let words = (0..count as u32).map(|i| self.read(Address::new(tile, offset + 4 * i)));
                let words: Result<Vec<u32>, AccessError> = words.collect();
                words.map(|w| self.handlers[place].answer(id, &w, tile.row, tile.column))
            }
        };
        if let Err(e) = result {
            log::warn!("control packet at {tile}: {e}");
            self.handlers[place].errors |= packets::BUS_ERROR;
        }
    }
}
