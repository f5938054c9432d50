//! What the array does for the closures that stand in for core programs.

use super::Array;
use super::core::{Answer, Ask};
use super::fabric::Sink;
use super::locks::Request;
use super::mover::Progress;
use super::ports::Port;
use super::stream::Beat;

/// Questions a stand-in may ask in one cycle before others have their turn.
const ASKS_PER_CYCLE: usize = 1024;

impl Array {
    /// One cycle of a core's stand-in.
    pub(super) fn step_core(&mut self, place: usize) -> Progress {
        let Some(mut running) = self.cores[place].running.take() else {
            return Progress::Waits;
        };
        let mut progress = Progress::Waits;
        if !running.done || running.asks.is_some() {
            for _ in 0..ASKS_PER_CYCLE {
                if running.busy_until > self.now {
                    progress = progress.and(Progress::Until(running.busy_until));
                    break;
                }
                if running.asks.is_none() {
                    running.resume();
                    progress = Progress::Moved;
                }
                let Some(ask) = running.asks.clone() else { break };
                let Some((answer, cycles)) = self.serve(place, &ask) else {
                    break;
                };
                running.answer(answer);
                running.busy_until = self.now + cycles;
                progress = Progress::Moved;
            }
        }
        self.cores[place].running = Some(running);
        progress
    }

    /// Does what a core asks for: the answer and the cycles it takes; `None` to wait.
    fn serve(&mut self, place: usize, ask: &Ask) -> Option<(Answer, u64)> {
        let tile = self.shape.tile(place);
        let done = |cycles| Some((Answer::Done, cycles));
        match ask {
            Ask::Acquire(request) => {
                let (holder, lock) = self.tiles.core_lock(tile, request.lock)?;
                let own = Request { lock, ..*request };
                let granted = self.tiles.at_mut(holder).locks.acquire(own);
                granted.then_some((Answer::Done, self.timing.lock))
            }
            Ask::Release(request) => {
                let (holder, lock) = self.tiles.core_lock(tile, request.lock)?;
                let own = Request { lock, ..*request };
                self.tiles.at_mut(holder).locks.release(own);
                done(self.timing.lock)
            }
            Ask::Read(address, len) => {
                let found = self.tiles.core_memory(tile, *address).and_then(|(holder, at)| {
                    let memory = &self.tiles.at(holder).memory;
                    memory.get(at..at.checked_add(*len)?).map(<[u8]>::to_vec)
                });
                if found.is_none() {
                    log::warn!("the core of {tile} reads {len} bytes at {address:#x}, where no memory is");
                }
                Some((Answer::Bytes(found.unwrap_or_else(|| vec![0; *len])), 0))
            }
            Ask::Program => Some((Answer::Bytes(self.tiles.at(place).program.clone()), 0)),
            Ask::Write(address, bytes) => {
                let found = self.tiles.core_memory(tile, *address).and_then(|(holder, at)| {
                    let memory = &mut self.tiles.at_mut(holder).memory;
                    memory.get_mut(at..at.checked_add(bytes.len())?)
                });
                match found {
                    Some(memory) => memory.copy_from_slice(bytes),
                    None => log::warn!("the core of {tile} writes to {address:#x}, where no memory is"),
                }
                done(0)
            }
            Ask::Get => {
                let sink = self.fabric.sink(place, Sink::Core);
                let beat = self.fabric.take(sink, self.now)?;
                Some((Answer::Word(beat.word, beat.last), 1))
            }
            Ask::Put(word, last) => {
                let slave = self.fabric.slave(place, Port::Core)?;
                let put = self.fabric.offer(slave, self.now, Beat::data(*word, *last));
                put.then_some((Answer::Done, 1))
            }
            Ask::Busy(cycles) => done(*cycles),
        }
    }
}
