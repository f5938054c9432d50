//! One cycle of a DMA channel: descriptor, lock, words, release, next descriptor, token.

use super::access::address;
use super::channel::{Channel, Failure, State, Task, Transfer};
use super::descriptor::Descriptor;
use super::dma::Direction;
use super::fabric::{Fabric, Sink};
use super::geometry::Kind;
use super::host::Window;
use super::ports::Port;
use super::stream::{Beat, header};
use super::tiles::Tiles;
use super::timing::Timing;

/// What a channel works on.
pub struct Surroundings<'a, 'm> {
    /// The tiles.
    pub tiles: &'a mut Tiles,
    /// The streams.
    pub fabric: &'a mut Fabric,
    /// Host memory.
    pub host: &'a mut Window<'m>,
    /// Latencies.
    pub timing: &'a Timing,
    /// The cycle.
    pub now: u64,
}

/// What a cycle did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Something moved.
    Moved,
    /// Something will happen in this cycle, whatever others do.
    Until(u64),
    /// Nothing, and nothing will unless others move.
    Waits,
}

impl Progress {
    /// What two did together.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Moved, _) | (_, Self::Moved) => Self::Moved,
            (Self::Until(a), Self::Until(b)) => Self::Until(a.min(b)),
            (Self::Until(a), Self::Waits) | (Self::Waits, Self::Until(a)) => Self::Until(a),
            (Self::Waits, Self::Waits) => Self::Waits,
        }
    }
}

impl Surroundings<'_, '_> {
    /// One cycle of `channel`.
    pub fn step(&mut self, channel: &mut Channel) -> Progress {
        if channel.is_held() {
            return Progress::Waits;
        }
        // Taking a task, a descriptor and a lock costs the latency of `Start`, not a cycle each.
        loop {
            let state = std::mem::replace(&mut channel.state, State::Idle);
            let (state, progress) = match state {
                State::Idle => match channel.queue.pop_front() {
                    None => return Progress::Waits,
                    Some(task) => (begin(channel, task), None),
                },
                State::Fetch(index) => (self.fetch(channel, index), None),
                State::Acquire(descriptor) => self.acquire(channel, descriptor),
                State::Start(at, descriptor) if at > self.now => {
                    (State::Start(at, descriptor), Some(Progress::Until(at)))
                }
                State::Start(_, descriptor) => (State::Move(Box::new(transfer(*descriptor))), None),
                State::Move(transfer) => self.transfer(channel, transfer),
                State::Finish => self.finish(channel),
                State::Failed(failure) => (State::Failed(failure), Some(Progress::Waits)),
            };
            channel.state = state;
            if let Some(progress) = progress {
                return progress;
            }
        }
    }

    fn fetch(&self, channel: &mut Channel, index: u8) -> State {
        channel.current = index;
        let tile = channel.id.tile;
        if tile.kind() == Kind::Memory && (index >= 24) != (channel.id.number % 2 == 1) {
            return State::Failed(Failure::Unavailable(index));
        }
        let place = self.tiles.shape.index(tile);
        let Some(descriptor) = place.and_then(|p| self.tiles.at(p).descriptor(index)) else {
            return State::Failed(Failure::Unavailable(index));
        };
        if !descriptor.valid {
            return State::Failed(Failure::Invalid(index));
        }
        if descriptor.compression {
            return State::Failed(Failure::Mode("compression"));
        }
        if channel.out_of_order() {
            return State::Failed(Failure::Mode("out-of-order mode"));
        }
        State::Acquire(Box::new(descriptor))
    }

    fn acquire(&mut self, channel: &Channel, descriptor: Box<Descriptor>) -> (State, Option<Progress>) {
        let mut latency = match channel.id.tile.kind() {
            Kind::Shim => self.timing.shim,
            Kind::Memory => self.timing.memory_tile,
            Kind::Core => self.timing.core_tile,
        };
        if let Some(mut request) = descriptor.acquire {
            let Some((tile, lock)) = self.tiles.dma_lock(channel.id.tile, request.lock) else {
                return (lost_lock(channel, request.lock), None);
            };
            request.lock = lock;
            if !self.tiles.at_mut(tile).locks.acquire(request) {
                return (State::Acquire(descriptor), Some(Progress::Waits));
            }
            latency += self.timing.lock;
        }
        (State::Start(self.now + latency, descriptor), None)
    }

