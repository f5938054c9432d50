//! Memory behind the host's caches: what the device sees of a region, 64-byte line by line.
//!
//! The host's view is the device's memory file. A flush (write back and drop, as CLFLUSH does) carries a line that
//! the host changed to memory, and brings back to the host a line that it did not. Whether the host changed a line is
//! told by comparing it with what it was at its last flush; a line never flushed counts as changed, since the zeros of
//! a fresh page may still be in a cache.

use std::collections::BTreeMap;
use std::ops::Range;

use nix::errno::Errno;

use super::store::PAGE;

/// Bytes of a cache line.
pub const LINE: u64 = 64;
const LINES: u64 = PAGE / LINE;

/// The host's view of the memory behind a shadow.
pub trait HostView {
    /// Reads all of `into` at an offset.
    ///
    /// # Errors
    /// `EFAULT` out of bounds.
    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), Errno>;

    /// Writes all of `from` at an offset.
    ///
    /// # Errors
    /// `EFAULT` out of bounds.
    fn write(&self, at: u64, from: &[u8]) -> Result<(), Errno>;
}

/// One page of it.
#[derive(Debug)]
struct Page {
    /// What is in memory.
    memory: Box<[u8]>,
    /// What the host had at its last flush.
    flushed: Box<[u8]>,
    /// A bit per line: it was flushed.
    known: u64,
}

impl Page {
    fn fresh() -> Self {
        let zeros = || vec![0; PAGE as usize].into_boxed_slice();
        Self {
            memory: zeros(),
            flushed: zeros(),
            known: 0,
        }
    }
}

/// What the device sees of a region: zeros until something is flushed or written.
#[derive(Debug, Default)]
pub struct Shadow {
    pages: BTreeMap<u64, Page>,
}

impl Shadow {
    /// The host flushes the lines that hold `len` bytes at offset `at`.
    ///
    /// # Errors
    /// As the host's view.
    pub fn flush(&mut self, host: &dyn HostView, at: u64, len: u64) -> Result<(), Errno> {
        let first = at / LINE;
        for line in first..at.saturating_add(len).div_ceil(LINE) {
            let page = self.pages.entry(line / LINES).or_insert_with(Page::fresh);
            let (bit, start) = (1 << (line % LINES), (line % LINES * LINE) as usize);
            let range = start..start + LINE as usize;
            let mut now = [0; LINE as usize];
            host.read(line * LINE, &mut now)?;
            if page.known & bit == 0 || now != page.flushed[range.clone()] {
                page.memory[range.clone()].copy_from_slice(&now);
            } else if now != page.memory[range.clone()] {
                host.write(line * LINE, &page.memory[range.clone()])?;
            }
            page.known |= bit;
            let memory = page.memory[range.clone()].to_vec();
            page.flushed[range].copy_from_slice(&memory);
        }
        Ok(())
    }

    /// The device reads; returns the lines with bytes among them that the host changed and did not flush.
    ///
    /// # Errors
    /// As the host's view.
    pub fn read(&self, host: &dyn HostView, at: u64, into: &mut [u8]) -> Result<Vec<Range<u64>>, Errno> {
        let mut now = vec![0; into.len()];
        host.read(at, &mut now)?;
        let mut stale: Vec<Range<u64>> = Vec::new();
        for (i, (byte, now)) in into.iter_mut().zip(now).enumerate() {
            let offset = at + i as u64;
            let inside = (offset % PAGE) as usize;
            let page = self.pages.get(&(offset / PAGE));
            let flushed = page.map_or(0, |p| p.flushed[inside]);
            *byte = page.map_or(0, |p| p.memory[inside]);
            if now == flushed || now == *byte {
                continue;
            }
            let line = offset - offset % LINE;
            match stale.last_mut().filter(|r| r.end >= line) {
                Some(range) => range.end = line + LINE,
                None => stale.push(line..line + LINE),
            }
        }
        Ok(stale)
    }

    /// The device writes: the host sees it after its next flush of the lines.
    pub fn write(&mut self, at: u64, from: &[u8]) {
        for (i, &byte) in from.iter().enumerate() {
            let offset = at + i as u64;
            let page = self.pages.entry(offset / PAGE).or_insert_with(Page::fresh);
            page.memory[(offset % PAGE) as usize] = byte;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    struct Host(RefCell<Vec<u8>>);

    impl HostView for Host {
        fn read(&self, at: u64, into: &mut [u8]) -> Result<(), Errno> {
            let bytes = self.0.borrow();
            into.copy_from_slice(
                bytes
                    .get(at as usize..at as usize + into.len())
                    .ok_or(Errno::EFAULT)?,
            );
            Ok(())
        }

        fn write(&self, at: u64, from: &[u8]) -> Result<(), Errno> {
            self.0.borrow_mut()[at as usize..at as usize + from.len()].copy_from_slice(from);
            Ok(())
        }
    }

    fn read(shadow: &Shadow, host: &Host, at: u64) -> (u8, bool) {
        let mut byte = [0];
        let stale = shadow.read(host, at, &mut byte).unwrap();
        (byte[0], !stale.is_empty())
    }

    #[test]
    fn the_device_sees_what_was_flushed_line_by_line() {
        let (host, mut shadow) = (Host(RefCell::new(vec![0; 8192])), Shadow::default());
        assert_eq!(read(&shadow, &host, 70), (0, false));
        host.write(63, &[1, 2]).unwrap();
        assert_eq!(read(&shadow, &host, 63), (0, true));
        // One byte of the second line flushes all of it, and nothing of the first.
        shadow.flush(&host, 100, 1).unwrap();
        assert_eq!(read(&shadow, &host, 63), (0, true));
        assert_eq!(read(&shadow, &host, 64), (2, false));
        host.write(64, &[3]).unwrap();
        assert_eq!(read(&shadow, &host, 64), (2, true));
    }

    #[test]
    fn what_the_device_wrote_shows_after_a_flush() {
        let (host, mut shadow) = (Host(RefCell::new(vec![0; 4096])), Shadow::default());
        shadow.flush(&host, 0, 4096).unwrap();
        shadow.write(10, &[7]);
        assert_eq!(host.0.borrow()[10], 0);
        assert_eq!(read(&shadow, &host, 10), (7, false));
        shadow.flush(&host, 0, 64).unwrap();
        assert_eq!(host.0.borrow()[10], 7);
        // A line that the host changed meanwhile goes over what the device wrote.
        shadow.write(10, &[8]);
        host.write(11, &[1]).unwrap();
        shadow.flush(&host, 0, 64).unwrap();
        assert_eq!((host.0.borrow()[10], read(&shadow, &host, 10)), (7, (7, false)));
    }

    #[test]
    fn zeros_of_a_fresh_buffer_may_go_over_the_devices_output() {
        let (host, mut shadow) = (Host(RefCell::new(vec![0; 4096])), Shadow::default());
        shadow.write(0, &[9]);
        shadow.flush(&host, 0, 1).unwrap();
        assert_eq!((host.0.borrow()[0], read(&shadow, &host, 0)), (0, (0, false)));
    }

    #[test]
    fn stale_lines_are_told_as_ranges() {
        let (host, shadow) = (Host(RefCell::new(vec![0; 8192])), Shadow::default());
        host.write(4094, &[1, 1, 1, 0, 1]).unwrap();
        host.write(4300, &[1]).unwrap();
        let stale = shadow.read(&host, 4000, &mut [0; 400]).unwrap();
        assert_eq!(stale, [4032..4160, 4288..4352]);
    }
}
