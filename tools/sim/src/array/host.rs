//! Host memory as the array's shims reach it.

use std::collections::BTreeMap;
use std::fmt;

/// The array sees host memory this much higher.
pub const APERTURE: u64 = 0x8000_0000;
/// Bytes that are fetched at once: a burst of the smallest length.
const LINE: u64 = 64;
const WORDS: usize = 16;
/// Lines that are found without a search.
const RECENT: usize = 64;

/// No memory is where a shim reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no memory at {0:#x}")]
pub struct Unmapped(pub u64);

/// Memory that a shim's DMA reads and writes, by the addresses the device knows.
pub trait HostMemory {
    /// Reads all of `into`.
    ///
    /// # Errors
    /// Where no memory is.
    fn read(&mut self, address: u64, into: &mut [u8]) -> Result<(), Unmapped>;

    /// Writes all of `from`.
    ///
    /// # Errors
    /// Where no memory is.
    fn write(&mut self, address: u64, from: &[u8]) -> Result<(), Unmapped>;
}

#[derive(Default)]
struct Line {
    words: [u32; WORDS],
    /// Words that hold what memory held or what was written.
    known: u16,
    written: u16,
}

/// Host memory during a run: lines are read once, and the words that were written go back at its end.
pub struct Window<'a> {
    memory: &'a mut dyn HostMemory,
    /// Lines in the order of their first use.
    lines: Vec<Line>,
    /// Where the line of a number is, in the order of addresses.
    index: BTreeMap<u64, usize>,
    /// The same for lines used lately, by the low bits of their number.
    recent: [(u64, usize); RECENT],
}

impl fmt::Debug for Window<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Window")
            .field("lines", &self.lines.len())
            .finish_non_exhaustive()
    }
}

/// The line of an address of the array's, and the word in it.
fn split(address: u64) -> Result<(u64, usize), Unmapped> {
    let host = address.checked_sub(APERTURE).ok_or(Unmapped(address))?;
    Ok((host / LINE, (host % LINE / 4) as usize))
}

impl<'a> Window<'a> {
    /// A window on all of `memory`.
    pub fn new(memory: &'a mut dyn HostMemory) -> Self {
        Self {
            memory,
            lines: Vec::new(),
            index: BTreeMap::new(),
            recent: [(u64::MAX, 0); RECENT],
        }
    }

    /// The place of a line.
    fn line(&mut self, number: u64) -> usize {
        let recent = &mut self.recent[number as usize % RECENT];
        if recent.0 != number {
            let lines = &mut self.lines;
            let place = *self.index.entry(number).or_insert_with(|| {
                lines.push(Line::default());
                lines.len() - 1
            });
            *recent = (number, place);
        }
        recent.1
    }

    /// The word that the array finds at `address`, which is a multiple of four.
    ///
    /// # Errors
    /// Where no memory is.
    pub fn load(&mut self, address: u64) -> Result<u32, Unmapped> {
        let (number, word) = split(address)?;
        let place = self.line(number);
        let line = &mut self.lines[place];
        if line.known >> word & 1 == 0 {
            let mut bytes = [0; LINE as usize];
            self.memory.read(number * LINE, &mut bytes)?;
            for (i, fresh) in bytes.as_chunks::<4>().0.iter().enumerate() {
                if line.known >> i & 1 == 0 {
                    line.words[i] = u32::from_le_bytes(*fresh);
                }
            }
            line.known = u16::MAX;
        }
        Ok(line.words[word])
    }

    /// Stores a word where the array sees `address`, which is a multiple of four. That no memory is there shows when
    /// the word goes back.
    ///
    /// # Errors
    /// Below the aperture.
    pub fn store(&mut self, address: u64, value: u32) -> Result<(), Unmapped> {
        let (number, word) = split(address)?;
        let place = self.line(number);
        let line = &mut self.lines[place];
        line.words[word] = value;
        line.known |= 1 << word;
        line.written |= 1 << word;
        Ok(())
    }

    /// Reads bytes at a host address, not moved by the aperture.
    ///
    /// # Errors
    /// Where no memory is.
    pub fn read_host(&mut self, address: u64, into: &mut [u8]) -> Result<(), Unmapped> {
        self.flush()?;
        self.memory.read(address, into)
    }

    /// Writes back what was written since the last time.
    ///
    /// # Errors
    /// Where no memory is.
    pub fn flush(&mut self) -> Result<(), Unmapped> {
        let mut run: (u64, Vec<u8>) = (0, Vec::new());
        for (number, &place) in &self.index {
            let line = &mut self.lines[place];
            for word in (0..WORDS).filter(|w| line.written >> w & 1 != 0) {
                let address = number * LINE + 4 * word as u64;
                if run.0 + run.1.len() as u64 != address {
                    let (at, bytes) = std::mem::replace(&mut run, (address, Vec::new()));
                    if !bytes.is_empty() {
                        self.memory.write(at, &bytes)?;
                    }
                }
                run.1.extend(line.words[word].to_le_bytes());
            }
            line.written = 0;
        }
        if run.1.is_empty() {
            Ok(())
        } else {
            self.memory.write(run.0, &run.1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Two(Vec<u8>, usize);

    impl HostMemory for Two {
        fn read(&mut self, address: u64, into: &mut [u8]) -> Result<(), Unmapped> {
            let at = address as usize;
            let from = self.0.get(at..at + into.len()).ok_or(Unmapped(address))?;
            into.copy_from_slice(from);
            Ok(())
        }

        fn write(&mut self, address: u64, from: &[u8]) -> Result<(), Unmapped> {
            let at = address as usize;
            let into = self.0.get_mut(at..at + from.len()).ok_or(Unmapped(address))?;
            into.copy_from_slice(from);
            self.1 += 1;
            Ok(())
        }
    }

    #[test]
    fn only_written_words_go_back() {
        let mut memory = Two((0..256).map(|i| i as u8).collect(), 0);
        let mut window = Window::new(&mut memory);
        assert_eq!(window.load(APERTURE + 4), Ok(0x0706_0504));
        for at in [8, 12, 60, 64, 128] {
            window.store(APERTURE + at, 0).unwrap();
        }
        assert_eq!(window.load(APERTURE + 12), Ok(0));
        assert_eq!(window.load(APERTURE + 132), Ok(0x8786_8584));
        assert_eq!(window.load(APERTURE + 128), Ok(0));
        assert_eq!(window.load(APERTURE + 256), Err(Unmapped(256)));
        assert!(window.load(4).is_err());
        window.flush().unwrap();
        window.flush().unwrap();
        assert_eq!(memory.1, 3);
        assert_eq!(memory.0[4..18], [4, 5, 6, 7, 0, 0, 0, 0, 0, 0, 0, 0, 16, 17]);
    }

    #[test]
    fn words_that_go_nowhere_are_told() {
        let mut memory = Two(vec![0; 64], 0);
        let mut window = Window::new(&mut memory);
        window.store(APERTURE + 64, 1).unwrap();
        assert_eq!(window.flush(), Err(Unmapped(64)));
    }
}
