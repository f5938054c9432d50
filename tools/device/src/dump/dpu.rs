//! Control code of 2023, words of the first generation.

use serde_json::{Map, Value, json};
use xdna_runtime::formats::dpu::{Dpu, DpuOperation};
use xdna_runtime::formats::{Generation, TileAddress};

use super::How;
use super::control::{COLUMNS, counts, written};
use super::document::{Section, hex};

/// Shim tiles have their buffer descriptors here, one behind the other.
const SHIM_DESCRIPTORS: u32 = 0x1d000;
const DESCRIPTOR_BYTES: u32 = 0x20;
/// Operations whose words are known; the others are shown as they are.
const SYNC: u8 = 3;
const WRITE32: u8 = 2;
const WRITEBD_EXTEND_SHIMTILE: u8 = 6;

/// What there is, and every operation with `--disasm`.
pub(super) fn sections(dpu: &Dpu, how: How) -> Vec<Section> {
    let counts = counts(dpu.operations.iter().map(DpuOperation::name));
    let mut sections = vec![
        Section::new("DPU words of the first generation")
            .fact("prolog words", dpu.prolog.len())
            .fact("operations", dpu.operations.len())
            .table(["operation", "count"], counts),
    ];
    if how.disasm {
        let rows = dpu.operations.iter().flat_map(rows);
        sections.push(Section::new("disassembled").table(COLUMNS, rows));
    }
    sections
}

fn rows(op: &DpuOperation) -> Vec<[Value; 6]> {
    let offset = hex(4 * op.word as u64);
    let at = |row, offset| {
        let column = op.column;
        u64::from(u32::from(TileAddress { column, row, offset }))
    };
    let tile = |row: u8| Value::from(format!("{},{row}", op.column));
    let other = |tile: Value, place: Value, detail: Value| {
        vec![[offset.clone(), op.name().into(), tile, place, Value::Null, detail]]
    };
    match (op.op, &op.words[..]) {
        (WRITE32, [register, value]) => written(
            &offset,
            op.name(),
            Generation::Npu1,
            at(op.row, *register),
            &[*value],
        ),
        (SYNC, [word]) => {
            let direction = if op.descriptor & 1 == 0 { "S2MM" } else { "MM2S" };
            let [_, rows, columns, channel] = word.to_le_bytes();
            let detail =
                json!({"direction": direction, "channel": channel, "columns": columns, "rows": rows});
            other(tile(op.row), Value::Null, detail)
        }
        // Where others have the row, this one has how many columns get the descriptor.
        (WRITEBD_EXTEND_SHIMTILE, [step, words @ ..]) if words.len() == 8 => {
            let first = SHIM_DESCRIPTORS + DESCRIPTOR_BYTES * u32::from(op.descriptor);
            let detail = json!({
                "argument": op.argument, "plus": hex(words[1].into()),
                "columns": op.row, "plus per column": hex((*step).into()),
            });
            let place = format!("descriptor {}", op.descriptor);
            let mut all = other(tile(0), place.into(), detail);
            let mut fields = written(&offset, op.name(), Generation::Npu1, at(0, first), words);
            // The address is the argument's: what the word holds is said above.
            fields[1][5] = Value::Null;
            all.extend(fields);
            all
        }
        (_, []) => other(Value::Null, Value::Null, Value::Null),
        (_, words) => {
            let words: Vec<Value> = words.iter().map(|word| hex((*word).into())).collect();
            let pairs = [
                ("words", words.into()),
                ("argument", op.argument.into()),
                ("descriptor", op.descriptor.into()),
            ];
            let detail: Map<_, _> = pairs
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect();
            other(tile(op.row), Value::Null, detail.into())
        }
    }
}
