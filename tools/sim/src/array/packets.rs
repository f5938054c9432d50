//! Control packets: register accesses that arrive on a stream (npu-formats, section 14).

use std::collections::VecDeque;

use super::stream::{Beat, header};

/// What a packet asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Write words from an offset in the tile on.
    Write(u32, Vec<u32>),
    /// Read `count` words from an offset on, and send them under an id.
    Read {
        /// Offset in the tile.
        offset: u32,
        /// Words.
        count: usize,
        /// Id of the answer's stream.
        id: u8,
    },
}

/// The handler of a tile.
#[derive(Clone, Debug, Default)]
pub struct Handler {
    words: Vec<u32>,
    /// Parity and framing errors: the handler's status register.
    pub errors: u32,
    answers: VecDeque<Beat>,
}

const FIRST_PARITY: u32 = 1;
const SECOND_PARITY: u32 = 2;
/// An access to what does not exist.
pub const BUS_ERROR: u32 = 4;
const LAST_ERROR: u32 = 8;

impl Handler {
    /// Takes the next word of a packet; the access, when it is complete.
    pub fn take(&mut self, beat: Beat) -> Option<Access> {
        self.words.push(beat.word);
        let even = |word: u32| word.count_ones().is_multiple_of(2);
        let [first, control, data @ ..] = &self.words[..] else {
            if beat.last {
                self.errors |= LAST_ERROR;
                self.words.clear();
            }
            return None;
        };
        let (first, control) = (*first, *control);
        let count = (control >> 20 & 3) as usize + 1;
        let reads = control >> 22 & 3 == 1;
        let wanted = if reads { 0 } else { count };
        if data.len() < wanted && !beat.last {
            return None;
        }
        let data = data.to_vec();
        self.words.clear();
        // One stream packet may carry several control packets: only a last word in the middle of one is wrong.
        if data.len() != wanted {
            self.errors |= LAST_ERROR;
        }
        if even(first) || even(control) {
            self.errors |= if even(first) { FIRST_PARITY } else { SECOND_PARITY };
            return None;
        }
        if data.len() != wanted {
            return None;
        }
        let offset = control & 0xf_ffff;
        let id = (control >> 24 & 0x1f) as u8;
        Some(if reads {
            Access::Read { offset, count, id }
        } else {
            Access::Write(offset, data)
        })
    }

    /// Queues the answer to a read from the tile at `row`, `column`.
    pub fn answer(&mut self, id: u8, words: &[u32], row: u8, column: u8) {
        self.answers
            .push_back(Beat::data(header(id, 0, row, column), false));
        for (i, &word) in words.iter().enumerate() {
            self.answers.push_back(Beat::data(word, i + 1 == words.len()));
        }
    }

    /// The next word of an answer.
    pub fn next_answer(&self) -> Option<Beat> {
        self.answers.front().copied()
    }

    /// It was sent.
    pub fn sent(&mut self) {
        self.answers.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::super::stream::with_odd_parity;
    use super::*;

    fn feed(handler: &mut Handler, words: &[u32]) -> Option<Access> {
        let last = words.len() - 1;
        let mut access = None;
        for (i, &w) in words.iter().enumerate() {
            access = handler.take(Beat::data(w, i == last));
        }
        access
    }

    #[test]
    fn writes_carry_up_to_four_words() {
        let mut handler = Handler::default();
        let control = with_odd_parity(0x1_d000 | 2 << 20);
        let got = feed(&mut handler, &[header(27, 0, 0, 0), control, 7, 8, 9]);
        assert_eq!(got, Some(Access::Write(0x1_d000, vec![7, 8, 9])));
        assert_eq!(handler.errors, 0);
    }

    #[test]
    fn reads_are_answered_under_their_id() {
        let mut handler = Handler::default();
        let control = with_odd_parity(0x3_2004 | 1 << 22 | 5 << 24);
        let got = feed(&mut handler, &[header(27, 0, 0, 0), control]);
        let expected = Access::Read {
            offset: 0x3_2004,
            count: 1,
            id: 5,
        };
        assert_eq!(got, Some(expected));
        handler.answer(5, &[42], 2, 1);
        assert_eq!(handler.next_answer().map(|b| b.word & 0x1f), Some(5));
        handler.sent();
        assert_eq!(handler.next_answer(), Some(Beat::data(42, true)));
    }

    #[test]
    fn damaged_packets_do_nothing() {
        let mut handler = Handler::default();
        let control = with_odd_parity(0x100);
        assert_eq!(feed(&mut handler, &[header(1, 0, 0, 0), control ^ 1, 7]), None);
        assert_eq!(handler.errors, SECOND_PARITY);
        assert_eq!(feed(&mut handler, &[header(1, 0, 0, 0) ^ 1, control, 7]), None);
        assert_eq!(handler.errors, SECOND_PARITY | FIRST_PARITY);
        assert_eq!(feed(&mut handler, &[header(1, 0, 0, 0), control]), None);
        assert_eq!(handler.errors & LAST_ERROR, LAST_ERROR);
    }
}
