//! `xdna diff` of files: by what they are, not by where things are in them.

use std::fs;
use std::path::Path;

use libtest_mimic::Failed;
use serde_json::Value;
use xdna_runtime::formats::cdo::{Cdo, Command};
use xdna_runtime::formats::txn::{Header, Operation, Txn, Version};
use xdna_runtime::formats::xclbin::{
    Header as FileHeader, Partition, PartitionPdi, Section, SectionKind, Uuid, write_ip_layout,
};
use xdna_runtime::formats::{Pdi, Xclbin};

use super::check;
use super::tool::{end, me};

/// Transactions with these operations.
fn code(operations: Vec<Operation>) -> Vec<u8> {
    let header = Header {
        version: Version::Normal,
        generation: 4,
        rows: 6,
        columns: 1,
        memory_rows: 1,
    };
    Txn::new(header, operations).write()
}

fn diff(a: &Path, b: &Path) -> Result<(Option<i32>, Vec<String>), Failed> {
    let (code, stdout, stderr) = end(me("--tool").args(["diff", "--json"]).args([a, b]).output()?);
    let object: Value = serde_json::from_str(&stdout).map_err(|e| format!("{e}: {stdout}{stderr}"))?;
    let all = object["differences"].as_array().into_iter().flatten();
    let all = all.map(|d| {
        format!(
            "{}: {} -> {}",
            d["path"].as_str().unwrap_or("?"),
            d["before"],
            d["after"]
        )
    });
    Ok((code, all.collect()))
}

/// Two files of different kinds, generations, and none of that.
pub fn kinds() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let [a, b] = ["a", "b"].map(|name| dir.path().join(name));
    fs::write(&a, xdna_device::nothing::empty_transaction(true))?;
    fs::write(&b, xdna_device::nothing::empty_transaction(false))?;
    let (code, stdout, stderr) = end(me("--tool").arg("diff").args([&a, &b]).output()?);
    check(
        code == Some(1) && stdout.contains("generation") && stdout.contains("npu4"),
        format!("{stdout}{stderr}"),
    )?;
    let (code, stdout, _) = end(me("--tool").arg("diff").args([&a, &a]).output()?);
    check(code == Some(0) && stdout == "no differences\n", stdout)?;
    fs::write(&b, xdna_device::nothing::empty_pdi())?;
    let (code, _, stderr) = end(me("--tool").arg("diff").args([&a, &b]).output()?);
    check(
        code == Some(1) && stderr.contains("control code, the second PDI"),
        stderr,
    )
}

/// An operation that is put in, taken out or changed is one difference, whatever it shifts.
pub fn operations() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let [a, b] = ["a", "b"].map(|name| dir.path().join(name));
    let write = |address, value| Operation::Write { address, value };
    let block = |word| Operation::BlockWrite {
        address: 0x20_0400,
        data: vec![1, 2, word],
    };
    // The shim's queues of a channel, and memory of a core tile.
    let ops = || vec![write(0x1d204, 1), block(3), write(0x1d20c, 2), write(0x1d214, 3)];
    fs::write(&a, code(ops()))?;
    let mut more = ops();
    more.insert(1, write(0x1d21c, 9));
    fs::write(&b, code(more))?;
    let (code_, inserted) = diff(&a, &b)?;
    check(
        code_ == Some(1)
            && inserted.len() == 1
            && inserted[0].contains(": null -> ")
            && inserted[0].contains("0x9"),
        format!("{inserted:?}"),
    )?;
    let (_, stdout, _) = end(me("--tool").arg("diff").args([&a, &b]).output()?);
    let line = "+  transactions, disassembled[offset=0x28]  WRITE 0,0 DMA_MM2S_1_Task_Queue 0x9";
    check(
        stdout.lines().nth(1).is_some_and(|l| l.starts_with(line)),
        &stdout,
    )?;
    let (_, removed) = diff(&b, &a)?;
    check(
        removed.len() == 1 && removed[0].contains(" -> null"),
        format!("{removed:?}"),
    )?;
    let mut other = ops();
    (other[1], other[3]) = (block(4), write(0x1d214, 4));
    fs::write(&b, code(other))?;
    let (_, changed) = diff(&a, &b)?;
    check(
        changed.len() == 3
            && changed[0].contains("crc32")
            && changed.iter().any(|d| d.contains(".value: \"0x3\" -> \"0x4\"")),
        format!("{changed:?}"),
    )
}

/// Images of one uuid belong together wherever they are in the container.
pub fn images() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let [a, b] = ["a", "b"].map(|name| dir.path().join(name));
    fs::write(&a, container(&[(1, 1), (2, 1)]))?;
    fs::write(&b, container(&[(2, 1), (1, 1)]))?;
    let (code, turned) = diff(&a, &b)?;
    check(
        code == Some(1) && turned.iter().all(|d| !d.starts_with("PDI ")),
        format!("{turned:?}"),
    )?;
    fs::write(&b, container(&[(2, 3), (1, 1)]))?;
    let (_, changed) = diff(&a, &b)?;
    check(
        changed.iter().any(|d| d.starts_with("PDI 1, CDO"))
            && changed.iter().all(|d| !d.starts_with("PDI 0")),
        format!("{changed:?}"),
    )?;
    fs::write(&b, container(&[(1, 1)]))?;
    let (_, gone) = diff(&a, &b)?;
    check(
        gone.iter()
            .any(|d| d.starts_with("PDI 1:") && d.ends_with("-> null")),
        format!("{gone:?}"),
    )
}

/// A container of images: the byte that their uuids are made of, and how many words of no operation they have.
fn container(images: &[(u8, usize)]) -> Vec<u8> {
    let files: Vec<Vec<u8>> = images
        .iter()
        .map(|(_, words)| {
            Pdi::new(Cdo::new(vec![Command::Nop {
                words: vec![0; *words],
            }]))
            .write()
        })
        .collect();
    let pdis = images.iter().zip(&files).map(|((id, _), image)| PartitionPdi {
        uuid: Uuid([*id; 16]),
        image,
        ..PartitionPdi::default()
    });
    let partition = Partition {
        width: 1,
        start_columns: vec![0],
        pdis: pdis.collect(),
        ..Partition::default()
    };
    let data = partition.write();
    let layout = write_ip_layout(&[]);
    let metadata = "<project><platform><device><core></core></device></platform></project>";
    let section = |kind, data| Section {
        kind,
        name: [0; 16],
        data,
    };
    Xclbin {
        header: FileHeader::new(Uuid([0; 16])),
        sections: vec![
            section(SectionKind::AIE_PARTITION, &data[..]),
            section(SectionKind::EMBEDDED_METADATA, metadata.as_bytes()),
            section(SectionKind::IP_LAYOUT, &layout),
        ],
        trailer: &[],
    }
    .write()
}
