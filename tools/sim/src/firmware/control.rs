//! Control code: the transaction stream that a command runs (npu-formats, section 12).

use std::collections::BTreeMap;

/// Bytes of the stream's header.
const HEADER: usize = 16;
/// Versions: operations with 64-bit addresses, and compact ones.
const V0_1: [u8; 2] = [0, 1];
const V1_0: [u8; 2] = [1, 0];
/// Rows of every array.
const ROWS: u8 = 6;

/// What is wrong with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// It ends inside a record or its header.
    #[error("the control code ends inside the record at byte {0}")]
    Short(usize),
    /// The header is not one.
    #[error("the header {0:02x?} is of no known version or array")]
    Header([u8; 4]),
    /// An operation that does not exist.
    #[error("operation {0} at byte {1}")]
    Operation(u8, usize),
}

/// How the run of a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// At its end.
    Done,
    /// Never: the operation of this index waits for what does not come.
    Endless(u32),
}

/// A buffer argument that a stream patches into a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patch {
    /// Index of the operation.
    pub operation: u32,
    /// Index of the argument.
    pub argument: u64,
    /// Offset added to its address.
    pub offset: u64,
}

/// A stream that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// How it ends.
    pub run: Run,
    /// The buffers it names.
    pub patches: Vec<Patch>,
}

struct Record<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Record<'_> {
    fn word(&self, at: usize) -> Result<u32, ControlError> {
        let word = self
            .bytes
            .get(self.at + at..self.at + at + 4)
            .and_then(|b| b.try_into().ok());
        word.map(u32::from_le_bytes).ok_or(ControlError::Short(self.at))
    }

    fn long(&self, at: usize) -> Result<u64, ControlError> {
        Ok(u64::from(self.word(at)?) | u64::from(self.word(at + 4)?) << 32)
    }

    /// A size that a record states, of at least `least` bytes.
    fn size(&self, at: usize, least: usize) -> Result<usize, ControlError> {
        let size = self.word(at)? as usize;
        if size < least {
            Err(ControlError::Short(self.at))
        } else {
            Ok(size)
        }
    }
}

/// Reads and runs a stream on registers that only it writes; they start at zero.
///
/// # Errors
/// What is wrong with it; nothing has an effect then.
pub fn run(bytes: &[u8]) -> Result<Control, ControlError> {
    let head: [u8; 4] = bytes
        .get(..4)
        .and_then(|b| b.try_into().ok())
        .ok_or(ControlError::Short(0))?;
    let version = [head[0], head[1]];
    if ![V0_1, V1_0].contains(&version) || head[3] != ROWS {
        return Err(ControlError::Header(head));
    }
    let compact = version == V1_0;
    let header = Record { bytes, at: 0 };
    let (count, end) = (header.word(8)?, header.word(12)? as usize);
    let bytes = bytes.get(..end).ok_or(ControlError::Short(bytes.len()))?;
    let mut registers: BTreeMap<u64, u32> = BTreeMap::new();
    let mut control = Control {
        run: Run::Done,
        patches: Vec::new(),
    };
    let mut at = HEADER;
    for operation in 0..count {
        let r = Record { bytes, at };
        let op = *bytes.get(at).ok_or(ControlError::Short(at))?;
        let endless = control.run != Run::Done;
        at += match (op, compact) {
            (0, _) => {
                let (address, value, size) = if compact {
                    (u64::from(r.word(4)?), r.word(8)?, 12)
                } else {
                    (r.long(8)?, r.word(16)?, r.size(20, 24)?)
                };
                registers.insert(address, value);
                size
            }
            (1, _) => {
                let (address, size, data) = if compact {
                    (r.word(4)?, r.size(8, 12)?, 12)
                } else {
                    (r.word(8)?, r.size(12, 16)?, 16)
                };
                for (i, offset) in (data..size.saturating_sub(3)).step_by(4).enumerate() {
                    registers.insert(u64::from(address) + 4 * i as u64, r.word(offset)?);
                }
                size
            }
            (3 | 4, _) => {
                let (address, value, mask, size) = if compact {
                    (u64::from(r.word(4)?), r.word(8)?, r.word(12)?, 16)
                } else {
                    (r.long(8)?, r.word(16)?, r.word(20)?, r.size(24, 28)?)
                };
                let now = registers.entry(address).or_default();
                if op == 3 {
                    *now = *now & !mask | value & mask;
                } else if *now & mask != value && !polls_hardware(address) && !endless {
                    control.run = Run::Endless(operation);
                }
                size
            }
            (5 | 6, _) => 4,
            (8, _) => 16,
            (129, _) => {
                let (argument, offset) = if compact {
                    (u64::from(r.word(12)? & 0xff), r.long(16)?)
                } else {
                    (r.long(32)?, r.long(40)?)
                };
                control.patches.push(Patch {
                    operation,
                    argument,
                    offset,
                });
                r.size(4, 12)?
            }
            (128 | 130..=132 | 134, _) => r.size(4, 8)?,
            (other, _) => return Err(ControlError::Operation(other, at)),
        };
        if at > end {
            return Err(ControlError::Short(at));
        }
    }
    Ok(control)
}

/// Status registers change by themselves: without a model of the array, what waits for a DMA channel is satisfied.
fn polls_hardware(address: u64) -> bool {
    let (row, offset) = (address >> 20 & 0x1f, address & 0xf_ffff);
    match row {
        0 => (0x1_d220..0x1_d230).contains(&offset),
        1 => (0xa_0660..0xa_0698).contains(&offset),
        _ => (0x1_df00..0x1_df18).contains(&offset),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(count: u32, records: &[u32]) -> Vec<u8> {
        let size = 16 + 4 * records.len() as u32;
        let words = [0x0603_0100, 0x0000_0101, count, size];
        words
            .iter()
            .chain(records)
            .flat_map(|w| w.to_le_bytes())
            .collect()
    }

    #[test]
    fn operations_are_walked_by_their_sizes() {
        let patch = [129, 48, 0, 0, 0, 0, 0x1_d024, 0, 2, 0, 64, 0];
        let write = [0, 0, 0x100, 0, 7, 24];
        let poll = [4, 0, 0x100, 0, 7, 0xf, 28];
        let all = [&[5][..], &write, &poll, &patch].concat();
        let got = run(&stream(4, &all)).unwrap();
        assert_eq!(got.run, Run::Done);
        assert_eq!(
            got.patches,
            [Patch {
                operation: 3,
                argument: 2,
                offset: 64
            }]
        );
    }

    #[test]
    fn a_poll_for_what_nobody_writes_is_endless() {
        let poll = [4, 0, 0x1_4000, 0, u32::MAX, u32::MAX, 28];
        assert_eq!(
            run(&stream(2, &[&[5][..], &poll].concat())).unwrap().run,
            Run::Endless(1)
        );
    }

    #[test]
    fn damage_is_refused() {
        assert_eq!(run(&stream(1, &[0x7f])), Err(ControlError::Operation(0x7f, 16)));
        assert_eq!(run(&stream(2, &[5])), Err(ControlError::Short(20)));
        assert!(run(&[]).is_err() && run(&[0; 64]).is_err());
        let good = stream(1, &[0, 0, 0x100, 0, 7, 24]);
        for len in 0..good.len() {
            assert!(run(&good[..len]).is_err(), "{len}");
        }
        // A record that claims no bytes would be read for ever.
        assert!(run(&stream(1, &[0, 0, 0x100, 0, 7, 0])).is_err());
    }
}
