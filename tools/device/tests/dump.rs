//! `xdna dump` and `xdna diff` on files of the tools that people use, and on damaged ones.
//!
//! The files come with the reference data; without it the tests are shown as ignored, with the reason.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "how the roles talk")]
#[path = "dump/golden.rs"]
mod golden;
#[path = "dump/structure.rs"]
mod structure;
#[path = "simulated/tool.rs"]
mod tool;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;

use tool::{end, me};

/// A file of the reference data.
#[derive(Clone, serde::Deserialize)]
struct Entry {
    path: String,
    format: String,
    device: String,
}

#[derive(serde::Deserialize)]
struct Manifest {
    file: Vec<Entry>,
}

/// What a format of the manifest is called, and how many files of it there are.
const FORMATS: [(&str, &str, usize); 10] = [
    ("xclbin", "xclbin", 40),
    ("pdi", "PDI", 15),
    ("pdi-split", "PDI", 4),
    ("cdo", "CDO", 12),
    ("txn-0.1", "control code", 93),
    ("txn-text", "control code", 2),
    ("dpu-text", "control code", 6),
    ("ctrl-elf", "control ELF", 5),
    ("core-elf", "core ELF", 10),
    ("ctrlpkt", "control packets", 3),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    if args.get(1).is_some_and(|arg| arg == "--tool") {
        return tool::tool(&args[1..]);
    }
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let data = std::env::var_os("XDNA_TESTDATA").map_or_else(|| PathBuf::from(default), PathBuf::from);
    let root = data.join("fixtures/npu");
    let entries = fs::read_to_string(root.join("MANIFEST.toml"))
        .ok()
        .and_then(|text| toml::from_str::<Manifest>(&text).ok())
        .map(|manifest| manifest.file);
    let mut trials = vec![
        Trial::test("small_files_are_shown_as_reviewed", golden::as_reviewed),
        Trial::test("damaged_files_give_offset_and_reason", damaged),
        Trial::test("command_packets_are_read_as_bytes_and_as_text", command),
        Trial::test("two_files_are_compared_by_what_they_are", structure::kinds),
        Trial::test("an_operation_put_in_is_one_difference", structure::operations),
        Trial::test("images_are_compared_by_uuid", structure::images),
    ];
    for (format, kind, count) in FORMATS {
        let (root, found) = (root.clone(), entries.clone());
        let all: Vec<Entry> = found
            .into_iter()
            .flatten()
            .filter(|e| e.format == format)
            .collect();
        let name = match &entries {
            Some(_) => format!("files/{format}"),
            None => format!("files/{format} (no reference data: XDNA_TESTDATA)"),
        };
        let test = move || {
            check(all.len() == count, format!("{} files, not {count}", all.len()))?;
            all.iter().try_for_each(|entry| named(&root, entry, kind))
        };
        trials.push(Trial::test(name, test).with_ignored_flag(entries.is_none()));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn check(holds: bool, what: impl std::fmt::Display) -> Result<(), Failed> {
    if holds {
        Ok(())
    } else {
        Err(what.to_string().into())
    }
}

/// A file is what it is, and every place in it has a name.
fn named(root: &Path, entry: &Entry, kind: &str) -> Result<(), Failed> {
    let path = root.join(&entry.path);
    let output = me("--tool")
        .args(["dump", "--disasm", "--json", "--device", &entry.device])
        .arg(&path)
        .output()?;
    let (code, stdout, stderr) = end(output);
    check(code == Some(0), format!("{}: {code:?} {stderr}", entry.path))?;
    let object: Value = serde_json::from_str(&stdout)?;
    let size = fs::metadata(&path)?.len();
    check(
        object["schema"] == "xdna.dump/1" && object["bytes"] == size,
        &entry.path,
    )?;
    check(
        object["kind"] == kind,
        format!("{} is taken for {}", entry.path, object["kind"]),
    )?;
    check(
        object["generation"] == entry.device.as_str(),
        format!("{}: {}", entry.path, object["generation"]),
    )?;
    // What a split image lacks at its end is not there to be named.
    let places = stdout.matches("\"place\":\"unknown").count();
    check(
        places == 0 || entry.format == "pdi-split",
        format!("{}: {places} places without a name", entry.path),
    )
}

fn damaged() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("damaged");
    for whole in [
        xdna_device::nothing::empty_pdi(),
        xdna_device::nothing::empty_transaction(false),
    ] {
        for length in [8, 14, 19, whole.len() - 1] {
            fs::write(&file, &whole[..length])?;
            let (code, stdout, stderr) = end(me("--tool").arg("dump").arg(&file).output()?);
            let reason = stderr.contains("byte 0x") && stderr.contains("damaged");
            check(
                code == Some(1) && stdout.is_empty() && reason,
                format!("{length}: {code:?} {stdout}{stderr}"),
            )?;
        }
    }
    // Text: a word that was cut off, and one that is none.
    let words: Vec<String> = xdna_device::nothing::empty_transaction(false)
        .chunks(4)
        .map(|w| format!("{:08x}", u32::from_le_bytes([w[0], w[1], w[2], w[3]])))
        .collect();
    let text = words.join("\n");
    for (text, says) in [
        (
            text[..text.len() - 3].to_owned(),
            "byte 0x24: \"00000\" has 5 digits",
        ),
        (
            text.replacen("00000014", "000XYZ14", 1),
            "byte 0x1b: \"000XYZ14\" is no hexadecimal word",
        ),
    ] {
        fs::write(&file, text)?;
        let (code, stdout, stderr) = end(me("--tool").arg("dump").arg(&file).output()?);
        check(
            code == Some(1) && stdout.is_empty() && stderr.contains(says),
            format!("{says}: {code:?} {stdout}{stderr}"),
        )?;
    }
    fs::write(&file, "this is no file for an NPU")?;
    let (code, _, stderr) = end(me("--tool").arg("dump").arg(&file).output()?);
    check(code == Some(1) && stderr.contains("not recognised"), stderr)
}

fn command() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("packet");
    let text = "0x3000C004 0x1 0x3 0x0 0x4028000 0x0 0x5 0x1000 0x0 0x2000 0x0 0x3000 0x0";
    let words = text.split(' ').map(|w| u32::from_str_radix(&w[2..], 16));
    let bytes: Vec<u8> = words
        .collect::<Result<Vec<_>, _>>()?
        .iter()
        .flat_map(|w| w.to_le_bytes())
        .collect();
    let mut texts = Vec::new();
    for content in [text.as_bytes(), &bytes] {
        fs::write(&file, content)?;
        let (code, stdout, stderr) = end(me("--tool").arg("dump").arg(&file).output()?);
        check(
            code == Some(0) && stdout.contains("START_CU (0)") && stdout.contains("COMPLETED"),
            format!("{stdout}{stderr}"),
        )?;
        texts.push(stdout.lines().skip(2).map(str::to_owned).collect::<Vec<_>>());
    }
    check(texts[0] == texts[1], format!("{texts:?}"))
}
