//! The reader of control code. Bytes of a record that mean nothing are not looked at: tools leave old memory in them.

use super::{DdrPatch, HEADER, Header, Operation, Record, Tokens, Txn, Version, value};
use crate::formats::{
    error::{Format, Reason, Result},
    not_a_pointer,
    view::{View, words},
};

/// Rows of every array.
const ROWS: u8 = 6;
const MEMORY_ROWS: u8 = 1;

impl Txn {
    /// Reads a control code that fills the file.
    ///
    /// # Errors
    /// The header is none, a record is cut off or of no known kind, or the operations end elsewhere than stated.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let txn = Self::read_prefix(bytes)?;
        let (found, expected) = (bytes.len() as u64, txn.size() as u64);
        if found != expected {
            let what = "size of the file";
            let v = View::new(Format::Txn, bytes);
            return Err(v.error(
                txn.size(),
                Reason::Mismatch {
                    what,
                    found,
                    expected,
                },
            ));
        }
        Ok(txn)
    }

    /// Reads a control code at the start of a buffer that may be longer.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_prefix(bytes: &[u8]) -> Result<Self> {
        not_a_pointer(Format::Txn, bytes)?;
        let whole = View::new(Format::Txn, bytes);
        let header = header(&whole)?;
        let (count, size) = (
            whole.u32("number of operations", 8)?,
            whole.u32("size", 12)? as usize,
        );
        let v = View::new(Format::Txn, whole.take("control code", 0, size)?);
        let mut records = Vec::new();
        let mut offset = HEADER;
        while offset < size {
            let record = record(&v, header.version, offset)?;
            offset += record.size;
            records.push(record);
        }
        if offset != size || records.len() != count as usize {
            let (what, found) = ("number of operations", count.into());
            let expected = records.len() as u64;
            return Err(v.error(
                8,
                Reason::Mismatch {
                    what,
                    found,
                    expected,
                },
            ));
        }
        Ok(Self { header, records })
    }
}

fn header(v: &View<'_>) -> Result<Header> {
    let h: [u8; HEADER] = v.array("header", 0)?;
    let version = match (h[0], h[1]) {
        (0, 1) => Version::Normal,
        (1, 0) => Version::Compact,
        (major, minor) => return Err(v.error(0, value("version", u16::from_le_bytes([minor, major])))),
    };
    let checks = [
        (2, "generation", [Header::NPU1, Header::NPU4].contains(&h[2])),
        (3, "number of rows", h[3] == ROWS),
        (4, "number of columns", h[4] > 0),
        (5, "number of memory rows", h[5] == MEMORY_ROWS),
    ];
    for (at, what, right) in checks {
        if !right {
            return Err(v.error(at, value(what, h[at])));
        }
    }
    Ok(Header {
        version,
        generation: h[2],
        rows: h[3],
        columns: h[4],
        memory_rows: h[5],
    })
}

fn record(v: &View<'_>, version: Version, offset: usize) -> Result<Record> {
    let op = v.u8("operation", offset)?;
    // The longest part of a record that has a fixed place; a shorter rest is refused by the field that is missing.
    let rest = View::new(Format::Txn, &v.bytes[offset..]);
    let (operation, size) = body(&rest, version, op).map_err(|mut e| {
        e.offset += offset;
        e
    })?;
    if size < 4 || !size.is_multiple_of(4) {
        return Err(v.error(offset, value("size of a record", size as u64)));
    }
    v.take("record", offset, size)?;
    Ok(Record {
        offset,
        size,
        operation,
    })
}

/// A size that a record states, of at least `least` bytes.
fn stated(r: &View<'_>, at: usize, least: usize) -> Result<usize> {
    let size = r.u32("size of a record", at)? as usize;
    if size < least {
        return Err(r.error(at, value("size of a record", size as u64)));
    }
    Ok(size)
}

