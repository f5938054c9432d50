//! What a run has done, for people and programs.

use std::path::PathBuf;

use serde::Serialize;
use xdna_terminal::Table;

use super::counted::Counted;
use super::described::Used;
use super::times::Times;
use crate::show::View;

#[derive(Debug, Serialize)]
pub(super) struct Done {
    pub(super) kernel: String,
    pub(super) columns: u16,
    pub(super) chip: &'static str,
    pub(super) simulated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) manifest: Option<Used>,
    pub(super) runs: u32,
    pub(super) outputs: Vec<Output>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) time: Option<Times>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stats: Option<Counted>,
}

#[derive(Debug, Serialize)]
pub(super) struct Output {
    pub(super) argument: String,
    pub(super) file: PathBuf,
    pub(super) bytes: usize,
    /// False for a buffer of --arg out in which every byte is what it was before the first run.
    pub(super) written: bool,
}

impl View for Done {
    const SCHEMA: &'static str = "xdna.run/1";

    fn text(&self) -> String {
        let mut table = Table::untitled();
        let runs = if self.runs == 1 {
            "once".to_owned()
        } else {
            format!("{} times", self.runs)
        };
        let simulated = if self.simulated { ", simulated" } else { "" };
        let columns = match self.columns {
            1 => "1 column".to_owned(),
            n => format!("{n} columns"),
        };
        table.pair(
            "kernel",
            format!("{}, {columns} of {}{simulated}", self.kernel, self.chip),
        );
        if let Some(manifest) = &self.manifest {
            table.pair("manifest", manifest.text());
        }
        table.pair("run", format!("{runs}, completed"));
        for output in &self.outputs {
            let note = if output.written {
                ""
            } else {
                ", not written to by the kernel"
            };
            let Output {
                argument,
                file,
                bytes,
                ..
            } = output;
            table.pair(argument, format!("{bytes} bytes in {}{note}", file.display()));
        }
        if let Some(t) = &self.time {
            let us = |ns: u64| format!("{:.1} us", ns as f64 / 1e3);
            let label = if self.simulated {
                "time, the simulator's"
            } else {
                "time"
            };
            let (first, min, p50) = (us(t.first_ns), us(t.min_ns), us(t.p50_ns));
            table.pair(
                label,
                format!(
                    "first {first}, min {min}, p50 {p50}, p99 {}, max {}",
                    us(t.p99_ns),
                    us(t.max_ns)
                ),
            );
        }
        if let Some(stats) = &self.stats {
            stats.rows(&mut table);
        }
        table.to_string()
    }
}
