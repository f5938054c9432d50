//! CDO: the command stream that sets an array up, version 2.

use super::{
    error::{Format, Reason, Result},
    view::{View, checksum, push_words, words},
};

/// Words of the header.
pub(crate) const HEADER_WORDS: usize = 5;
/// Words that follow the first one in the header.
const REST: u32 = 4;
/// Identification of files of the NPU's tools, and of the image tool's own ones.
const CDO: u32 = 0x004f_4443;
const XLNX: u32 = 0x584c_4e58;
const VERSION: u32 = 0x200;
/// The length field of a command that has its length in the next word.
const LONG: u32 = 0xff;

/// A command. Addresses are those of tiles; see [`TileAddress`](super::TileAddress).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Sets the bits of `mask` to those of `value`.
    MaskWrite {
        /// Register.
        address: u32,
        /// Bits to change.
        mask: u32,
        /// Their values.
        value: u32,
    },
    /// Writes a register.
    Write {
        /// Register.
        address: u32,
        /// Its value.
        value: u32,
    },
    /// Writes words to consecutive addresses.
    DmaWrite {
        /// First address.
        address: u64,
        /// The words.
        data: Vec<u32>,
    },
    /// As [`MaskWrite`](Self::MaskWrite).
    MaskWrite64 {
        /// Register.
        address: u64,
        /// Bits to change.
        mask: u32,
        /// Their values.
        value: u32,
    },
    /// As [`Write`](Self::Write).
    Write64 {
        /// Register.
        address: u64,
        /// Its value.
        value: u32,
    },
    /// Nothing; its words are ignored.
    Nop {
        /// Those words.
        words: Vec<u32>,
    },
    /// A command that the loader of an NPU does not execute.
    Other {
        /// Number: module in bits 15:8, command in bits 7:0.
        op: u16,
        /// Its payload.
        words: Vec<u32>,
    },
}

pub(crate) const MASK_WRITE: u16 = 0x102;
pub(crate) const WRITE: u16 = 0x103;
pub(crate) const DMA_WRITE: u16 = 0x105;
pub(crate) const MASK_WRITE64: u16 = 0x107;
pub(crate) const WRITE64: u16 = 0x108;
const NOP: u16 = 0x111;

impl Command {
    /// Where it writes, if it writes anything.
    pub fn address(&self) -> Option<u64> {
        match self {
            Self::MaskWrite { address, .. } | Self::Write { address, .. } => Some(u64::from(*address)),
            Self::DmaWrite { address, .. }
            | Self::MaskWrite64 { address, .. }
            | Self::Write64 { address, .. } => Some(*address),
            Self::Nop { .. } | Self::Other { .. } => None,
        }
    }

    /// Its number and payload.
    fn parts(&self) -> (u16, Vec<u32>) {
        let split = |address: u64| [(address >> 32) as u32, address as u32];
        match self {
            Self::MaskWrite { address, mask, value } => (MASK_WRITE, vec![*address, *mask, *value]),
            Self::Write { address, value } => (WRITE, vec![*address, *value]),
            Self::DmaWrite { address, data } => (DMA_WRITE, [&split(*address), &data[..]].concat()),
            Self::MaskWrite64 { address, mask, value } => {
                (MASK_WRITE64, [split(*address), [*mask, *value]].concat())
            }
            Self::Write64 { address, value } => (WRITE64, [&split(*address)[..], &[*value]].concat()),
            Self::Nop { words } => (NOP, words.clone()),
            Self::Other { op, words } => (*op, words.clone()),
        }
    }

    fn from_parts(op: u16, p: &[u32]) -> Option<Self> {
        let wide = || u64::from(p[0]) << 32 | u64::from(p[1]);
        Some(match (op, p.len()) {
            (MASK_WRITE, 3) => Self::MaskWrite {
                address: p[0],
                mask: p[1],
                value: p[2],
            },
            (WRITE, 2) => Self::Write {
                address: p[0],
                value: p[1],
            },
            (DMA_WRITE, 2..) => Self::DmaWrite {
                address: wide(),
                data: p[2..].to_vec(),
            },
            (MASK_WRITE64, 4) => Self::MaskWrite64 {
                address: wide(),
                mask: p[2],
                value: p[3],
            },
            (WRITE64, 3) => Self::Write64 {
                address: wide(),
                value: p[2],
            },
            (MASK_WRITE | WRITE | DMA_WRITE | MASK_WRITE64 | WRITE64, _) => return None,
            (NOP, _) => Self::Nop { words: p.to_vec() },
            _ => Self::Other {
                op,
                words: p.to_vec(),
            },
        })
    }
}

