//! ELF files: control code with its patches, and programs of cores.

use serde_json::Value;
use xdna_runtime::formats::elf::{ControlElf, CoreElf};
use xdna_runtime::formats::{Generation, Txn};

use super::How;
use super::control::transactions;
use super::document::{Document, Section, checksum, hex};

/// Control code in an ELF file.
pub(super) fn control(bytes: &[u8], how: How) -> anyhow::Result<Document> {
    let elf = ControlElf::read(bytes)?;
    let uid: Option<String> = elf
        .uid
        .map(|uid| uid.iter().map(|b| format!("{b:02x}")).collect());
    let sections = elf.sections.iter().skip(1);
    let mut out = vec![
        Section::new("control ELF")
            .fact("OS ABI", hex(elf.os_abi.into()))
            .fact("ABI version", hex(elf.abi_version.into()))
            .fact("columns", elf.columns)
            .fact("uid", uid)
            .table(
                ["number", "section", "bytes", "crc32"],
                sections.map(|s| {
                    [
                        s.index.into(),
                        s.name.clone().into(),
                        s.data.len().into(),
                        checksum(s.data),
                    ]
                }),
            ),
    ];
    if !elf.kernels.is_empty() {
        let rows = elf
            .kernels
            .iter()
            .map(|k| [k.name.clone().into(), k.instance.clone().into(), k.text.into()]);
        out.push(Section::new("kernels").table(["name", "instance", "section"], rows));
    }
    if !elf.relocations.is_empty() {
        let rows = elf.relocations.iter().map(|r| -> [Value; 6] {
            [
                r.section.into(),
                hex(r.offset.into()),
                format!("{:?}", r.patch).into(),
                r.target.to_string().into(),
                hex(r.addend.into()),
                r.size.into(),
            ]
        });
        let columns = ["section", "offset", "patch", "needs", "addend", "size"];
        let patches = Section::new("patches").fact("count", elf.relocations.len());
        out.push(patches.table(columns, rows));
    }
    for text in elf.texts() {
        out.extend(transactions(
            &format!("section {} ({})", text.index, text.name),
            &Txn::read(text.data)?,
            how,
        ));
    }
    let mut document = Document {
        sections: out,
        ..Document::default()
    };
    if elf.is_npu4() {
        document.generation = Some(Generation::Npu4);
    } else {
        document.notes.push(format!(
            "OS ABI {:#x} is of a generation that is not known",
            elf.os_abi
        ));
    }
    Ok(document)
}

/// A program of a core.
pub(super) fn core(bytes: &[u8]) -> anyhow::Result<Document> {
    let elf = CoreElf::read(bytes)?;
    let rows = elf.segments.iter().map(|s| {
        [
            format!("{:?}", s.memory).to_lowercase().into(),
            hex(s.offset.into()),
            s.data.len().into(),
            s.size.into(),
            checksum(s.data),
        ]
    });
    let note = "a core's code is not disassembled: its segments have checksums instead";
    Ok(Document {
        generation: Some(elf.generation),
        notes: vec![note.to_owned()],
        sections: vec![
            Section::new("core program")
                .fact("entry", hex(elf.entry.into()))
                .table(
                    [
                        "memory",
                        "offset",
                        "bytes in the file",
                        "bytes in memory",
                        "crc32",
                    ],
                    rows,
                ),
        ],
        ..Document::default()
    })
}
