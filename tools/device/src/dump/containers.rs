//! xclbin, PDI, CDO.

use serde_json::{Value, json};
use xdna_runtime::formats::cdo::Command;
use xdna_runtime::formats::xclbin::{SectionKind, Xclbin, read_mem_topology};
use xdna_runtime::formats::{Cdo, Generation, Pdi, Transform};

use super::How;
use super::control::{COLUMNS, counts, written};
use super::document::{Document, Section, checksum, hex};
use super::places::{guess, name};

/// A container of an overlay, down to what its images write.
pub(super) fn xclbin(bytes: &[u8], how: How) -> anyhow::Result<Document> {
    let file = Xclbin::read(bytes)?;
    let header = &file.header;
    let (major, minor, patch) = header.version;
    let mut sections = vec![
        Section::new("xclbin")
            .fact("uuid", header.uuid.to_string())
            .fact("tool", format!("{major}.{minor}.{patch}"))
            .fact("mode", header.mode.0)
            .fact("time stamp", header.time_stamp)
            .fact(
                "platform",
                Some(header.platform_name()).filter(|name| !name.is_empty()),
            )
            .fact("bytes behind the sections", file.trailer.len())
            .table(
                ["section", "bytes", "crc32"],
                file.sections
                    .iter()
                    .map(|s| [s.kind.to_string().into(), s.data.len().into(), checksum(s.data)]),
            ),
    ];
    let kernels = file.kernels()?;
    for kernel in &kernels {
        let arguments = kernel.arguments.iter().map(|a| {
            [
                a.id.into(),
                a.name.clone().into(),
                hex(a.offset.into()),
                a.size.into(),
                format!("{:?}", a.qualifier).to_lowercase().into(),
                a.c_type.clone().into(),
            ]
        });
        sections.push(
            Section::new(format!("kernel {}", kernel.name))
                .fact("id", kernel.id.map(hex))
                .fact("functional", kernel.functional)
                .fact("instances", kernel.instances.clone())
                .table(["argument", "name", "offset", "bytes", "kind", "type"], arguments),
        );
    }
    let instances = file.instances()?.into_iter().map(|i| {
        [
            i.name.clone().into(),
            hex(i.kernel_id().into()),
            i.functional().into(),
            i.is_npu().into(),
        ]
    });
    sections
        .push(Section::new("instances").table(["name", "kernel id", "functional", "on the NPU"], instances));
    if let Some(data) = file.section(SectionKind::MEM_TOPOLOGY) {
        let rows = read_mem_topology(data)?
            .into_iter()
            .map(|m| [m.tag.into(), m.used.into(), m.size_kib.into()]);
        sections.push(Section::new("memories").table(["name", "used", "KiB"], rows));
    }
    let partition = file.partition()?;
    let groups = partition.pdis.iter().enumerate().map(|(i, pdi)| {
        let ids: Vec<Value> = pdi
            .groups
            .iter()
            .flat_map(|g| &g.kernel_ids)
            .map(|id| hex(*id))
            .collect();
        [
            i.into(),
            pdi.uuid.to_string().into(),
            pdi.image.len().into(),
            ids.into(),
        ]
    });
    sections.push(
        Section::new("partition")
            .fact("columns", partition.width)
            .fact("start columns", partition.start_columns.clone())
            .fact("operations per cycle", partition.operations_per_cycle)
            .table(["PDI", "uuid", "bytes", "kernel ids"], groups),
    );
    let images: Result<Vec<Pdi>, _> = partition.pdis.iter().map(|pdi| Pdi::read(pdi.image)).collect();
    let images = images?;
    let streams: Vec<&Cdo> = images.iter().map(|pdi| &pdi.cdo).collect();
    let (generation, notes) = generation(&streams, how);
    for (i, pdi) in images.iter().enumerate() {
        sections.extend(image(&format!("PDI {i}"), pdi, generation, how));
    }
    Ok(Document {
        generation: Some(generation),
        notes,
        sections,
        ..Document::default()
    })
}

/// An image alone.
pub(super) fn pdi(bytes: &[u8], how: How) -> anyhow::Result<Document> {
    let pdi = Pdi::read(bytes)?;
    let (generation, notes) = generation(&[&pdi.cdo], how);
    Ok(Document {
        generation: Some(generation),
        notes,
        sections: image("PDI", &pdi, generation, how),
        ..Document::default()
    })
}