/// A whole stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cdo {
    /// The commands.
    pub commands: Vec<Command>,
    /// Whether the checksum of the header was right, or is to be.
    pub checksum_holds: bool,
}

/// A stream and where it ended.
pub(crate) struct Stream {
    pub cdo: Cdo,
    /// Bytes from the start of the header to the end of the last command.
    pub size: usize,
}

impl Cdo {
    /// A stream of these commands.
    pub fn new(commands: Vec<Command>) -> Self {
        Self {
            commands,
            checksum_holds: true,
        }
    }

    /// Reads a file that is one stream.
    ///
    /// A wrong checksum is no error, as the firmware does not look at it either; see
    /// [`checksum_holds`](Self::checksum_holds).
    ///
    /// # Errors
    /// The header is none, a command is cut off, or bytes are left.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let stream = Self::read_prefix(bytes)?;
        if stream.size != bytes.len() {
            let (found, expected) = (bytes.len() as u64, stream.size as u64);
            let what = "size";
            let v = View::new(Format::Cdo, bytes);
            return Err(v.error(
                stream.size,
                Reason::Mismatch {
                    what,
                    found,
                    expected,
                },
            ));
        }
        Ok(stream.cdo)
    }

    pub(crate) fn read_prefix(bytes: &[u8]) -> Result<Stream> {
        let v = View::new(Format::Cdo, bytes);
        let (length, checksum_holds) = header(&v)?;
        let body = v.take("commands", 4 * HEADER_WORDS, length as usize * 4)?;
        let body: Vec<u32> = words(body).collect();
        let mut commands = Vec::new();
        let mut at = 0;
        while let Some(&word) = body.get(at) {
            let offset = 4 * (HEADER_WORDS + at);
            let (mut count, mut start) = (word >> 16 & 0xff, at + 1);
            let short = |size: u32| v.short("command", offset, u64::from(size) * 4);
            if count == LONG {
                (count, start) = (*body.get(start).ok_or_else(|| short(2))?, start + 1);
            }
            let end = start.checked_add(count as usize);
            let payload = end
                .and_then(|end| body.get(start..end))
                .ok_or_else(|| short(count))?;
            let wrong = || {
                let (what, found) = ("command of this length", word.into());
                v.error(offset, Reason::Value { what, found })
            };
            commands.push(Command::from_parts(word as u16, payload).ok_or_else(wrong)?);
            at = start + payload.len();
        }
        let size = 4 * (HEADER_WORDS + body.len());
        let cdo = Self {
            commands,
            checksum_holds,
        };
        Ok(Stream { cdo, size })
    }

    /// The stream with its header.
    pub fn write(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for command in &self.commands {
            let (op, payload) = command.parts();
            let length = payload.len() as u32;
            if length < LONG {
                push_words(&mut body, &[u32::from(op) | length << 16]);
            } else {
                push_words(&mut body, &[u32::from(op) | LONG << 16, length]);
            }
            push_words(&mut body, &payload);
        }
        let head = [REST, CDO, VERSION, body.len() as u32 / 4];
        let mut sum = checksum(head.into_iter());
        if !self.checksum_holds {
            sum = !sum;
        }
        let mut out = Vec::with_capacity(4 * HEADER_WORDS + body.len());
        push_words(&mut out, &head);
        push_words(&mut out, &[sum]);
        out.extend_from_slice(&body);
        out
    }
}

/// Checks a header; gives the words of the body and whether the checksum is right.
pub(crate) fn header(v: &View<'_>) -> Result<(u32, bool)> {
    let head = v.take("header", 0, 4 * HEADER_WORDS)?;
    let w: Vec<u32> = words(head).collect();
    let fields = [
        (0, "header length", w[0] == REST),
        (1, "identification", [CDO, XLNX].contains(&w[1])),
        (2, "version", w[2] == VERSION),
    ];
    for (i, what, right) in fields {
        if !right {
            let found = w[i].into();
            return Err(v.error(4 * i, Reason::Value { what, found }));
        }
    }
    Ok((w[3], w[4] == checksum(w[..4].iter().copied())))
}
