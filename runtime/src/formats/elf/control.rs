//! ELF files of control code.

use std::fmt;

use object::{
    elf::{SHT_DYNSYM, SHT_RELA, SHT_SYMTAB, STT_FUNC, STT_OBJECT},
    read::elf::{FileHeader, SectionHeader, Sym},
};

use super::{LE, Patch, header, library};
use crate::formats::{
    error::{Format, Reason, Result},
    view::{MAX_NAME, View, text, words},
};

/// Most sections, symbols or patches that are read.
const MAX: usize = 1 << 20;
/// Kernels, and bytes of the mangled name of each.
const MAX_KERNELS: usize = 1024;
const MAX_MANGLED: usize = 4096;
/// Type of sections that tie a kernel to its text.
const GROUP: u32 = 17;
/// Numbers in the identification: npu4, and the ABI that has patch types where ELF says.
const AIE2P: u8 = 0x45;
const ABI_TYPES_IN_ADDEND: u8 = 1;

/// A section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElfSection<'a> {
    /// Its number: names repeat.
    pub index: usize,
    /// Name.
    pub name: String,
    /// Its bytes; empty where the file has none.
    pub data: &'a [u8],
}

/// Whose address a patch needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// An argument: counted from 0 in a full file, by the xclbin's numbers (first buffer 3) in others.
    Argument(u32),
    /// The control packets.
    ControlPacket,
    /// Memory to save the array's state in.
    ScratchPad,
    /// Memory for the firmware's state.
    ControlScratchPad,
    /// Packets of program memory.
    ProgramPackets(u32),
    /// A PDI: the section `.pdi.N`.
    Pdi(u32),
}

impl Target {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "control-packet" => Self::ControlPacket,
            "scratch-pad-mem" => Self::ScratchPad,
            "scratch-pad-ctrl" => Self::ControlScratchPad,
            _ => {
                if let Some(number) = name.strip_prefix("ctrlpkt-pm-") {
                    Self::ProgramPackets(number.parse().ok()?)
                } else if let Some(number) = name.strip_prefix(".pdi.") {
                    Self::Pdi(number.parse().ok()?)
                } else {
                    Self::Argument(name.parse().ok()?)
                }
            }
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(n) => write!(f, "argument {n}"),
            Self::ControlPacket => f.write_str("control packets"),
            Self::ScratchPad => f.write_str("scratch pad"),
            Self::ControlScratchPad => f.write_str("control scratch pad"),
            Self::ProgramPackets(n) => write!(f, "program packets {n}"),
            Self::Pdi(n) => write!(f, "PDI {n}"),
        }
    }
}

/// A place that needs an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relocation {
    /// Section that it lies in.
    pub section: usize,
    /// Byte offset in that section.
    pub offset: u32,
    /// How the address is put there.
    pub patch: Patch,
    /// Whose address it is.
    pub target: Target,
    /// Bytes added to it.
    pub addend: u32,
    /// Size of the buffer, or the mask of a scalar.
    pub size: u32,
}

/// A kernel of a full file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElfKernel {
    /// Mangled name, arguments included.
    pub name: String,
    /// Name of the instance.
    pub instance: String,
    /// Section of its control code.
    pub text: usize,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlElf<'a> {
    /// 0x45 for npu4; other numbers are later generations.
    pub os_abi: u8,
    /// 1, 2 or 0x10.
    pub abi_version: u8,
    /// Columns: a file that states them needs no xclbin.
    pub columns: Option<u32>,
    /// Identity of the build.
    pub uid: Option<[u8; 16]>,
    /// Sections by their number, the empty first one included.
    pub sections: Vec<ElfSection<'a>>,
    /// Kernels, of a full file.
    pub kernels: Vec<ElfKernel>,
    /// Places that need addresses.
    pub relocations: Vec<Relocation>,
}