/// A record by its number; `r` goes on to the end of the file.
fn body(r: &View<'_>, version: Version, op: u8) -> Result<(Operation, usize)> {
    use Version::{Compact, Normal};
    Ok(match (op, version) {
        (0, Normal) => {
            let (address, value) = (r.u64("address", 8)?, r.u32("value", 16)?);
            (Operation::Write { address, value }, stated(r, 20, 24)?)
        }
        (0, Compact) => {
            let (address, value) = (r.u32("address", 4)?.into(), r.u32("value", 8)?);
            (Operation::Write { address, value }, 12)
        }
        (1, _) => {
            let (at, data) = if version == Normal { (8, 16) } else { (4, 12) };
            let address = r.u32("address", at)?;
            let size = stated(r, at + 4, data)?;
            let data = words(r.take("data", data, size - data)?).collect();
            (Operation::BlockWrite { address, data }, size)
        }
        (3 | 4 | 7, _) => {
            let (address, at) = match version {
                Normal => (r.u64("address", 8)?, 16),
                Compact => (r.u32("address", 4)?.into(), 8),
            };
            let (value, mask) = (r.u32("value", at)?, r.u32("mask", at + 4)?);
            let size = if version == Normal { stated(r, 24, 28)? } else { 16 };
            let operation = match op {
                3 => Operation::MaskWrite { address, value, mask },
                4 => Operation::MaskPoll { address, value, mask },
                _ => Operation::MaskPollBusy { address, value, mask },
            };
            (operation, size)
        }
        (5, _) => (Operation::Noop, 4),
        (6, _) => {
            let level = r.u8("level", 1)?;
            (Operation::Preempt { level }, 4)
        }
        (8, _) => {
            let (id, size) = (r.u16("PDI id", 2)?, r.u32("PDI size", 4)?);
            let address = r.u64("PDI address", 8)?;
            (Operation::LoadPdi { id, size, address }, 16)
        }
        (9, _) => {
            let (count, id) = (r.u32("count", 0)? >> 8, r.u8("id", 4)?);
            (Operation::LoadPmStart { count, id }, 8)
        }
        (10, _) => {
            let (usage, size) = (r.u8("usage", 1)?, r.u32("size", 4)?);
            let address = r.u64("address", 8)?;
            let operation = Operation::CreateScratchpad { usage, size, address };
            (operation, 16)
        }
        (12, _) => {
            let operation = Operation::UpdateRegister {
                state: r.u8("state", 1)?,
                function: r.u8("function", 2)?,
                argument: r.u32("argument", 4)?,
                register: r.u32("register", 8)?,
            };
            (operation, 12)
        }
        (128.., _) => custom(r, version, op)?,
        _ => return Err(r.error(0, value("operation", op))),
    })
}

/// Records that state their size in their second word.
fn custom(r: &View<'_>, version: Version, op: u8) -> Result<(Operation, usize)> {
    let size = stated(r, 4, 8)?;
    let fields = View::new(Format::Txn, r.take("record", 0, size)?);
    let operation = match op {
        128 => {
            let b: [u8; 8] = fields.array("tokens", 8)?;
            Operation::Wait(Tokens {
                direction: b[0],
                row: b[1],
                column: b[2],
                rows: b[5],
                columns: b[6],
                channel: b[7],
            })
        }
        129 if version == Version::Normal => Operation::DdrPatch(DdrPatch {
            register: fields.u64("register", 24)?,
            argument: fields.u64("argument", 32)?,
            offset: fields.u64("offset", 40)?,
        }),
        129 => Operation::DdrPatch(DdrPatch {
            register: fields.u32("register", 8)?.into(),
            argument: fields.u8("argument", 12)?.into(),
            offset: fields.u64("offset", 16)?,
        }),
        131 => {
            let id = fields.u32("id", 8)?;
            Operation::RecordTimer { id }
        }
        132 => Operation::MergeSync {
            tokens: fields.u8("tokens", 8)?,
            columns: fields.u8("columns", 9)?,
        },
        _ => {
            let data = fields.bytes[8..].to_vec();
            Operation::Custom { op, data }
        }
    };
    Ok((operation, size))
}