/// A stream alone.
pub(super) fn cdo(bytes: &[u8], how: How) -> anyhow::Result<Document> {
    let cdo = Cdo::read(bytes)?;
    let (generation, notes) = generation(&[&cdo], how);
    Ok(Document {
        generation: Some(generation),
        notes,
        sections: stream("CDO", &cdo, generation, how),
        ..Document::default()
    })
}

/// The generation asked for, or a guess with what to say of it.
fn generation(streams: &[&Cdo], how: How) -> (Generation, Vec<String>) {
    if let Some(generation) = how.generation {
        return (generation, Vec::new());
    }
    let commands = streams.iter().flat_map(|cdo| &cdo.commands);
    let places: Vec<_> = commands
        .filter_map(|c| Some((c.address()?, words_of(c).len().max(1))))
        .collect();
    let (generation, note) = guess(&places);
    (generation, vec![note])
}

fn words_of(command: &Command) -> &[u32] {
    match command {
        Command::DmaWrite { data, .. } => data,
        Command::Nop { words } | Command::Other { words, .. } => words,
        Command::Write { value, .. } | Command::Write64 { value, .. } => std::slice::from_ref(value),
        _ => &[],
    }
}

fn image(title: &str, pdi: &Pdi, generation: Generation, how: How) -> Vec<Section> {
    let wrong: Vec<Value> = pdi
        .wrong
        .iter()
        .map(|c| format!("{c:?}").to_lowercase().into())
        .collect();
    let wrong = if wrong.is_empty() {
        Value::from("none")
    } else {
        wrong.into()
    };
    let stored = match pdi.transform {
        Transform::Plain => "one stream",
        Transform::Split => "commands and data in zones of their own",
    };
    let name = pdi.name.split(|b| *b == 0).next().unwrap_or_default();
    let head = Section::new(title)
        .fact("image", String::from_utf8_lossy(name))
        .fact("stored as", stored)
        .fact("wrong checksums", wrong)
        .fact("bytes taken as zeros", pdi.borrowed);
    let title = format!("{title}, CDO");
    [head]
        .into_iter()
        .chain(stream(&title, &pdi.cdo, generation, how))
        .collect()
}

fn command_name(command: &Command) -> &'static str {
    match command {
        Command::MaskWrite { .. } => "MASK_WRITE",
        Command::Write { .. } => "WRITE",
        Command::DmaWrite { .. } => "DMA_WRITE",
        Command::MaskWrite64 { .. } => "MASK_WRITE64",
        Command::Write64 { .. } => "WRITE64",
        Command::Nop { .. } => "NOP",
        _ => "OTHER",
    }
}

fn stream(title: &str, cdo: &Cdo, generation: Generation, how: How) -> Vec<Section> {
    let words: usize = cdo.commands.iter().map(|c| words_of(c).len()).sum();
    let mut sections = vec![
        Section::new(title)
            .fact("commands", cdo.commands.len())
            .fact("words written", words)
            .fact("checksum holds", cdo.checksum_holds)
            .table(
                ["command", "count"],
                counts(cdo.commands.iter().map(command_name)),
            ),
    ];
    if how.disasm {
        let rows = cdo
            .commands
            .iter()
            .enumerate()
            .flat_map(|(i, command)| rows(i, command, generation));
        let mut columns = COLUMNS;
        columns[0] = "command";
        sections.push(Section::new(format!("{title}, disassembled")).table(columns, rows));
    }
    sections
}

fn rows(index: usize, command: &Command, generation: Generation) -> Vec<[Value; 6]> {
    let (index, op) = (Value::from(index), command_name(command));
    match command {
        Command::Write { address, value } => written(&index, op, generation, u64::from(*address), &[*value]),
        Command::Write64 { address, value } => written(&index, op, generation, *address, &[*value]),
        Command::DmaWrite { address, data } => written(&index, op, generation, *address, data),
        Command::MaskWrite { mask, value, .. } | Command::MaskWrite64 { mask, value, .. } => {
            let (tile, place) = name(generation, command.address().unwrap_or_default());
            vec![[
                index,
                op.into(),
                tile.into(),
                place.into(),
                hex((*value).into()),
                json!({"mask": hex((*mask).into())}),
            ]]
        }
        Command::Other { op: number, words } => {
            let detail = json!({"number": hex((*number).into()), "words": words.len()});
            vec![[index, op.into(), Value::Null, Value::Null, Value::Null, detail]]
        }
        _ => vec![[
            index,
            op.into(),
            Value::Null,
            Value::Null,
            Value::Null,
            json!({"words": words_of(command).len()}),
        ]],
    }
}
