//! Words that are written into an array: where they go, by name, and what their fields are.

use serde_json::{Map, Value, json};
use xdna_runtime::formats::registers::{Place, locate};
use xdna_runtime::formats::{Generation, TileAddress};

use super::document::{checksum, hex};

/// A write, or a run of writes into memory.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Written {
    /// Column and row.
    pub(super) tile: String,
    /// Register, memory, program or lock; `unknown` where nothing is known to be.
    pub(super) place: String,
    pub(super) words: Vec<u32>,
    /// Fields of the register that are not 0; of a run its checksum.
    pub(super) detail: Value,
}

/// The name of what lies at an address.
pub(super) fn name(generation: Generation, address: u64) -> (String, String) {
    let at = TileAddress::from(address as u32);
    let place = locate(generation, at).map_or_else(
        || format!("unknown {:#07x}", at.offset),
        |place| place.to_string(),
    );
    (format!("{},{}", at.column, at.row), place)
}

/// The names of what lies at an offset, for each kind of tile that has something there: for what is routed to a tile that
/// it does not name.
pub(super) fn names_by_kind(generation: Generation, offset: u32) -> String {
    let kinds = [("core", 2), ("mem", 1), ("shim", 0)];
    let found = kinds.into_iter().filter_map(|(kind, row)| {
        let place = locate(
            generation,
            TileAddress {
                column: 0,
                row,
                offset,
            },
        )?;
        Some(format!("{kind} {place}"))
    });
    let found: Vec<_> = found.collect();
    if found.is_empty() {
        format!("unknown {offset:#07x}")
    } else {
        found.join(", ")
    }
}

/// The fields of a word that goes to `address`, those that are not 0.
pub(super) fn fields(generation: Generation, address: u64, word: u32) -> Value {
    let Some(Place::Register(register)) = locate(generation, TileAddress::from(address as u32)) else {
        return Value::Null;
    };
    // A register wider than a word is written word by word: fields of other words are not in this one.
    if register.bits > 32 {
        return Value::Null;
    }
    // What starts a descriptor says which, also the first.
    let is_queue = register.name.contains("Task_Queue");
    let set = register
        .fields
        .iter()
        .filter(|field| is_queue || field.of(word) != 0);
    let map: Map<_, _> = set
        .map(|field| (field.name.to_owned(), hex(field.of(word).into())))
        .collect();
    if map.is_empty() { Value::Null } else { map.into() }
}

/// Consecutive words from `address` on: registers one by one, memory as runs.
pub(super) fn writes(generation: Generation, address: u64, words: &[u32]) -> Vec<Written> {
    let mut out: Vec<Written> = Vec::new();
    let mut run: Option<TileAddress> = None;
    for (i, word) in words.iter().enumerate() {
        let here = address + 4 * i as u64;
        let at = TileAddress::from(here as u32);
        let is_memory = matches!(locate(generation, at), Some(Place::Memory(_) | Place::Program(_)));
        let (tile, place) = name(generation, here);
        let goes_on = is_memory && run.is_some_and(|run| (run.column, run.row) == (at.column, at.row));
        if let Some(last) = out.last_mut().filter(|_| goes_on) {
            last.words.push(*word);
            continue;
        }
        run = is_memory.then_some(at);
        out.push(Written {
            tile,
            place,
            words: vec![*word],
            detail: fields(generation, here, *word),
        });
    }
    for run in out.iter_mut().filter(|written| written.words.len() > 1) {
        let bytes: Vec<u8> = run.words.iter().flat_map(|word| word.to_le_bytes()).collect();
        run.detail = json!({"crc32": checksum(&bytes)});
    }
    out
}

/// How many of the words written to these places go where nothing is known to be.
pub(super) fn unknown<'a>(generation: Generation, all: impl Iterator<Item = (u64, usize)> + 'a) -> usize {
    let each = all.flat_map(|(address, words)| (0..words as u64).map(move |i| address + 4 * i));
    each.filter(|at| locate(generation, TileAddress::from(*at as u32)).is_none())
        .count()
}

/// The generation whose array has all these places, and what to say of it.
pub(super) fn guess(places: &[(u64, usize)]) -> (Generation, String) {
    let lost = [Generation::Npu1, Generation::Npu4].map(|g| unknown(g, places.iter().copied()));
    let widest = places
        .iter()
        .map(|(at, _)| TileAddress::from(*at as u32).column)
        .max()
        .unwrap_or(0);
    let (generation, why) = match lost {
        [a, b] if a < b => (Generation::Npu1, "registers that npu4 does not have are written"),
        [a, b] if a > b => (Generation::Npu4, "registers that npu1 does not have are written"),
        _ if widest >= Generation::Npu1.columns() => (Generation::Npu4, "npu1 has fewer columns"),
        _ => (
            Generation::Npu4,
            "nothing tells; what is named is the same for both, but where reference manuals differ",
        ),
    };
    let name = super::document::generation_name(generation);
    (
        generation,
        format!("the file does not state its generation; taken for {name}: {why} (--device says otherwise)"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_are_named_and_memory_runs() {
        let core = |offset: u32| {
            u64::from(u32::from(TileAddress {
                column: 1,
                row: 2,
                offset,
            }))
        };
        let all = writes(Generation::Npu1, core(0xfff8), &[1, 2]);
        assert_eq!(all.len(), 1);
        assert_eq!(
            (all[0].tile.as_str(), all[0].place.as_str(), &all[0].words[..]),
            ("1,2", "memory+0xfff8", &[1, 2][..])
        );
        assert_eq!(all[0].detail["crc32"], "0381177c");
        let control = &writes(Generation::Npu1, core(0x32000), &[3])[0];
        assert_eq!(
            (control.place.as_str(), &control.words[..]),
            ("Core_Control", &[3][..])
        );
        assert_eq!(control.detail["Enable"], "0x1");
        assert!(
            writes(Generation::Npu1, core(0xffffc), &[0])[0]
                .place
                .starts_with("unknown")
        );
    }
}
