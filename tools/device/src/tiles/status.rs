//! A status of tiles, decoded as far as its layout is known; the rest stays bytes.

use serde::Serialize;
use xdna_driver::query::{ColumnStatus, CoreTile, DmaStatus, MemTile, Metadata, TileStatus};
use xdna_terminal::Table;

use super::names;
use super::text::{dma_text, events_text, locks_text, places_text};
use crate::show::View;

/// Status of the columns that contexts own.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    columns: Vec<Column>,
}

#[derive(Debug, Serialize)]
struct Column {
    column: u32,
    /// False where the block is not of the known layout: then there are bytes alone.
    decoded: bool,
    tiles: Vec<Tile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<String>,
}

#[derive(Debug, Serialize)]
struct Tile {
    kind: &'static str,
    row: u16,
    dma: Vec<Channel>,
    /// Values of the locks, by number.
    locks: Vec<u8>,
    events: Vec<Events>,
    #[serde(skip_serializing_if = "Option::is_none")]
    core: Option<Core>,
}

#[derive(Debug, Serialize)]
pub(super) struct Channel {
    pub(super) channel: usize,
    pub(super) direction: &'static str,
    pub(super) state: &'static str,
    /// What it waits for.
    pub(super) stalls: Vec<&'static str>,
    /// What went wrong.
    pub(super) errors: Vec<&'static str>,
    pub(super) queued: u32,
    pub(super) descriptor: u32,
    pub(super) register: u32,
}

#[derive(Debug, Serialize)]
pub(super) struct Events {
    pub(super) module: &'static str,
    /// Numbers of the events seen.
    pub(super) seen: Vec<u32>,
    /// Those of them that are errors, by name.
    pub(super) errors: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Core {
    state: String,
    register: u32,
    program_counter: u32,
    stack_pointer: u32,
    link_register: u32,
}

impl Status {
    /// Takes a status apart; with `raw`, keeps its bytes too.
    pub(crate) fn of(status: &TileStatus, metadata: &Metadata, raw: bool) -> Self {
        Self {
            columns: status
                .columns
                .iter()
                .map(|c| Column::of(c, metadata, raw))
                .collect(),
        }
    }
}

impl Column {
    fn of(c: &ColumnStatus, metadata: &Metadata, raw: bool) -> Self {
        let decoded = !c.cores.is_empty();
        let rows = |first: u16| (first..).step_by(1);
        let mut tiles: Vec<Tile> = Vec::new();
        tiles.extend(
            c.shims
                .iter()
                .zip(rows(metadata.shim.first_row))
                .map(|(t, row)| Tile::other("shim", t, row)),
        );
        tiles.extend(
            c.mems
                .iter()
                .zip(rows(metadata.mem.first_row))
                .map(|(t, row)| Tile::other("mem", t, row)),
        );
        tiles.extend(
            c.cores
                .iter()
                .zip(rows(metadata.core.first_row))
                .map(|(t, row)| Tile::core(t, row)),
        );
        Self {
            column: c.column,
            decoded,
            tiles,
            raw: (raw || !decoded).then(|| c.raw.iter().map(|b| format!("{b:02x}")).collect()),
        }
    }
}

impl Tile {
    fn core(t: &CoreTile, row: u16) -> Self {
        Self {
            kind: "core",
            row,
            dma: channels(&t.dma),
            locks: t.locks.clone(),
            events: vec![
                Events::of("core", &t.core_events, names::core),
                Events::of("memory", &t.memory_events, names::memory),
            ],
            core: Some(Core {
                state: names::core_state(t.status),
                register: t.status.0,
                program_counter: t.program_counter,
                stack_pointer: t.stack_pointer,
                link_register: t.link_register,
            }),
        }
    }

