//! `xdna dump`: what is in a file for an NPU.

mod containers;
mod control;
mod document;
mod dpu;
mod elves;
mod kind;
mod places;
mod status;

use std::fs::File;
use std::io::{Read, stdin};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use xdna_runtime::formats::Generation;
use xdna_terminal::{Exit, Out};

pub(crate) use document::{Document, cell};
pub(crate) use kind::Kind;

use crate::show;

/// Longest file read: overlays are some MiB.
const LONGEST: u64 = 256 << 20;

#[derive(Args, Debug)]
#[command(after_help = "\
xclbin, PDI, CDO, control code (binary or hexadecimal text), control ELF, core ELF, control packets,
command packets and AIE status blobs are told apart by their content. Files that do not state their
generation take --device; without it a guess is made, and said.

Examples:
  xdna dump design.xclbin
  xdna dump --disasm --device npu4 insts.bin")]
pub struct Dump {
    /// File to read; - for stdin
    file: PathBuf,
    /// What the file is [default: by its content]
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Generation the file is for, where it does not say
    #[arg(long, value_enum)]
    device: Option<Device>,
    /// Print every operation: register names, tiles, fields
    #[arg(long)]
    disasm: bool,
    /// Print one JSON object, schema xdna.dump/1
    #[arg(long)]
    json: bool,
}

/// Generations, as the driver names their first chips.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Device {
    /// XDNA1: Phoenix, Hawk Point
    Npu1,
    /// XDNA2: Strix, Krackan
    Npu4,
}

impl From<Device> for Generation {
    fn from(device: Device) -> Self {
        match device {
            Device::Npu1 => Self::Npu1,
            Device::Npu4 => Self::Npu4,
        }
    }
}

/// How a file is read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct How {
    pub(crate) kind: Option<Kind>,
    pub(crate) generation: Option<Generation>,
    /// Every operation.
    pub(crate) disasm: bool,
}

/// Prints what is in a file.
pub(crate) fn run(args: &Dump, out: &mut Out) -> anyhow::Result<Exit> {
    let name = args.file.display().to_string();
    let bytes = bytes(&args.file).with_context(|| name.clone())?;
    let how = How {
        kind: args.kind,
        generation: args.device.map(Generation::from),
        disasm: args.disasm,
    };
    let document = read(&bytes, how).with_context(|| name.clone())?;
    show::print(&document, args.json, out)?;
    Ok(Exit::Done)
}

/// The bytes of a file; `-` is stdin.
pub(crate) fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        stdin().lock().take(LONGEST + 1).read_to_end(&mut bytes)?;
    } else {
        File::open(path)?.take(LONGEST + 1).read_to_end(&mut bytes)?;
    }
    let is_read = bytes.len() as u64 <= LONGEST;
    anyhow::ensure!(is_read, "longer than {}", xdna_terminal::bytes(LONGEST));
    Ok(bytes)
}

/// Takes the bytes of a file apart.
pub(crate) fn read(bytes: &[u8], how: How) -> anyhow::Result<Document> {
    let (kind, note) = match how.kind {
        Some(kind) => (kind, None),
        None => kind::recognise(bytes)?,
    };
    let mut document = match kind {
        Kind::Xclbin => containers::xclbin(bytes, how)?,
        Kind::Pdi => containers::pdi(bytes, how)?,
        Kind::Cdo => containers::cdo(bytes, how)?,
        Kind::Control => control::code(bytes, how)?,
        Kind::ControlElf => elves::control(bytes, how)?,
        Kind::CoreElf => elves::core(bytes)?,
        Kind::ControlPackets => control::packets(bytes, how)?,
        Kind::Command => control::command(bytes)?,
        Kind::Status => status::blob(bytes, how)?,
    };
    document.kind = kind.name();
    document.bytes = bytes.len();
    document.notes.extend(note);
    Ok(document)
}
