//! The state of a DMA channel: control, queue, task, status (npu-formats, section 10.1).

use std::collections::VecDeque;

use super::descriptor::Descriptor;
use super::dma::{ChannelId, Direction};
use super::generator::Words;
use super::geometry::Kind;

/// Tasks that wait in a channel's queue.
const QUEUE: usize = 4;

/// What a channel was told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// First descriptor.
    pub descriptor: u8,
    /// Times it is done.
    pub times: u32,
    /// Issue a token at the end.
    pub token: bool,
}

impl Task {
    /// From a write to the queue register.
    pub fn read(kind: Kind, word: u32) -> Self {
        let ids = if kind == Kind::Memory { 0x3f } else { 0xf };
        Self {
            descriptor: (word & ids) as u8,
            times: (word >> 16 & 0xff) + 1,
            token: word >> 31 != 0,
        }
    }
}

/// Why a channel stopped for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Its descriptor is not marked valid.
    #[error("descriptor {0} is not valid")]
    Invalid(u8),
    /// Even channels of memory tiles have descriptors 0 to 23, odd ones the others.
    #[error("descriptor {0} is not one of this channel's")]
    Unavailable(u8),
    /// A word outside the memories it reaches.
    #[error("descriptor {descriptor} reaches {address:#x}, where no memory is")]
    Memory {
        /// The descriptor.
        descriptor: u8,
        /// Byte address.
        address: u64,
    },
    /// A lock outside those it reaches.
    #[error("descriptor {descriptor} names lock {lock}, which is out of reach")]
    Lock {
        /// The descriptor.
        descriptor: u8,
        /// The lock.
        lock: u8,
    },
    /// A mode that is not simulated.
    #[error("{0} is not simulated")]
    Mode(&'static str),
}

impl Failure {
    /// The bit of the status register that says so.
    fn bit(self, kind: Kind) -> u32 {
        match self {
            Self::Invalid(_) => 1 << 11,
            Self::Unavailable(_) => 1 << 10,
            Self::Memory { .. } if kind == Kind::Shim => 1 << 16,
            Self::Memory { .. } => 1 << 9,
            Self::Lock { .. } => 1 << 8,
            Self::Mode(_) => 0,
        }
    }
}

/// What a channel is at.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Nothing.
    Idle,
    /// About to read this descriptor.
    Fetch(u8),
    /// Waiting for its lock.
    Acquire(Box<Descriptor>),
    /// On the way to its memory until this cycle.
    Start(u64, Box<Descriptor>),
    /// Moving words.
    Move(Box<Transfer>),
    /// All times done: a token may be left to issue.
    Finish,
    /// Stopped.
    Failed(Failure),
}

/// A descriptor under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Transfer {
    /// The descriptor.
    pub descriptor: Descriptor,
    /// Its words to come after the next.
    pub words: Words,
    /// The next: an offset in words, or padding.
    pub next: Option<Option<u64>>,
    /// The header is still to be sent.
    pub header: bool,
}

/// A DMA channel.
#[derive(Clone, Debug)]
pub struct Channel {
    /// Its name.
    pub id: ChannelId,
    /// The control register.
    pub control: u32,
    /// Tasks that wait.
    pub queue: VecDeque<Task>,
    /// The task under way, and the times left after this one.
    pub task: Option<(Task, u32)>,
    /// The descriptor it is at.
    pub current: u8,
    /// What it is at.
    pub state: State,
    /// The last cycle's attempt to move got nothing from, or no room in, the stream.
    pub stalled: bool,
    /// A task came when the queue was full.
    pub overflow: bool,
    /// Words moved since the array was made.
    pub words: u64,
}

impl Channel {
    /// An idle channel.
    pub fn new(id: ChannelId) -> Self {
        Self {
            id,
            control: 0,
            queue: VecDeque::new(),
            task: None,
            current: 0,
            state: State::Idle,
            stalled: false,
            overflow: false,
            words: 0,
        }
    }

    /// True if nothing is under way and nothing waits.
    pub fn is_idle(&self) -> bool {
        self.state == State::Idle && self.queue.is_empty()
    }

    /// The id of token packets.
    pub fn controller(&self) -> u8 {
        (self.control >> 8 & 0x1f) as u8
    }

    /// A descriptor ends with the packet that fills it.
    pub fn finishes_on_last(&self) -> bool {
        self.id.direction == Direction::S2mm && self.control >> 16 & 3 != 0
    }

    /// Descriptors are chosen by the packets that arrive.
    pub fn out_of_order(&self) -> bool {
        self.id.direction == Direction::S2mm && self.control >> 3 & 1 != 0
    }

    /// Held: paused in a shim, in reset elsewhere.
    pub fn is_held(&self) -> bool {
        let bits = if self.id.tile.kind() == Kind::Shim { 6 } else { 2 };
        self.control & bits != 0
    }

    /// Writes the control register.
    pub fn set_control(&mut self, word: u32) {
        self.control = word;
        if self.id.tile.kind() != Kind::Shim && self.is_held() {
            *self = Self {
                control: word,
                words: self.words,
                ..Self::new(self.id)
            };
        }
    }

    /// Writes the queue register.
    pub fn enqueue(&mut self, word: u32) {
        if self.queue.len() >= QUEUE {
            log::warn!("{}: a task is lost, the queue is full", self.id);
            self.overflow = true;
        } else {
            self.queue.push_back(Task::read(self.id.tile.kind(), word));
        }
    }

    /// The status register.
    pub fn status(&self) -> u32 {
        let state = match &self.state {
            State::Idle => 0,
            State::Fetch(_) | State::Start(..) => 1,
            State::Acquire(_) => 2 | 1 << 2,
            State::Move(_) => 2 | u32::from(self.stalled) << 4,
            State::Finish => 2 | u32::from(self.stalled) << 5,
            State::Failed(failure) => 3 | failure.bit(self.id.tile.kind()),
        };
        let running = self.state != State::Idle;
        state
            | u32::from(self.overflow) << 18
            | u32::from(running) << 19
            | (self.queue.len() as u32) << 20
            | u32::from(self.current) << 24
    }
}

#[cfg(test)]
mod tests {
    use super::super::geometry::TileId;
    use super::*;

    fn channel(row: u8, direction: Direction) -> Channel {
        Channel::new(ChannelId {
            tile: TileId::new(0, row),
            direction,
            number: 0,
        })
    }

    #[test]
    fn the_queue_has_four_places() {
        let mut shim = channel(0, Direction::S2mm);
        for _ in 0..4 {
            shim.enqueue(0x8002_0003);
        }
        assert_eq!(shim.queue[0].times, 3);
        assert_eq!(shim.status(), 4 << 20);
        shim.enqueue(1);
        assert_eq!(shim.status(), 4 << 20 | 1 << 18);
        assert_eq!(channel(1, Direction::Mm2s).status(), 0);
    }

    #[test]
    fn reset_forgets_the_queue() {
        let mut core = channel(2, Direction::Mm2s);
        core.enqueue(0);
        core.set_control(2);
        assert!(core.queue.is_empty() && core.is_held());
        core.set_control(0x1b00);
        assert_eq!((core.controller(), core.is_held()), (0x1b, false));
    }
}
