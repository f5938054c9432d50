//! ELF files of core programs.

use object::{
    elf::PT_LOAD,
    read::elf::{FileHeader, ProgramHeader},
};

use super::{LE, header, library};
use crate::formats::{
    Generation,
    error::{Format, Reason, Result},
    view::View,
};

/// e_machine of AIE programs.
const MACHINE: u16 = 264;
/// Most bytes of memory that a segment fills.
const MAX_SEGMENT: u32 = 0x1_0000;

/// Where a segment goes, as the core sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// Program memory.
    Program,
    /// Data memory of the neighbour to the south.
    South,
    /// Data memory of the neighbour to the west.
    West,
    /// Data memory of the neighbour to the north.
    North,
    /// Data memory of the core's own tile.
    Own,
}

/// A part that is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Which memory.
    pub memory: Where,
    /// Byte offset in it.
    pub offset: u32,
    /// Its bytes.
    pub data: &'a [u8],
    /// Bytes in memory: what lies behind the data is zeros.
    pub size: u32,
}

/// A program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreElf<'a> {
    /// What it runs on.
    pub generation: Generation,
    /// Where it starts.
    pub entry: u32,
    /// What is loaded, in the order of the file.
    pub segments: Vec<Segment<'a>>,
}

impl<'a> CoreElf<'a> {
    /// Reads a file.
    ///
    /// # Errors
    /// It is no program for a core, or a segment lies outside of the file or of the memories.
    pub fn read(bytes: &'a [u8]) -> Result<Self> {
        let head = header(bytes)?;
        let v = View::new(Format::Elf, bytes);
        let machine = head.e_machine(LE).0;
        if machine != MACHINE {
            let (what, found) = ("machine", machine.into());
            return Err(v.error(18, Reason::Value { what, found }));
        }
        let generation = match head.e_flags(LE).0 {
            2 => Generation::Npu1,
            3 => Generation::Npu4,
            found => {
                let (what, found) = ("flags", found.into());
                return Err(v.error(36, Reason::Value { what, found }));
            }
        };
        let mut segments = Vec::new();
        for part in head.program_headers(LE, bytes).map_err(library)? {
            if part.p_type(LE) != PT_LOAD {
                continue;
            }
            let at = part.p_paddr(LE);
            let (memory, offset) = match at {
                0..0x4_0000 => (Where::Program, at),
                0x4_0000..0x5_0000 => (Where::South, at - 0x4_0000),
                0x5_0000..0x6_0000 => (Where::West, at - 0x5_0000),
                0x6_0000..0x7_0000 => (Where::North, at - 0x6_0000),
                0x7_0000..0x8_0000 => (Where::Own, at - 0x7_0000),
                found => {
                    let (what, found) = ("address of a segment", found.into());
                    return Err(v.error(0, Reason::Value { what, found }));
                }
            };
            let (start, length) = (part.p_offset(LE) as usize, part.p_filesz(LE) as usize);
            let data = v.take("segment", start, length)?;
            let size = part.p_memsz(LE).max(data.len() as u32);
            let capacity = if memory == Where::Program {
                0x4000
            } else {
                MAX_SEGMENT
            };
            if offset.checked_add(size).is_none_or(|end| end > capacity) {
                let (what, found, limit) = ("bytes of a segment", size.into(), capacity.into());
                return Err(v.error(start, Reason::TooMany { what, found, limit }));
            }
            segments.push(Segment {
                memory,
                offset,
                data,
                size,
            });
        }
        let entry = head.e_entry(LE);
        Ok(Self {
            generation,
            entry,
            segments,
        })
    }
}
