//! Names and fields of registers, of both generations of arrays.
//!
//! The table is made by `generate.py` from public databases; see its first lines. Addresses that are no registers but
//! memory or windows for lock requests are told as such by [`locate`].

use std::{fmt, sync::LazyLock};

use super::{Generation, TileAddress, TileKind};

const TABLE: &str = include_str!("table.txt");

/// A field of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name.
    pub name: &'static str,
    /// Lowest bit.
    pub low: u16,
    /// Highest bit.
    pub high: u16,
}

impl Field {
    /// The field's value in a word of its register.
    pub fn of(&self, word: u32) -> u32 {
        let (low, high) = (u32::from(self.low), u32::from(self.high).min(31));
        if low > high {
            0
        } else {
            word >> low & (u32::MAX >> (31 - (high - low)))
        }
    }
}

/// A register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    /// Name. Registers that both generations have are spelled as in npu1's reference.
    pub name: &'static str,
    /// Byte offset in its tile.
    pub offset: u32,
    /// Bits: 32, 64, 128 or 256.
    pub bits: u32,
    /// `rw`, `ro`, `wo`, `wtc` (write to clear), `mixed`, or `-` where it is not published.
    pub access: &'static str,
    /// Value after a reset.
    pub reset: u32,
    /// Its fields.
    pub fields: &'static [Field],
}

/// What an address inside an array is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A word of a register: which.
    Register(&'static Register),
    /// Data memory, with the byte offset in it.
    Memory(u32),
    /// Program memory of a core, with the byte offset in it.
    Program(u32),
    /// A lock request, which is made by reading.
    Lock(LockRequest),
}

/// A request for a lock, as the address that is read says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockRequest {
    /// Lock.
    pub id: u8,
    /// Whether it acquires; else it releases.
    pub acquire: bool,
    /// By how much, -64 to 63.
    pub value: i8,
}

impl LockRequest {
    /// The request in the window that begins at `base`.
    fn at(offset: u32, base: u32) -> Self {
        let at = offset - base;
        Self {
            id: (at / 0x400) as u8,
            acquire: at & 0x200 != 0,
            // Seven bits with a sign.
            value: (((at / 4) as u8) << 1).cast_signed() >> 1,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Register(register) => f.write_str(register.name),
            Self::Memory(at) => write!(f, "memory+{at:#x}"),
            Self::Program(at) => write!(f, "program+{at:#x}"),
            Self::Lock(l) => {
                let what = if l.acquire { "acquire" } else { "release" };
                write!(f, "lock {} {what} {}", l.id, l.value)
            }
        }
    }
}

/// Sizes of memories, and where windows for lock requests begin.
const MEMORY_TILE: u32 = 0x8_0000;
const CORE_MEMORY: u32 = 0x1_0000;
const PROGRAM: std::ops::Range<u32> = 0x2_0000..0x2_4000;
const LOCKS: std::ops::Range<u32> = 0x4_0000..0x4_4000;
const MEMORY_TILE_LOCKS: std::ops::Range<u32> = 0xd_0000..0xe_0000;

/// What lies at an address; `None` where nothing is known to be.
pub fn locate(generation: Generation, address: TileAddress) -> Option<Place> {
    let (kind, offset) = (address.kind()?, address.offset);
    Some(match kind {
        TileKind::Memory if offset < MEMORY_TILE => Place::Memory(offset),
        TileKind::Memory if MEMORY_TILE_LOCKS.contains(&offset) => {
            Place::Lock(LockRequest::at(offset, MEMORY_TILE_LOCKS.start))
        }
        TileKind::Core if offset < CORE_MEMORY => Place::Memory(offset),
        TileKind::Core if PROGRAM.contains(&offset) => Place::Program(offset - PROGRAM.start),
        TileKind::Core | TileKind::Shim if LOCKS.contains(&offset) => {
            Place::Lock(LockRequest::at(offset, LOCKS.start))
        }
        _ => Place::Register(find(generation, kind, offset)?),
    })
}

/// The register that holds the byte at `offset` of a tile.
pub fn find(generation: Generation, kind: TileKind, offset: u32) -> Option<&'static Register> {
    let rows = &ROWS.arrays[generation as usize][kind as usize];
    let next = rows.partition_point(|r| r.offset <= offset);
    let register = rows.get(next.checked_sub(1)?)?;
    (offset - register.offset < register.bits / 8).then_some(register)
}

/// The register of a name, in any spelling.
pub fn by_name(generation: Generation, kind: TileKind, name: &str) -> Option<&'static Register> {
    all(generation, kind)
        .iter()
        .find(|r| r.name.eq_ignore_ascii_case(name))
}

/// All registers of a tile by their offsets.
pub fn all(generation: Generation, kind: TileKind) -> &'static [Register] {
    &ROWS.arrays[generation as usize][kind as usize]
}

