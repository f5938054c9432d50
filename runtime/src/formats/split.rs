//! Split images: commands in groups of their own, data behind them.

use super::{
    cdo::{self, Cdo, Command},
    error::{Format, Reason, Result},
    view::{View, words},
};

/// The image ends this many bytes too early: the tool that splits forgets the stream's header in its size.
const FORGOTTEN: usize = 20;
/// Bit of a data write's length: all words are zero and none is stored.
const ZEROS: u32 = 1 << 16;
/// Most words that all data writes of an image have together, several times what an array holds: entries may name the
/// same data again and again.
const MAX_WORDS: usize = 8 << 20;

/// The mark in the partition header of an image that was split.
pub(super) fn mark(kind: u32, zone: u32) -> u32 {
    0x8866 | ((kind & 0xff) << 8 | kind >> 8) | zone.rotate_left(16)
}

/// A split stream, put together again.
pub(super) struct Parts {
    pub cdo: Cdo,
    /// Bytes that are missing at the end.
    pub borrowed: usize,
}

/// Reads the stream's header, a zone of commands of `zone` bytes, and the zone of their data.
pub(super) fn read(body: &[u8], zone: usize) -> Result<Parts> {
    let v = View::new(Format::Cdo, body);
    let (_, checksum_holds) = cdo::header(&v)?;
    let start = 4 * cdo::HEADER_WORDS;
    let zone_view = View::new(Format::Cdo, v.take("zone of commands", start, zone)?);
    let data = Data(View::new(Format::Cdo, &body[start + zone..]));
    let mut parts = Parts {
        cdo: Cdo {
            commands: Vec::new(),
            checksum_holds,
        },
        borrowed: 0,
    };
    let (mut at, mut written) = (0, 0);
    while at < zone {
        let (op, count) = (
            zone_view.u32("group", at)?,
            zone_view.u32("length of a group", at + 4)?,
        );
        let size = match op {
            2 => 3,
            3 => 2,
            5 | 7 => 4,
            8 => 3,
            _ => {
                let (what, found) = ("operation of a group", op.into());
                return Err(zone_view.error(at, Reason::Value { what, found }));
            }
        };
        let entries = zone_view.table("entries of a group", at + 8, count, 4 * size, u32::MAX)?;
        at += 8 + entries.len() * 4 * size;
        for (place, entry) in entries {
            let w: Vec<u32> = words(entry).collect();
            let wide = || u64::from(w[0]) << 32 | u64::from(w[1]);
            parts.cdo.commands.push(match op {
                2 => Command::MaskWrite {
                    address: w[0],
                    mask: w[1],
                    value: w[2],
                },
                3 => Command::Write {
                    address: w[0],
                    value: w[1],
                },
                5 => {
                    let (words, borrowed) = data.read(place, w[2] as usize, w[3])?;
                    parts.borrowed = parts.borrowed.max(borrowed);
                    written += words.len();
                    if written > MAX_WORDS {
                        let (what, found, limit) = ("words of data", written as u64, MAX_WORDS as u64);
                        return Err(zone_view.error(place, Reason::TooMany { what, found, limit }));
                    }
                    let address = wide();
                    Command::DmaWrite { address, data: words }
                }
                7 => Command::MaskWrite64 {
                    address: wide(),
                    mask: w[2],
                    value: w[3],
                },
                _ => Command::Write64 {
                    address: wide(),
                    value: w[2],
                },
            });
        }
    }
    Ok(parts)
}

/// The zone of data.
struct Data<'a>(View<'a>);

impl Data<'_> {
    /// Words of a data write, and how many of their bytes are missing.
    fn read(&self, entry: usize, offset: usize, length: u32) -> Result<(Vec<u32>, usize)> {
        let count = (length & 0xffff) as usize;
        if length & ZEROS != 0 {
            return Ok((vec![0; count], 0));
        }
        let size = 4 * count;
        let there = self.0.len().saturating_sub(offset).min(size);
        if offset > self.0.len() + FORGOTTEN || size - there > FORGOTTEN {
            return Err(self.0.short("data write", entry, size as u64));
        }
        let mut bytes = self
            .0
            .bytes
            .get(offset..offset + there)
            .unwrap_or_default()
            .to_vec();
        bytes.resize(size, 0);
        Ok((words(&bytes).collect(), size - there))
    }
}
