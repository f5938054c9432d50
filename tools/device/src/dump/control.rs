//! Control code, control packets, command packets.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde_json::{Value, json};
use xdna_runtime::formats::control_packet::{Access, read_control_packets};
use xdna_runtime::formats::txn::{Operation, Record, Version};
use xdna_runtime::formats::{ControlCode, ControlFile, Generation, Txn};

use super::How;
use super::document::{Document, Section, hex};
use super::kind::words;
use super::places::{name, names_by_kind, writes};
use crate::packet::Packet;

/// Control code of either kind.
pub(super) fn code(bytes: &[u8], how: How) -> anyhow::Result<Document> {
    if bytes
        .iter()
        .all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace())
    {
        whole_words(bytes)?;
    }
    let file = ControlFile::read(bytes)?;
    let mut document = Document::default();
    if file.bytes.len() != bytes.len() {
        document.notes.push("hexadecimal text".into());
    }
    match &file.code {
        ControlCode::Txn(txn) => {
            document.generation = Generation::of_control_code(txn.header.generation);
            document.sections = transactions("transactions", txn, how);
        }
        ControlCode::Dpu(dpu) => {
            document.generation = Some(Generation::Npu1);
            document.sections = super::dpu::sections(dpu, how);
        }
    }
    Ok(document)
}

/// Text of control code has eight digits to a word: one with fewer was cut off.
fn whole_words(text: &[u8]) -> anyhow::Result<()> {
    let mut at = 0;
    for piece in text.split(u8::is_ascii_whitespace) {
        let digits = piece.strip_prefix(b"0x").unwrap_or(piece);
        anyhow::ensure!(
            piece.is_empty() || digits.len() == 8,
            "control code, byte {at:#x}: {:?} has {} digits, not the 8 of a word",
            String::from_utf8_lossy(piece),
            digits.len()
        );
        at += piece.len() + 1;
    }
    Ok(())
}

/// Transactions: their header, how many of each, and every one with `--disasm`.
pub(super) fn transactions(title: &str, txn: &Txn, how: How) -> Vec<Section> {
    let header = &txn.header;
    let version = match header.version {
        Version::Normal => "0.1",
        Version::Compact => "1.0",
    };
    let counts = counts(txn.operations().map(Operation::name));
    let mut sections = vec![
        Section::new(title)
            .fact("version", version)
            .fact("columns", header.columns)
            .fact("rows", header.rows)
            .fact("memory rows", header.memory_rows)
            .fact("operations", txn.records.len())
            .table(["operation", "count"], counts),
    ];
    if how.disasm {
        let generation = Generation::of_control_code(header.generation).unwrap_or(Generation::Npu4);
        let rows = txn
            .records
            .iter()
            .flat_map(|record| record_rows(record, generation));
        sections.push(Section::new(format!("{title}, disassembled")).table(COLUMNS, rows));
    }
    sections
}

/// Columns of a disassembly.
pub(super) const COLUMNS: [&str; 6] = ["offset", "operation", "tile", "place", "value", "detail"];

/// How often each name occurs.
pub(super) fn counts<'a>(names: impl Iterator<Item = &'a str>) -> Vec<[Value; 2]> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    counts
        .into_iter()
        .map(|(name, n)| [name.into(), n.into()])
        .collect()
}

fn record_rows(record: &Record, generation: Generation) -> Vec<[Value; 6]> {
    let (offset, op) = (hex(record.offset as u64), record.operation.name());
    let row = |tile: Value, place: Value, value: Value, detail: Value| {
        vec![[offset.clone(), op.into(), tile, place, value, detail]]
    };
    let at = |address: u64| {
        let (tile, place) = name(generation, address);
        (Value::from(tile), Value::from(place))
    };
    match &record.operation {
        Operation::Write { address, value } => written(&offset, op, generation, *address, &[*value]),
        Operation::BlockWrite { address, data } => written(&offset, op, generation, (*address).into(), data),
        Operation::MaskWrite { address, value, mask }
        | Operation::MaskPoll { address, value, mask }
        | Operation::MaskPollBusy { address, value, mask } => {
            let (tile, place) = at(*address);
            row(
                tile,
                place,
                hex((*value).into()),
                json!({"mask": hex((*mask).into())}),
            )
        }
        Operation::DdrPatch(patch) => {
            let (tile, place) = at(patch.register);
            row(
                tile,
                place,
                Value::Null,
                json!({"argument": patch.argument, "plus": hex(patch.offset)}),
            )
        }
        Operation::UpdateRegister {
            state,
            function,
            argument,
            register,
        } => {
            let (tile, place) = at((*register).into());
            row(
                tile,
                place,
                Value::Null,
                json!({"state": state, "function": function, "argument": argument}),
            )
        }
        Operation::Wait(t) => {
            let direction = if t.direction == 0 { "S2MM" } else { "MM2S" };
            let detail =
                json!({"direction": direction, "channel": t.channel, "columns": t.columns, "rows": t.rows});
            row(
                format!("{},{}", t.column, t.row).into(),
                Value::Null,
                Value::Null,
                detail,
            )
        }
        Operation::Preempt { level } => row(Value::Null, Value::Null, Value::Null, json!({"level": level})),
        Operation::LoadPdi { id, size, address } => row(
            Value::Null,
            Value::Null,
            Value::Null,
            json!({"id": id, "bytes": size, "address": hex(*address)}),
        ),
        Operation::LoadPmStart { count, id } => row(
            Value::Null,
            Value::Null,
            Value::Null,
            json!({"count": count, "id": id}),
        ),
        Operation::CreateScratchpad { usage, size, address } => row(
            Value::Null,
            Value::Null,
            Value::Null,
            json!({"usage": usage, "bytes": size, "address": hex(*address)}),
        ),
        Operation::RecordTimer { id } => row(Value::Null, Value::Null, Value::Null, json!({"id": id})),
        Operation::MergeSync { tokens, columns } => row(
            Value::Null,
            Value::Null,
            Value::Null,
            json!({"tokens": tokens, "columns": columns}),
        ),
        Operation::Custom { op, data } => row(
            Value::Null,
            Value::Null,
            Value::Null,
            json!({"number": op, "bytes": data.len()}),
        ),
        _ => row(Value::Null, Value::Null, Value::Null, Value::Null),
    }
}

