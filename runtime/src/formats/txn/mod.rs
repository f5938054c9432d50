//! Control code of transactions: what one kind of run does, once per command.
//!
//! Version 0.1 is read and written as the files of all known tools have it. Version 1.0 ("compact") follows a
//! description alone: no file of it was at hand, so nothing verifies it.
//!
//! Operations 2 (BLOCKSET), 11, 13 (of firmware's states), 14 and 15 (of shim descriptors) have names in the sources of
//! tools and no known layout, and no file has them: like every unknown number below 128 they end the reading, since
//! their size is not known either.

mod read;
mod write;

use super::error::Reason;

/// Bytes of the header.
pub(crate) const HEADER: usize = 16;

/// How operations are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 0.1: registers have 64-bit addresses.
    Normal,
    /// 1.0: they have 32 bits. Unverified.
    Compact,
}

/// The array that a control code was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Layout of the operations.
    pub version: Version,
    /// 3: npu1; 4: npu4.
    pub generation: u8,
    /// Rows, shim and memory tiles included.
    pub rows: u8,
    /// Columns of the partition.
    pub columns: u8,
    /// Rows of memory tiles.
    pub memory_rows: u8,
}

impl Header {
    /// Generation of npu1.
    pub const NPU1: u8 = 3;
    /// Generation of npu4.
    pub const NPU4: u8 = 4;
}

/// Tokens that an operation waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// 0: of a channel that writes memory (S2MM); 1: of one that reads it (MM2S).
    pub direction: u8,
    /// First row.
    pub row: u8,
    /// First column.
    pub column: u8,
    /// Number of rows.
    pub rows: u8,
    /// Number of columns.
    pub columns: u8,
    /// DMA channel.
    pub channel: u8,
}

/// The address of a buffer argument, to be written into a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DdrPatch {
    /// Second word of a descriptor of a shim tile.
    pub register: u64,
    /// Argument, counted from the first buffer behind the number of instructions.
    pub argument: u64,
    /// Bytes added to its address.
    pub offset: u64,
}

/// One operation. Addresses are those of tiles; see [`TileAddress`](super::TileAddress).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// Writes a register.
    Write {
        /// Register.
        address: u64,
        /// Its value.
        value: u32,
    },
    /// Writes words to consecutive addresses.
    BlockWrite {
        /// First address.
        address: u32,
        /// The words.
        data: Vec<u32>,
    },
    /// Sets the bits of `mask` to those of `value`. The file has the value first, CDO the mask.
    MaskWrite {
        /// Register.
        address: u64,
        /// Values of the bits.
        value: u32,
        /// Bits to change.
        mask: u32,
    },
    /// Reads a register until its bits in `mask` are `value`; reading lock request windows changes locks.
    MaskPoll {
        /// Register.
        address: u64,
        /// Values of the bits.
        value: u32,
        /// Bits to look at.
        mask: u32,
    },
    /// As [`MaskPoll`](Self::MaskPoll), without giving way.
    MaskPollBusy {
        /// Register.
        address: u64,
        /// Values of the bits.
        value: u32,
        /// Bits to look at.
        mask: u32,
    },
    /// Nothing.
    Noop,
    /// The firmware may give the array to another context here.
    Preempt {
        /// What would be saved: 0 nothing, 1 memory tiles, 2 core tiles, 3 registers of core tiles.
        level: u8,
    },
    /// Loads a PDI.
    LoadPdi {
        /// Its number.
        id: u16,
        /// Its bytes.
        size: u32,
        /// Where it lies.
        address: u64,
    },
    /// Program memory follows.
    LoadPmStart {
        /// How much.
        count: u32,
        /// Its number.
        id: u8,
    },
    /// Makes a scratch buffer.
    CreateScratchpad {
        /// What for.
        usage: u8,
        /// Its bytes.
        size: u32,
        /// Where it lies.
        address: u64,
    },
    /// Computes a register from a state.
    UpdateRegister {
        /// The state.
        state: u8,
        /// What to compute.
        function: u8,
        /// With which argument.
        argument: u32,
        /// Register.
        register: u32,
    },
    /// Waits for tokens.
    Wait(Tokens),
    /// Writes the address of a buffer into a descriptor.
    DdrPatch(DdrPatch),
    /// Notes the time.
    RecordTimer {
        /// Which note.
        id: u32,
    },
    /// Waits for tokens of several columns at once.
    MergeSync {
        /// Tokens.
        tokens: u8,
        /// Columns.
        columns: u8,
    },
    /// An operation of 128 or more that is only known by its size.
    Custom {
        /// Its number.
        op: u8,
        /// Its bytes from the ninth on.
        data: Vec<u8>,
    },
}

