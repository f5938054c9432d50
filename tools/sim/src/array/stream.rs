//! What travels on streams, and where it waits.

use std::collections::VecDeque;

use super::dma::ChannelId;

/// One word on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The word.
    pub word: u32,
    /// It ends a packet.
    pub last: bool,
    /// It is the task-complete token of this channel. How a token's own bits name the channel is not documented.
    pub token: Option<ChannelId>,
}

impl Beat {
    /// A word of data.
    pub fn data(word: u32, last: bool) -> Self {
        Self {
            word,
            last,
            token: None,
        }
    }
}

/// Words that wait at a port.
#[derive(Clone, Debug, Default)]
pub struct Fifo {
    waiting: VecDeque<(u64, Beat)>,
}

impl Fifo {
    /// True if another word fits into `depth`.
    pub fn has_room(&self, depth: usize) -> bool {
        self.waiting.len() < depth
    }

    /// Words that wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Adds a word that arrived in cycle `now`.
    pub fn push(&mut self, now: u64, beat: Beat) {
        self.waiting.push_back((now, beat));
    }

    /// The next word, if it arrived before cycle `now`: a word moves one hop per cycle.
    pub fn front(&self, now: u64) -> Option<Beat> {
        self.waiting
            .front()
            .filter(|(at, _)| *at < now)
            .map(|(_, beat)| *beat)
    }

    /// Takes the next word.
    pub fn pop(&mut self, now: u64) -> Option<Beat> {
        self.front(now)?;
        self.waiting.pop_front().map(|(_, beat)| beat)
    }
}

/// The header of a packet (npu-formats, section 10.4).
pub fn header(id: u8, kind: u8, row: u8, column: u8) -> u32 {
    let word = u32::from(id & 0x1f)
        | u32::from(kind & 7) << 12
        | u32::from(row & 0x1f) << 16
        | u32::from(column & 0x7f) << 21;
    with_odd_parity(word)
}

/// Sets bit 31 so that the number of ones is odd.
pub fn with_odd_parity(word: u32) -> u32 {
    let word = word & 0x7fff_ffff;
    word | u32::from(word.count_ones().is_multiple_of(2)) << 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_waits_a_cycle_at_each_hop() {
        let mut fifo = Fifo::default();
        fifo.push(5, Beat::data(1, false));
        assert!(fifo.pop(5).is_none() && fifo.has_room(2) && !fifo.has_room(1));
        assert_eq!(fifo.pop(6), Some(Beat::data(1, false)));
        assert_eq!(fifo.len(), 0);
    }

    #[test]
    fn headers_have_odd_parity() {
        for id in 0..32 {
            let word = header(id, 2, 1, 3);
            assert_eq!(word.count_ones() % 2, 1);
            assert_eq!((word & 0x1f, word >> 12 & 7), (u32::from(id), 2));
        }
    }
}
