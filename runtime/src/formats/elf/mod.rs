//! ELF files: control code with its patches, and programs of cores.

mod control;
mod core;
mod patch;

pub use self::{
    control::{ControlElf, ElfKernel, ElfSection, Relocation, Target},
    core::{CoreElf, Segment, Where},
    patch::Patch,
};

use object::{
    LittleEndian,
    elf::{ELFCLASS32, ELFDATA2LSB, ELFMAG, FileHeader32},
    read::elf::FileHeader,
};

use super::{
    error::{Format, FormatError, Reason, Result},
    not_a_pointer,
    view::View,
};

type Header = FileHeader32<LittleEndian>;
const LE: LittleEndian = LittleEndian;

fn library(e: object::read::Error) -> FormatError {
    View::new(Format::Elf, &[]).error(0, Reason::Other(e.to_string()))
}

/// The header of a little-endian file of class 32.
fn header(bytes: &[u8]) -> Result<&Header> {
    not_a_pointer(Format::Elf, bytes)?;
    let v = View::new(Format::Elf, bytes);
    let ident = v.take("identification", 0, 16)?;
    let magic = v.u32("magic number", 0)?;
    let fields = [
        (
            0,
            "magic number",
            u64::from(magic),
            magic == u32::from_le_bytes(ELFMAG),
        ),
        (4, "class", ident[4].into(), ident[4] == ELFCLASS32.0),
        (5, "byte order", ident[5].into(), ident[5] == ELFDATA2LSB.0),
    ];
    for (at, what, found, right) in fields {
        if !right {
            return Err(v.error(at, Reason::Value { what, found }));
        }
    }
    Header::parse(bytes).map_err(library)
}
