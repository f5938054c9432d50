//! `xdna errors`: the last hardware error of the array.

use serde::Serialize;
use xdna_driver::Device;
use xdna_driver::query::{AsyncError, ErrorKind, ErrorModule};
use xdna_terminal::{Exit, Out, Table};

use crate::Common;
use crate::reported::Reported;
use crate::show::{self, View};
use crate::target::Target;

#[derive(Debug, Serialize)]
struct Errors {
    /// The last one; `null` without any.
    last: Reported<Option<Last>>,
}

/// A hardware error.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Last {
    kind: String,
    module: String,
    column: u8,
    row: u8,
    timestamp_us: u64,
    code: u64,
}

/// Prints the last hardware error.
pub(crate) fn run(common: Common, out: &mut Out) -> anyhow::Result<Exit> {
    let target = Target::open(common)?;
    let last = last(&target.device);
    let exit = if last.get().is_some() {
        Exit::Done
    } else {
        Exit::Failed
    };
    show::print(&Errors { last }, common.json, out)?;
    Ok(exit)
}

/// The last hardware error.
pub(crate) fn last(device: &Device) -> Reported<Option<Last>> {
    Reported::of(device.last_async_error(), "Linux 6.19").map(|last| last.map(Last::from))
}

impl From<AsyncError> for Last {
    fn from(e: AsyncError) -> Self {
        Self {
            kind: kind(e.kind),
            module: module(e.module),
            column: e.column,
            row: e.row,
            timestamp_us: e.timestamp_us,
            code: e.code,
        }
    }
}

fn kind(kind: ErrorKind) -> String {
    match kind {
        ErrorKind::FloatingPoint => "floating point".into(),
        ErrorKind::Ecc => "ECC".into(),
        ErrorKind::Dma => "DMA".into(),
        ErrorKind::MemoryParity => "memory parity".into(),
        ErrorKind::Other(n) => format!("number {n}"),
        named => format!("{named:?}").to_lowercase(),
    }
}

fn module(module: ErrorModule) -> String {
    match module {
        ErrorModule::Shim => "shim".into(),
        ErrorModule::Noc => "network on chip".into(),
        ErrorModule::Pl => "shim row (reported as PL)".into(),
        ErrorModule::Other(n) => format!("number {n}"),
        named => format!("{named:?}").to_lowercase(),
    }
}

/// Seconds since 1970 as a date and time of day, UTC.
pub(crate) fn utc(timestamp_us: u64) -> String {
    let (seconds, micros) = (timestamp_us / 1_000_000, timestamp_us % 1_000_000);
    let (days, time) = (seconds / 86400, seconds % 86400);
    // Years that begin in March put the leap day last (Howard Hinnant's civil_from_days).
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (date, month) = (
        day - (153 * month + 2) / 5 + 1,
        if month < 10 { month + 3 } else { month - 9 },
    );
    let year = era * 400 + year + u64::from(month <= 2);
    let (h, m, s) = (time / 3600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{date:02} {h:02}:{m:02}:{s:02}.{micros:06} UTC")
}

impl View for Errors {
    const SCHEMA: &'static str = "xdna.errors/1";

    fn text(&self) -> String {
        match &self.last {
            Reported::Missing(why) => format!("last hardware error: - ({why})\n"),
            Reported::Is(None) => "no hardware error since the driver was loaded\n".into(),
            Reported::Is(Some(e)) => {
                let mut table = Table::untitled();
                table.pair("last hardware error", &e.kind);
                table.pair("module", &e.module);
                table.pair("tile", format!("column {}, row {}", e.column, e.row));
                table.pair("when", utc(e.timestamp_us));
                table.pair("code", format!("{:#x}", e.code));
                format!("{table}It stays until another one overwrites it, or the driver is reloaded.\n")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates() {
        assert_eq!(utc(0), "1970-01-01 00:00:00.000000 UTC");
        assert_eq!(utc(951_782_400_000_000), "2000-02-29 00:00:00.000000 UTC");
        assert_eq!(utc(1_767_225_599_000_001), "2025-12-31 23:59:59.000001 UTC");
        assert_eq!(utc(4_107_542_400_000_000), "2100-03-01 00:00:00.000000 UTC");
    }
}