/// Rows of words that are written from `address` on.
pub(super) fn written(
    offset: &Value,
    op: &str,
    generation: Generation,
    address: u64,
    data: &[u32],
) -> Vec<[Value; 6]> {
    let rows = writes(generation, address, data).into_iter().map(|w| {
        let value = match w.words[..] {
            [word] => hex(word.into()),
            _ => format!("{} words", w.words.len()).into(),
        };
        [
            offset.clone(),
            op.into(),
            w.tile.into(),
            w.place.into(),
            value,
            w.detail,
        ]
    });
    rows.collect()
}

/// Control packets.
pub(super) fn packets(bytes: &[u8], how: How) -> anyhow::Result<Document> {
    let all = read_control_packets(bytes)?;
    let wrong = all.iter().filter(|p| !p.parity_holds).count();
    let names = all.iter().map(|p| match p.access {
        Access::Write => "write",
        Access::Read => "read",
        Access::WriteIncrement => "write to consecutive addresses",
        Access::Reserved => "reserved",
    });
    let names: Vec<_> = names.collect();
    // Packets alone can't tell: take the newer one, and say so.
    let assumed = "the packets do not state their generation; taken for npu4 (--device says otherwise)";
    let note = how.generation.is_none().then(|| assumed.to_owned());
    let generation = how.generation.unwrap_or(Generation::Npu4);
    let routed = "a place is in the tile that the id is routed to, which packets do not name".to_owned();
    let mut document = Document {
        generation: Some(generation),
        notes: note.into_iter().chain([routed]).collect(),
        ..Document::default()
    };
    document.sections.push(
        Section::new("control packets")
            .fact("packets", all.len())
            .fact("with wrong parity", wrong)
            .table(["access", "count"], counts(names.iter().copied())),
    );
    if how.disasm {
        let rows = all.iter().zip(names).map(|(p, access)| {
            let tile = format!("{},{}", p.header.column, p.header.row);
            let place = names_by_kind(generation, p.offset);
            let data: Vec<Value> = p.data.iter().map(|w| hex((*w).into())).collect();
            [
                tile.into(),
                access.into(),
                place.into(),
                data.into(),
                json!({"id": p.header.id, "type": p.header.kind, "response": p.response, "words": p.length}),
            ]
        });
        let columns = ["origin", "access", "place", "words", "routing"];
        document
            .sections
            .push(Section::new("packets").table(columns, rows));
    }
    Ok(document)
}

/// A command packet.
pub(super) fn command(bytes: &[u8]) -> anyhow::Result<Document> {
    let all = words(bytes).context("byte 0x0: neither whole words nor hexadecimal text")?;
    let packet = Packet::parse(&all).map_err(|why| anyhow::anyhow!("command packet, byte 0x0: {why}"))?;
    let mut section = Section::new("command packet")
        .fact("opcode", format!("{} ({})", packet.name, packet.opcode))
        .fact("state", packet.state)
        .fact("words behind the header", packet.count)
        .fact("compute unit", packet.cu);
    for (name, value) in &packet.fields {
        section = section.fact(name, hex(*value));
    }
    if !packet.chain.is_empty() {
        section = section.fact("handles", packet.chain.clone());
    }
    let at = 1 + packet.count as usize - packet.words.len();
    let rows = packet
        .words
        .iter()
        .enumerate()
        .map(|(i, word)| [hex(4 * (at + i) as u64), hex((*word).into())]);
    Ok(Document {
        sections: vec![section.table(["offset", "word"], rows)],
        ..Document::default()
    })
}