    fn other(kind: &'static str, t: &MemTile, row: u16) -> Self {
        let name = if kind == "mem" {
            names::mem_tile
        } else {
            names::shim
        };
        Self {
            kind,
            row,
            dma: channels(&t.dma),
            locks: t.locks.clone(),
            events: vec![Events::of(kind, &t.events, name)],
            core: None,
        }
    }
}

fn channels(dma: &[(DmaStatus, DmaStatus)]) -> Vec<Channel> {
    let one = |channel, direction, status: DmaStatus| Channel {
        channel,
        direction,
        state: ["idle", "starting", "running", "invalid"][status.state() as usize & 3],
        stalls: names::stalls(status.0),
        errors: names::dma_errors(status.0),
        queued: status.queued(),
        descriptor: status.descriptor(),
        register: status.0,
    };
    let pairs = dma.iter().enumerate();
    pairs
        .flat_map(|(i, (in_, out))| [one(i, "S2MM", *in_), one(i, "MM2S", *out)])
        .collect()
}

impl Events {
    fn of(module: &'static str, words: &[u32], name: fn(u32) -> Option<&'static str>) -> Self {
        let seen: Vec<u32> = (0..32 * words.len() as u32)
            .filter(|n| words[*n as usize / 32] & 1 << (n % 32) != 0)
            .collect();
        let errors = seen
            .iter()
            .filter_map(|n| Some(format!("{} ({n})", name(*n)?)))
            .collect();
        Self { module, seen, errors }
    }
}

impl View for Status {
    const SCHEMA: &'static str = "xdna.tiles/1";

    fn text(&self) -> String {
        if self.columns.is_empty() {
            return "no context owns a column: no tile has a status\n".into();
        }
        let mut bytes = String::new();
        for c in &self.columns {
            let Some(raw) = &c.raw else { continue };
            let why = if c.decoded { "" } else { " (of a layout not known)" };
            bytes += &format!("column {}{why}\n", c.column);
            for (i, line) in raw.as_bytes().chunks(64).enumerate() {
                bytes += &format!("  {:04x}  {}\n", 32 * i, String::from_utf8_lossy(line));
            }
        }
        let mut table = Table::new(Self::COLUMNS);
        for row in self.rows() {
            table.row(row);
        }
        let table = if table.is_empty() {
            String::new()
        } else {
            table.to_string()
        };
        format!("{table}{bytes}")
    }
}

impl Status {
    /// Titles of the rows.
    pub(crate) const COLUMNS: [&str; 7] = [
        "kind",
        "core",
        "pc",
        "DMA",
        "locks",
        "events",
        "tiles (column,row)",
    ];

    /// A row for each state, with the tiles that are in it.
    pub(crate) fn rows(&self) -> impl Iterator<Item = [String; 7]> {
        let mut rows: Vec<([String; 6], Vec<String>)> = Vec::new();
        for (column, tile) in self
            .columns
            .iter()
            .flat_map(|c| c.tiles.iter().map(|t| (c.column, t)))
        {
            let (cells, at) = (tile.cells(), format!("{column},{}", tile.row));
            match rows.iter_mut().find(|(known, _)| *known == cells) {
                Some((_, places)) => places.push(at),
                None => rows.push((cells, vec![at])),
            }
        }
        rows.into_iter().map(|(cells, places)| {
            let [kind, core, pc, dma, locks, events] = cells;
            [kind, core, pc, dma, locks, events, places_text(&places)]
        })
    }
}

impl Tile {
    /// Everything about it but its place.
    fn cells(&self) -> [String; 6] {
        let core = self.core.as_ref();
        [
            self.kind.to_owned(),
            core.map_or(String::new(), |core| core.state.clone()),
            core.map_or(String::new(), |core| format!("{:#x}", core.program_counter)),
            dma_text(&self.dma),
            locks_text(&self.locks),
            events_text(&self.events),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_events_have_names_and_others_numbers() {
        let events = Events::of("core", &[1 << 3, 1 << 23 | 1 << 27], names::core);
        assert_eq!(events.seen, [3, 55, 59]);
        assert_eq!(events.errors, ["access (55)", "instruction (59)"]);
    }
}
