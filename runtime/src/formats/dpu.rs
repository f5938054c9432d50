//! Control code of 2023 and early 2024: DPU words. To be read, not to be written: current firmware may refuse it.

use super::{
    error::{Format, Reason, Result},
    view::View,
};

/// An operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DpuOperation {
    /// Index of its first word in the file.
    pub word: usize,
    /// Its number.
    pub op: u8,
    /// Column.
    pub column: u8,
    /// Row.
    pub row: u8,
    /// Argument of the kernel: 0 input, 1 parameters, 2 output, 3 intermediate, 4 second output, 5 control packets.
    pub argument: u8,
    /// Buffer descriptor.
    pub descriptor: u8,
    /// Words behind the first.
    pub words: Vec<u32>,
}

/// Names by number.
const NAMES: [&str; 19] = [
    "NOOP",
    "WRITEBD",
    "WRITE32",
    "SYNC",
    "WRITEBD_EXTEND_AIETILE",
    "WRITE32_EXTEND",
    "WRITEBD_EXTEND_SHIMTILE",
    "WRITEBD_EXTEND_MEMTILE",
    "WRITE32_EXTEND_DIFFBD",
    "WRITEBD_EXTEND_SAMEBD_MEMTILE",
    "DUMPDDR",
    "WRITESHIMBD",
    "WRITEMEMBD",
    "WRITE32_EXTEND_RTP",
    "READ32",
    "READ32_POLL",
    "RECORD_TIMESTAMP",
    "MERGESYNC",
    "DUMP_REGISTER",
];

impl DpuOperation {
    /// Name, as tools print it.
    pub fn name(&self) -> &'static str {
        NAMES[usize::from(self.op)]
    }
}

/// A whole control code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dpu {
    /// Words before the operations, the first of them their number; their meaning is not published.
    pub prolog: Vec<u32>,
    /// The operations.
    pub operations: Vec<DpuOperation>,
}

impl Dpu {
    /// Reads the words of a file.
    ///
    /// # Errors
    /// An operation does not exist or is cut off.
    pub fn read(file: &[u32]) -> Result<Self> {
        let v = View::new(Format::Dpu, &[]);
        let error = |word: usize, reason| v.error(4 * word, reason);
        let short = |what, word: usize, size: usize| {
            let left = 4 * (file.len() - word) as u64;
            let size = 4 * size as u64;
            error(word, Reason::Short { what, size, left })
        };
        let first = *file.first().ok_or_else(|| short("first word", 0, 1))?;
        // Operation 0 has no column, row, argument or descriptor: a small first word is a length.
        let start = if (1..0x100).contains(&first) {
            first as usize
        } else {
            0
        };
        let prolog = file
            .get(..start)
            .ok_or_else(|| short("prolog", 0, start))?
            .to_vec();
        let mut operations = Vec::new();
        let mut at = start;
        while let Some(&word) = file.get(at) {
            let [low, row, column, op] = word.to_le_bytes();
            let size = match op {
                0 | 16 | 17 => 1,
                1 if row < 2 => 9,
                1 => 7,
                2 | 5 | 13 => 3,
                3 | 14 => 2,
                4 => 8,
                6 => 10,
                7 => 11,
                8 | 15 => 4,
                9 | 11 | 12 => 9,
                10 => 44,
                18 => {
                    let count = file.get(at + 1).ok_or_else(|| short("operation", at, 2))?;
                    1 + 2 * (*count & 0xff_ffff) as usize
                }
                _ => {
                    let (what, found) = ("operation", op.into());
                    return Err(error(at, Reason::Value { what, found }));
                }
            };
            let end = at + size;
            let words = file
                .get(at + 1..end)
                .ok_or_else(|| short("operation", at, size))?;
            operations.push(DpuOperation {
                word: at,
                op,
                column,
                row,
                argument: low >> 4,
                descriptor: low & 0xf,
                words: words.to_vec(),
            });
            at = end;
        }
        Ok(Self { prolog, operations })
    }
}