impl<'a> ControlElf<'a> {
    /// Reads a file.
    ///
    /// # Errors
    /// It is no such ELF file, or a part lies outside or names what does not exist.
    pub fn read(bytes: &'a [u8]) -> Result<Self> {
        let head = header(bytes)?;
        let v = View::new(Format::Elf, bytes);
        let (os_abi, abi_version) = (head.e_ident().os_abi.0, head.e_ident().abi_version);
        if head.e_machine(LE).0 != 1 || os_abi < 0x40 {
            let (what, found) = ("kind of ELF file", os_abi.into());
            return Err(v.error(7, Reason::Value { what, found }));
        }
        let table = head.sections(LE, bytes).map_err(library)?;
        let many = |what, found: usize| {
            let (found, limit) = (found as u64, MAX as u64);
            v.error(0, Reason::TooMany { what, found, limit })
        };
        if table.len() > MAX {
            return Err(many("sections", table.len()));
        }
        let mut sections = Vec::new();
        for (index, section) in table.iter().enumerate() {
            let name = table.section_name(LE, section).unwrap_or_default();
            let data = section.data(LE, bytes).map_err(library)?;
            let name = named(&v, "bytes of a section's name", name, MAX_NAME)?;
            sections.push(ElfSection { index, name, data });
        }
        let mut relocations = Vec::new();
        let symbols = table.symbols(LE, bytes, SHT_DYNSYM).map_err(library)?;
        for section in table.iter().filter(|s| s.sh_type(LE) == SHT_RELA) {
            let Some((all, _)) = section.rela(LE, bytes).map_err(library)? else {
                continue;
            };
            if relocations.len() + all.len() > MAX {
                return Err(many("patches", all.len()));
            }
            for rela in all {
                let index = object::SymbolIndex(rela.r_sym(LE) as usize);
                let symbol = symbols.symbol(index).map_err(library)?;
                let name = symbols.symbol_name(LE, symbol).map_err(library)?;
                let name = named(&v, "bytes of a symbol's name", name, MAX_NAME)?;
                let unknown = || v.error(0, Reason::Other(format!("a patch needs the unknown {name:?}")));
                let (number, addend) = (rela.r_type(LE).0, rela.r_addend.get(LE) as u32);
                let (patch, addend) = match abi_version {
                    ABI_TYPES_IN_ADDEND => (addend as u8 & 0xf, addend >> 4),
                    _ => (number as u8, addend),
                };
                relocations.push(Relocation {
                    section: usize::from(symbol.st_shndx(LE).0),
                    offset: rela.r_offset.get(LE),
                    patch: patch.into(),
                    target: Target::parse(&name).ok_or_else(unknown)?,
                    addend,
                    size: symbol.st_size(LE),
                });
            }
        }
        for r in &relocations {
            if r.section == 0 || r.section >= sections.len() {
                let (what, found) = ("section of a patch", r.section as u64);
                return Err(v.error(0, Reason::Value { what, found }));
            }
        }
        let note = |name: &str| {
            let section = sections.iter().find(|s| s.name == name)?;
            // Sizes of name and contents, type, and "XRT" with its NUL come first.
            section.data.get(16..)
        };
        let columns = note(".note.xrt.configuration").and_then(|d| words(d).next());
        let uid = note(".note.xrt.UID").and_then(|d| d.get(..16)?.try_into().ok());
        let mut elf = Self {
            os_abi,
            abi_version,
            columns,
            uid,
            sections,
            kernels: Vec::new(),
            relocations,
        };
        elf.kernels = kernels(bytes)?;
        Ok(elf)
    }

    /// Whether it is for npu4, the one generation whose files are known.
    pub fn is_npu4(&self) -> bool {
        self.os_abi == AIE2P
    }

    /// Sections of control code: `.ctrltext`, or one for each kernel.
    pub fn texts(&self) -> impl Iterator<Item = &ElfSection<'a>> {
        self.sections
            .iter()
            .filter(|s| s.name == ".ctrltext" || s.name.starts_with(".ctrltext."))
    }

    /// The bytes of a section with all addresses in place. Patches add to what the file stores: each run starts anew.
    ///
    /// # Errors
    /// `resolve` has no address for what a patch needs, or a patch lies outside.
    pub fn relocate(&self, section: usize, resolve: impl Fn(&Target) -> Option<u64>) -> Result<Vec<u8>> {
        let none = || View::new(Format::Elf, &[]).error(0, Reason::Missing("section to patch"));
        let mut bytes = self.sections.get(section).ok_or_else(none)?.data.to_vec();
        for r in self.relocations.iter().filter(|r| r.section == section) {
            let value = resolve(&r.target).ok_or_else(|| {
                let why = format!("no address for {}", r.target);
                View::new(Format::Elf, &[]).error(r.offset as usize, Reason::Other(why))
            })?;
            r.patch
                .apply(&mut bytes, r.offset as usize, value, r.addend.into(), r.size)?;
        }
        Ok(bytes)
    }
}

/// A name as text; many records may share one, and each gets a copy.
fn named(v: &View<'_>, what: &'static str, name: &[u8], limit: usize) -> Result<String> {
    if name.len() > limit {
        let (found, limit) = (name.len() as u64, limit as u64);
        return Err(v.error(0, Reason::TooMany { what, found, limit }));
    }
    Ok(text(name))
}

/// Kernels by the groups that tie an instance's symbol to a section of control code.
fn kernels(bytes: &[u8]) -> Result<Vec<ElfKernel>> {
    let head = header(bytes)?;
    let table = head.sections(LE, bytes).map_err(library)?;
    let symbols = table.symbols(LE, bytes, SHT_SYMTAB).map_err(library)?;
    let v = View::new(Format::Elf, bytes);
    let mut kernels = Vec::new();
    for section in table.iter().filter(|s| s.sh_type(LE).0 == GROUP) {
        let data = section.data(LE, bytes).map_err(library)?;
        let symbol = |index: usize| symbols.symbol(object::SymbolIndex(index)).map_err(library);
        let instance = symbol(section.sh_info(LE) as usize)?;
        let kernel = symbol(usize::from(instance.st_shndx(LE).0))?;
        let name = |s| {
            let name = symbols.symbol_name(LE, s).map_err(library)?;
            named(&v, "bytes of a kernel's name", name, MAX_MANGLED)
        };
        let wrong = instance.st_type() != STT_OBJECT || kernel.st_type() != STT_FUNC;
        let text_section = words(data)
            .nth(1)
            .map(|w| w as usize)
            .filter(|&i| i < table.len());
        let (Some(text_section), false) = (text_section, wrong) else {
            return Err(v.error(0, Reason::Missing("kernel of a group")));
        };
        if kernels.len() == MAX_KERNELS {
            let (what, found, limit) = ("kernels", MAX_KERNELS as u64 + 1, MAX_KERNELS as u64);
            return Err(v.error(0, Reason::TooMany { what, found, limit }));
        }
        kernels.push(ElfKernel {
            name: name(kernel)?,
            instance: name(instance)?,
            text: text_section,
        });
    }
    Ok(kernels)
}