/// Registers by generation and kind of tile, sorted by offset.
struct Rows {
    arrays: [[Vec<Register>; 3]; 2],
}

static ROWS: LazyLock<Rows> = LazyLock::new(|| {
    let mut sets: Vec<&'static [Field]> = Vec::new();
    let mut arrays: [[Vec<Register>; 3]; 2] = Default::default();
    for line in TABLE.lines() {
        let mut words = line.split(' ');
        match words.next() {
            Some("F") => sets.push(field_set(words)),
            Some("R") => {
                let Some((generations, kind, register)) = row(words, &sets) else {
                    continue;
                };
                for (bit, array) in arrays.iter_mut().enumerate() {
                    if generations >> bit & 1 != 0 {
                        array[kind as usize].push(register);
                    }
                }
            }
            _ => {}
        }
    }
    for rows in arrays.iter_mut().flatten() {
        rows.sort_by_key(|r| r.offset);
    }
    Rows { arrays }
});

/// The table lives as long as the program, and so do its sets of fields.
fn field_set(words: std::str::Split<'static, char>) -> &'static [Field] {
    let words: Vec<&'static str> = words.collect();
    let field = |w: &[&'static str]| {
        let (low, high) = (w[1].parse().ok()?, w[2].parse().ok()?);
        Some(Field {
            name: w[0],
            low,
            high,
        })
    };
    let fields: Vec<Field> = words.chunks_exact(3).filter_map(field).collect();
    fields.leak()
}

fn row(
    mut words: std::str::Split<'static, char>,
    sets: &[&'static [Field]],
) -> Option<(u8, TileKind, Register)> {
    let generations = words.next()?.parse().ok()?;
    let kind = match words.next()? {
        "s" => TileKind::Shim,
        "m" => TileKind::Memory,
        "c" => TileKind::Core,
        _ => return None,
    };
    let offset = u32::from_str_radix(words.next()?, 16).ok()?;
    let bits = words.next()?.parse().ok()?;
    let access = words.next()?;
    let reset = u32::from_str_radix(words.next()?, 16).ok()?;
    let fields = *sets.get(words.next()?.parse::<usize>().ok()?)?;
    let register = Register {
        name: words.next()?,
        offset,
        bits,
        access,
        reset,
        fields,
    };
    Some((generations, kind, register))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(row: u8, offset: u32) -> TileAddress {
        TileAddress {
            column: 1,
            row,
            offset,
        }
    }

    #[test]
    fn every_line_of_the_table_is_a_register() {
        let count = |g| [TileKind::Shim, TileKind::Memory, TileKind::Core].map(|k| all(g, k).len());
        assert_eq!(count(Generation::Npu1), [447, 728, 540 + 212]);
        assert_eq!(count(Generation::Npu4), [446, 734, 484 + 212]);
        let fields: usize = [TileKind::Shim, TileKind::Memory, TileKind::Core]
            .iter()
            .flat_map(|&k| all(Generation::Npu4, k))
            .map(|r| r.fields.len())
            .sum();
        assert_eq!(fields, 6503);
    }

    #[test]
    fn registers_are_found_by_address_and_by_name() {
        let register = find(Generation::Npu1, TileKind::Shim, 0x1_d204).unwrap();
        assert_eq!(register.name, "DMA_S2MM_0_Task_Queue");
        assert_eq!(
            by_name(Generation::Npu4, TileKind::Shim, register.name),
            Some(register)
        );
        let valid = find(Generation::Npu4, TileKind::Shim, 0x1_d01c).unwrap();
        let valid = valid
            .fields
            .iter()
            .find(|f| f.name.eq_ignore_ascii_case("valid_bd"))
            .unwrap();
        assert_eq!(
            (valid.low, valid.of(0x0200_0000), valid.of(!0x0200_0000)),
            (25, 1, 0)
        );
        assert_eq!(
            find(Generation::Npu1, TileKind::Core, 0x3_6030).unwrap().name,
            "Tile_Control"
        );
        assert_eq!(
            find(Generation::Npu4, TileKind::Core, 0x6_0020).unwrap().name,
            "TILE_CONTROL"
        );
        assert_eq!(locate(Generation::Npu1, at(7, 0)), None);
    }

    #[test]
    fn reads_in_lock_windows_are_requests() {
        let request = |row, offset| match locate(Generation::Npu1, at(row, offset)) {
            Some(Place::Lock(l)) => (l.id, l.acquire, l.value),
            other => panic!("{other:?}"),
        };
        assert_eq!(request(2, 0x4_3bfc), (14, true, -1));
        assert_eq!(request(2, 0x4_3c04), (15, false, 1));
        assert_eq!(request(1, 0xd_0604), (1, true, 1));
    }
}
