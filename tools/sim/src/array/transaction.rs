//! Control code as a list: the transaction stream of a command (npu-formats, section 12).

/// Bytes of the stream's header.
const HEADER: usize = 16;
/// Versions: operations with 64-bit addresses, and compact ones.
const V0_1: [u8; 2] = [0, 1];
const V1_0: [u8; 2] = [1, 0];

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

/// An operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Write words from an address on.
    Write(u32, Vec<u32>),
    /// Write the bits of a word that a mask selects.
    MaskWrite {
        /// Where.
        address: u32,
        /// Which bits.
        mask: u32,
        /// Their values.
        value: u32,
    },
    /// Wait until the bits of a word that a mask selects have these values.
    MaskPoll {
        /// Where.
        address: u32,
        /// Which bits.
        mask: u32,
        /// Their values.
        value: u32,
    },
    /// Configure the array anew.
    LoadPdi {
        /// Where the image is.
        address: u64,
        /// Its bytes.
        size: u32,
    },
    /// Wait for the tokens of a channel in a rectangle of tiles.
    WaitTokens(Tokens),
    /// Wait for so many tokens of any channel.
    MergeTokens(u8),
    /// Put the address of an argument into a descriptor.
    Patch {
        /// Address of the descriptor's word 1.
        register: u32,
        /// Index of the argument.
        argument: u64,
        /// Added to its address.
        offset: u64,
    },
    /// Nothing that matters here: no operation, preemption points, timers.
    Nothing,
    /// An operation that is not simulated.
    Unknown(u8),
}

/// Whose tokens to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// True for MM2S.
    pub sends: bool,
    /// Channel.
    pub channel: u8,
    /// First row and column.
    pub first: (u8, u8),
    /// Rows and columns.
    pub count: (u8, u8),
}

struct Record<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Record<'_> {
    fn word(&self, at: usize) -> Result<u32, ControlError> {
        let start = self.at + at;
        let word = self.bytes.get(start..start + 4).and_then(|b| b.try_into().ok());
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

    /// The operation and the bytes of its record.
    fn read(&self, op: u8, compact: bool) -> Result<(Operation, usize), ControlError> {
        Ok(match op {
            0 if compact => (Operation::Write(self.word(4)?, vec![self.word(8)?]), 12),
            0 => (
                Operation::Write(self.word(8)?, vec![self.word(16)?]),
                self.size(20, 24)?,
            ),
            1 => {
                let (head, size) = if compact {
                    (12, self.size(8, 12)?)
                } else {
                    (16, self.size(12, 16)?)
                };
                let address = self.word(head - 8)?;
                let data = (head..size.saturating_sub(3)).step_by(4).map(|at| self.word(at));
                (Operation::Write(address, data.collect::<Result<_, _>>()?), size)
            }
            3 | 4 => {
                let (address, value, mask, size) = if compact {
                    (self.word(4)?, self.word(8)?, self.word(12)?, 16)
                } else {
                    (self.word(8)?, self.word(16)?, self.word(20)?, self.size(24, 28)?)
                };
                let operation = if op == 3 {
                    Operation::MaskWrite { address, mask, value }
                } else {
                    Operation::MaskPoll { address, mask, value }
                };
                (operation, size)
            }
            5 | 6 => (Operation::Nothing, 4),
            8 => {
                let (address, size) = (self.long(8)?, self.word(4)?);
                (Operation::LoadPdi { address, size }, 16)
            }
            128 => {
                let (what, area) = (self.word(8)?.to_le_bytes(), self.word(12)?.to_le_bytes());
                let tokens = Tokens {
                    sends: what[0] & 1 != 0,
                    channel: area[3],
                    first: (what[1], what[2]),
                    count: (area[1], area[2]),
                };
                (Operation::WaitTokens(tokens), self.size(4, 16)?)
            }
            129 => {
                let operation = if compact {
                    Operation::Patch {
                        register: self.word(8)?,
                        argument: u64::from(self.word(12)? & 0xff),
                        offset: self.long(16)?,
                    }
                } else {
                    Operation::Patch {
                        register: self.word(24)?,
                        argument: self.long(32)?,
                        offset: self.long(40)?,
                    }
                };
                (operation, self.size(4, 24)?)
            }
            132 => (
                Operation::MergeTokens(self.word(8)?.to_le_bytes()[0]),
                self.size(4, 12)?,
            ),
            131 | 134 => (Operation::Nothing, self.size(4, 8)?),
            130 | 133 | 135.. => (Operation::Unknown(op), self.size(4, 8)?),
            other => return Err(ControlError::Operation(other, self.at)),
        })
    }
}

