//! What is wrong with a file: in which format, at which byte, why.

use std::fmt;

/// The format in which something was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// The container of an overlay.
    Xclbin,
    /// Its AIE_PARTITION section.
    Partition,
    /// Its EMBEDDED_METADATA section.
    Metadata,
    /// IP_LAYOUT, MEM_TOPOLOGY or CONNECTIVITY.
    Table,
    /// A programmable device image.
    Pdi,
    /// A command stream of configuration data objects.
    Cdo,
    /// Control code of transactions.
    Txn,
    /// Control code of the first generation.
    Dpu,
    /// Control packets.
    ControlPackets,
    /// An ELF file, of control code or of a core program.
    Elf,
    /// Words as text.
    Text,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Xclbin => "xclbin",
            Self::Partition => "AIE_PARTITION",
            Self::Metadata => "EMBEDDED_METADATA",
            Self::Table => "xclbin table",
            Self::Pdi => "PDI",
            Self::Cdo => "CDO",
            Self::Txn => "control code",
            Self::Dpu => "DPU control code",
            Self::ControlPackets => "control packets",
            Self::Elf => "ELF",
            Self::Text => "text",
        })
    }
}

/// Why bytes were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// Something lies, wholly or in part, behind the end.
    #[error("{what} needs {size} bytes, {left} are left")]
    Short {
        /// What was to be read.
        what: &'static str,
        /// Its size.
        size: u64,
        /// Bytes from its start to the end.
        left: u64,
    },
    /// A field has none of the values it may have.
    #[error("{what} is {found:#x}")]
    Value {
        /// The field.
        what: &'static str,
        /// What it holds.
        found: u64,
    },
    /// A field contradicts what follows from the rest of the file.
    #[error("{what} is {found:#x}, not {expected:#x}")]
    Mismatch {
        /// The field.
        what: &'static str,
        /// What it holds.
        found: u64,
        /// What it should hold.
        expected: u64,
    },
    /// There are more of something than any sound file has.
    #[error("{found} {what}, the limit is {limit}")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many.
        found: u64,
        /// How many there may be.
        limit: u64,
    },
    /// Something that must be there is not.
    #[error("there is no {0}")]
    Missing(&'static str),
    /// The file is the stand-in that Git LFS leaves for a file it did not fetch.
    #[error("this is a Git LFS pointer, not the file: fetch it with `git lfs pull`")]
    LfsPointer,
    /// What a library that reads a general format says.
    #[error("{0}")]
    Other(String),
}

/// Why a file was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{format}, byte {offset:#x}: {reason}")]
pub struct FormatError {
    /// The innermost format that was being read.
    pub format: Format,
    /// Byte offset, from the start of what was handed to the reader of that format.
    pub offset: usize,
    /// What is wrong there.
    pub reason: Reason,
}

/// Result of a reader.
pub type Result<T, E = FormatError> = std::result::Result<T, E>;
