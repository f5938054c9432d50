//! The writer of control code; bytes that mean nothing are zeros.

use super::{HEADER, Operation, Record, Txn, Version};
use crate::formats::view::push_words;

impl Txn {
    /// The file. Records keep the sizes that they were read with.
    pub fn write(&self) -> Vec<u8> {
        let h = &self.header;
        let (major, minor) = match h.version {
            Version::Normal => (0, 1),
            Version::Compact => (1, 0),
        };
        let mut out = vec![major, minor, h.generation, h.rows, h.columns, h.memory_rows, 0, 0];
        let size: usize = HEADER + self.records.iter().map(|r| r.size).sum::<usize>();
        push_words(&mut out, &[self.records.len() as u32, size as u32]);
        for record in &self.records {
            let start = out.len();
            put(&mut out, h.version, record);
            out.resize(start + record.size, 0);
        }
        out
    }
}

/// Bytes of the shortest record of an operation.
pub(super) fn size(version: Version, operation: &Operation) -> usize {
    let compact = version == Version::Compact;
    match operation {
        Operation::Write { .. } => {
            if compact {
                12
            } else {
                24
            }
        }
        Operation::BlockWrite { data, .. } => 4 * data.len() + if compact { 12 } else { 16 },
        Operation::MaskWrite { .. } | Operation::MaskPoll { .. } | Operation::MaskPollBusy { .. } => {
            if compact {
                16
            } else {
                28
            }
        }
        Operation::Noop | Operation::Preempt { .. } => 4,
        Operation::LoadPmStart { .. } => 8,
        Operation::UpdateRegister { .. } | Operation::RecordTimer { .. } => 12,
        Operation::LoadPdi { .. }
        | Operation::CreateScratchpad { .. }
        | Operation::Wait(_)
        | Operation::MergeSync { .. } => 16,
        Operation::DdrPatch(_) => {
            if compact {
                24
            } else {
                48
            }
        }
        Operation::Custom { data, .. } => (8 + data.len()).next_multiple_of(4),
    }
}

fn halves(long: u64) -> [u32; 2] {
    [long as u32, (long >> 32) as u32]
}

fn put(out: &mut Vec<u8>, version: Version, record: &Record) {
    let compact = version == Version::Compact;
    let size = record.size as u32;
    let mut masked = |op: u32, address: u64, value: u32, mask: u32| {
        let [low, high] = halves(address);
        if compact {
            push_words(out, &[op, low, value, mask]);
        } else {
            push_words(out, &[op, 0, low, high, value, mask, size]);
        }
    };
    match &record.operation {
        Operation::MaskWrite { address, value, mask } => masked(3, *address, *value, *mask),
        Operation::MaskPoll { address, value, mask } => masked(4, *address, *value, *mask),
        Operation::MaskPollBusy { address, value, mask } => masked(7, *address, *value, *mask),
        Operation::Write { address, value } => {
            let [low, high] = halves(*address);
            if compact {
                push_words(out, &[0, low, *value]);
            } else {
                push_words(out, &[0, 0, low, high, *value, size]);
            }
        }
        Operation::BlockWrite { address, data } => {
            if !compact {
                push_words(out, &[1]);
            }
            push_words(out, &[if compact { 1 } else { 0 }, *address, size]);
            push_words(out, data);
        }
        Operation::Noop => push_words(out, &[5]),
        Operation::Preempt { level } => push_words(out, &[6 | u32::from(*level) << 8]),
        Operation::LoadPdi { id, size, address } => {
            let [low, high] = halves(*address);
            push_words(out, &[8 | u32::from(*id) << 16, *size, low, high]);
        }
        Operation::LoadPmStart { count, id } => push_words(out, &[9 | count << 8, u32::from(*id)]),
        Operation::CreateScratchpad { usage, size, address } => {
            let [low, high] = halves(*address);
            push_words(out, &[10 | u32::from(*usage) << 8, *size, low, high]);
        }
        Operation::UpdateRegister {
            state,
            function,
            argument,
            register,
        } => {
            let head = [12, *state, *function, 0];
            push_words(out, &[u32::from_le_bytes(head), *argument, *register]);
        }
        Operation::Wait(t) => {
            let first = u32::from_le_bytes([t.direction, t.row, t.column, 0]);
            let second = u32::from_le_bytes([0, t.rows, t.columns, t.channel]);
            push_words(out, &[128, size, first, second]);
        }
        Operation::DdrPatch(p) => {
            let ([register, _], [low, high]) = (halves(p.register), halves(p.offset));
            if compact {
                push_words(out, &[129, size, register, p.argument as u32 & 0xff, low, high]);
            } else {
                push_words(out, &[129, size, 0, 0, 0, 0]);
                for long in [p.register, p.argument, p.offset] {
                    push_words(out, &halves(long));
                }
            }
        }
        Operation::RecordTimer { id } => push_words(out, &[131, size, *id]),
        Operation::MergeSync { tokens, columns } => {
            push_words(out, &[132, size, u32::from_le_bytes([*tokens, *columns, 0, 0])]);
        }
        Operation::Custom { op, data } => {
            push_words(out, &[u32::from(*op), size]);
            out.extend_from_slice(data);
        }
    }
}