/// Reads a stream.
///
/// # Errors
/// What is wrong with it.
pub fn read(bytes: &[u8], rows: u8) -> Result<Vec<Operation>, ControlError> {
    let head: [u8; 4] = bytes
        .get(..4)
        .and_then(|b| b.try_into().ok())
        .ok_or(ControlError::Short(0))?;
    let version = [head[0], head[1]];
    if ![V0_1, V1_0].contains(&version) || head[3] != rows {
        return Err(ControlError::Header(head));
    }
    let header = Record { bytes, at: 0 };
    let (count, end) = (header.word(8)?, header.word(12)? as usize);
    let bytes = bytes.get(..end).ok_or(ControlError::Short(bytes.len()))?;
    let (mut operations, mut at) = (Vec::new(), HEADER);
    for _ in 0..count {
        let op = *bytes.get(at).ok_or(ControlError::Short(at))?;
        let (operation, size) = Record { bytes, at }.read(op, version == V1_0)?;
        at = at.saturating_add(size);
        if at > end {
            return Err(ControlError::Short(at));
        }
        operations.push(operation);
    }
    Ok(operations)
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
        // The word that says 0 columns may hold garbage above its low byte.
        let wait = [0xabcd_ef80, 16, 0, 0x0001_0100];
        let all = [&[5][..], &write, &poll, &patch, &wait].concat();
        let got = read(&stream(5, &all), 6).unwrap();
        let expected = [
            Operation::Nothing,
            Operation::Write(0x100, vec![7]),
            Operation::MaskPoll {
                address: 0x100,
                mask: 0xf,
                value: 7,
            },
            Operation::Patch {
                register: 0x1_d024,
                argument: 2,
                offset: 64,
            },
            Operation::WaitTokens(Tokens {
                sends: false,
                channel: 0,
                first: (0, 0),
                count: (1, 1),
            }),
        ];
        assert_eq!(got, expected);
    }

    #[test]
    fn compact_records_are_shorter() {
        let mut bytes = stream(2, &[1, 0x1_d020, 20, 11, 12, 4, 0x1_d228, 0, 0x0078_003c]);
        bytes[..2].copy_from_slice(&V1_0);
        let poll = Operation::MaskPoll {
            address: 0x1_d228,
            mask: 0x0078_003c,
            value: 0,
        };
        assert_eq!(
            read(&bytes, 6),
            Ok(vec![Operation::Write(0x1_d020, vec![11, 12]), poll])
        );
    }

    #[test]
    fn damage_is_refused() {
        assert_eq!(
            read(&stream(1, &[0x7f]), 6),
            Err(ControlError::Operation(0x7f, 16))
        );
        assert_eq!(read(&stream(2, &[5]), 6), Err(ControlError::Short(20)));
        assert!(read(&[], 6).is_err() && read(&[0; 64], 6).is_err());
        let good = stream(1, &[0, 0, 0x100, 0, 7, 24]);
        for len in 0..good.len() {
            assert!(read(&good[..len], 6).is_err(), "{len}");
        }
        // A record that claims no bytes would be read for ever.
        assert!(read(&stream(1, &[0, 0, 0x100, 0, 7, 0]), 6).is_err());
    }
}