impl Operation {
    /// Name, as tools print it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Write { .. } => "WRITE",
            Self::BlockWrite { .. } => "BLOCKWRITE",
            Self::MaskWrite { .. } => "MASKWRITE",
            Self::MaskPoll { .. } => "MASKPOLL",
            Self::MaskPollBusy { .. } => "MASKPOLL_BUSY",
            Self::Noop => "NOOP",
            Self::Preempt { .. } => "PREEMPT",
            Self::LoadPdi { .. } => "LOADPDI",
            Self::LoadPmStart { .. } => "LOAD_PM_START",
            Self::CreateScratchpad { .. } => "CREATE_SCRATCHPAD",
            Self::UpdateRegister { .. } => "UPDATE_REG",
            Self::Wait(_) => "TCT",
            Self::DdrPatch(_) => "DDR_PATCH",
            Self::RecordTimer { .. } => "RECORD_TIMER",
            Self::MergeSync { .. } => "MERGE_SYNC",
            Self::Custom { .. } => "CUSTOM",
        }
    }

    /// Where it reads or writes, if anywhere.
    pub fn address(&self) -> Option<u64> {
        match self {
            Self::Write { address, .. }
            | Self::MaskWrite { address, .. }
            | Self::MaskPoll { address, .. }
            | Self::MaskPollBusy { address, .. } => Some(*address),
            Self::BlockWrite { address, .. } => Some(u64::from(*address)),
            Self::UpdateRegister { register, .. } => Some(u64::from(*register)),
            Self::DdrPatch(patch) => Some(patch.register),
            _ => None,
        }
    }
}

/// An operation and its place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Byte offset in the file.
    pub offset: usize,
    /// Bytes that it takes: what the vendor's tools write is longer than needed in some cases.
    pub size: usize,
    /// What it says.
    pub operation: Operation,
}

/// A whole control code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Txn {
    /// What it was made for.
    pub header: Header,
    /// Operations in their order.
    pub records: Vec<Record>,
}

impl Txn {
    /// A control code of these operations, each as short as it may be.
    pub fn new(header: Header, operations: impl IntoIterator<Item = Operation>) -> Self {
        let mut offset = HEADER;
        let place = |operation: Operation| {
            let size = write::size(header.version, &operation);
            let at = offset;
            offset += size;
            Record {
                offset: at,
                size,
                operation,
            }
        };
        Self {
            header,
            records: operations.into_iter().map(place).collect(),
        }
    }

    /// The operations.
    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.records.iter().map(|r| &r.operation)
    }

    /// Addresses of buffers that it writes into descriptors.
    pub fn patches(&self) -> impl Iterator<Item = &DdrPatch> {
        self.operations().filter_map(|o| match o {
            Operation::DdrPatch(patch) => Some(patch),
            _ => None,
        })
    }

    /// Bytes of the file.
    pub fn size(&self) -> usize {
        self.records.last().map_or(HEADER, |r| r.offset + r.size)
    }
}

/// A field that has none of its values.
fn value(what: &'static str, found: impl Into<u64>) -> Reason {
    let found = found.into();
    Reason::Value { what, found }
}
