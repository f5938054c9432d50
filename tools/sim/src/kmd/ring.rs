//! What firmware writes for readers: its log and its event trace (driver-abi 9.7).

use std::collections::VecDeque;

use nix::errno::Errno;

/// Bytes of a ring without its footer.
pub const CAPACITY: usize = (4 << 20) - (4 << 10);
/// First and last byte of a record.
const BEGIN: u8 = 0xca;
const END: u8 = 0xba;
/// The application number of firmware itself.
const MANAGEMENT: u32 = 0xff;
/// Log records hold text.
const TEXT: u32 = 1;

/// Levels of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something failed.
    Error = 1,
    /// Something is odd.
    Warning = 2,
    /// Something happened.
    Info = 3,
}

/// Categories of the trace, as bits.
pub mod category {
    /// Contexts.
    pub const SCHEDULING: u32 = 1;
    /// Messages.
    pub const MAILBOX: u32 = 1 << 1;
    /// Suspend and resume.
    pub const POWER: u32 = 1 << 3;
    /// Errors.
    pub const ERRORS: u32 = 1 << 4;
    /// Configurations.
    pub const PDI: u32 = 1 << 5;
    /// Everything.
    pub const ALL: u32 = 0x1ff;
}

/// A ring that firmware fills and readers follow by offset.
#[derive(Debug, Default)]
pub struct Ring {
    /// Level or categories; `None` while it is off.
    pub config: Option<u32>,
    bytes: VecDeque<u8>,
    /// Bytes written so far.
    written: u64,
    sequence: u16,
}

impl Ring {
    /// Switched on with `config`.
    pub fn on(config: u32) -> Self {
        Self {
            config: Some(config),
            ..Self::default()
        }
    }

    /// A line of the log, if its level is wanted.
    pub fn log(&mut self, severity: Severity, time: u64, text: &str) {
        if self.config.is_none_or(|level| severity as u32 > level) {
            return;
        }
        let text = &text.as_bytes()[..text.len().min(255)];
        let head = TEXT | (severity as u32) << 8 | MANAGEMENT << 16 | (text.len() as u32) << 24;
        let mut body = time.to_le_bytes().to_vec();
        body.extend(head.to_le_bytes());
        body.extend([0; 4]);
        body.extend(text);
        self.record(body);
    }

    /// An event of the trace, if its category is wanted.
    pub fn event(&mut self, category: u32, time: u64, event: u16, payload: u64) {
        if self.config.is_none_or(|wanted| wanted & category == 0) {
            return;
        }
        let mut body = time.to_le_bytes().to_vec();
        body.extend((u64::from(event) << 48 | payload & 0xffff_ffff_ffff).to_le_bytes());
        self.record(body);
    }

    fn record(&mut self, mut body: Vec<u8>) {
        body.resize(body.len().next_multiple_of(8), 0);
        let length = (body.len() / 8) as u8;
        // Sequence numbers are never 0.
        self.sequence = self.sequence.checked_add(1).unwrap_or(1);
        let [low, high] = self.sequence.to_le_bytes();
        let head = [BEGIN, length, low, high, 0, 0, 0, 0];
        let foot = [0, 0, 0, 0, low, high, length, END];
        for byte in head.into_iter().chain(body).chain(foot) {
            self.bytes.push_back(byte);
            self.written += 1;
        }
        let over = self.bytes.len().saturating_sub(CAPACITY);
        self.bytes.drain(..over);
    }

    /// At most `room` bytes from `offset` on, and where they begin: a reader that is too late gets the oldest.
    ///
    /// # Errors
    /// `EINVAL` ahead of the writer.
    pub fn read(&self, offset: u64, room: usize) -> Result<(u64, Vec<u8>), Errno> {
        if offset > self.written {
            return Err(Errno::EINVAL);
        }
        let oldest = self.written - self.bytes.len() as u64;
        let start = offset.max(oldest);
        let bytes = self.bytes.iter().skip((start - oldest) as usize).take(room);
        Ok((start, bytes.copied().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_framed() {
        let mut ring = Ring::on(2);
        ring.log(Severity::Info, 7, "not wanted");
        ring.log(Severity::Warning, 7, "hot");
        let (start, bytes) = ring.read(0, 4096).unwrap();
        assert_eq!((start, bytes.len()), (0, 8 + 24 + 8));
        assert_eq!(bytes[..4], [0xca, 3, 1, 0]);
        assert_eq!(bytes[36..], [1, 0, 3, 0xba]);
        assert_eq!((bytes[8], &bytes[24..27]), (7, &b"hot"[..]));
        assert_eq!(bytes[16..20], [1, 2, 0xff, 3]);
    }

    #[test]
    fn late_readers_get_the_oldest_and_early_ones_nothing() {
        let mut ring = Ring::on(category::ALL);
        for n in 0..140_000 {
            ring.event(category::MAILBOX, n, 8, 5);
        }
        let (start, bytes) = ring.read(0, 32).unwrap();
        assert_eq!((start, bytes.len()), (140_000 * 32 - CAPACITY as u64, 32));
        assert_eq!(ring.read(140_000 * 32, 32).unwrap().1, []);
        assert_eq!(ring.read(140_000 * 32 + 1, 32), Err(Errno::EINVAL));
    }
}