    fn transfer(&mut self, channel: &mut Channel, mut moving: Box<Transfer>) -> (State, Option<Progress>) {
        if moving.next.is_none() {
            return (self.release(channel, &moving.descriptor), None);
        }
        let moved = match channel.id.direction {
            Direction::Mm2s => self.send(channel, &mut moving),
            Direction::S2mm => self.receive(channel, &mut moving),
        };
        match moved {
            Err(failure) => {
                log::warn!("{}: {failure}", channel.id);
                (State::Failed(failure), Some(Progress::Moved))
            }
            Ok(false) => {
                channel.stalled = true;
                (State::Move(moving), Some(Progress::Waits))
            }
            Ok(true) => {
                channel.stalled = false;
                channel.words += 1;
                // The last word releases the lock in its own cycle.
                let state = if moving.next.is_none() {
                    self.release(channel, &moving.descriptor)
                } else {
                    State::Move(moving)
                };
                (state, Some(Progress::Moved))
            }
        }
    }

    fn send(&mut self, channel: &Channel, moving: &mut Transfer) -> Result<bool, Failure> {
        let (id, descriptor) = (channel.id, moving.descriptor);
        let tile = self.tiles.shape.index(id.tile);
        let Some(output) = tile.and_then(|t| self.fabric.channel_output(t, id.number)) else {
            return Ok(false);
        };
        if !self.fabric.has_room(output) {
            return Ok(false);
        }
        if let (true, Some(packet)) = (moving.header, descriptor.packet) {
            let word = header(packet.id, packet.kind, id.tile.row, id.tile.column);
            moving.header = false;
            return Ok(self.fabric.offer(output, self.now, Beat::data(word, false)));
        }
        let Some(item) = moving.next else { return Ok(false) };
        let word = match item {
            Some(offset) => self.load(channel, address(&descriptor, offset))?,
            None => self.padding(channel),
        };
        moving.next = moving.words.next();
        let last = moving.next.is_none() && !descriptor.suppress_last;
        Ok(self.fabric.offer(output, self.now, Beat::data(word, last)))
    }

    fn receive(&mut self, channel: &Channel, moving: &mut Transfer) -> Result<bool, Failure> {
        let id = channel.id;
        let Some(tile) = self.tiles.shape.index(id.tile) else {
            return Ok(false);
        };
        let sink = self.fabric.sink(tile, Sink::Channel(id.number));
        let Some(beat) = self.fabric.take(sink, self.now) else {
            return Ok(false);
        };
        if let Some(Some(offset)) = moving.next {
            self.store(channel, address(&moving.descriptor, offset), beat.word)?;
        }
        moving.next = moving.words.next();
        if beat.last && channel.finishes_on_last() {
            moving.next = None;
        }
        Ok(true)
    }

    fn release(&mut self, channel: &mut Channel, descriptor: &Descriptor) -> State {
        let tile = channel.id.tile;
        if let Some(mut request) = descriptor.release {
            let Some((holder, lock)) = self.tiles.dma_lock(tile, request.lock) else {
                return lost_lock(channel, request.lock);
            };
            request.lock = lock;
            self.tiles.at_mut(holder).locks.release(request);
        }
        if let Some(place) = self.tiles.shape.index(tile) {
            let next = descriptor.iteration.next();
            self.tiles.at_mut(place).set_iteration(channel.current, next);
        }
        if let Some(next) = descriptor.next {
            return State::Fetch(next);
        }
        match &mut channel.task {
            Some((task, left)) if *left > 0 => {
                *left -= 1;
                State::Fetch(task.descriptor)
            }
            _ => State::Finish,
        }
    }

    fn finish(&mut self, channel: &mut Channel) -> (State, Option<Progress>) {
        if channel.task.is_some_and(|(task, _)| task.token) {
            let tile = self.tiles.shape.index(channel.id.tile);
            let output = tile.and_then(|t| self.fabric.slave(t, Port::TileControl));
            let id = channel.id;
            let beat = Beat {
                word: header(channel.controller(), 0, id.tile.row, id.tile.column),
                last: true,
                token: Some(id),
            };
            if !output.is_some_and(|o| self.fabric.offer(o, self.now, beat)) {
                channel.stalled = true;
                return (State::Finish, Some(Progress::Waits));
            }
        }
        channel.stalled = false;
        channel.task = None;
        (State::Idle, Some(Progress::Moved))
    }
}

fn begin(channel: &mut Channel, task: Task) -> State {
    channel.task = Some((task, task.times - 1));
    State::Fetch(task.descriptor)
}

fn transfer(descriptor: Descriptor) -> Transfer {
    let mut words = descriptor.pattern.words();
    let next = words.next();
    Transfer {
        descriptor,
        words,
        next,
        header: descriptor.packet.is_some(),
    }
}

fn lost_lock(channel: &Channel, lock: u8) -> State {
    State::Failed(Failure::Lock {
        descriptor: channel.current,
        lock,
    })
}
