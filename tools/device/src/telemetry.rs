//! `xdna telemetry`: counters of the firmware. What they count is known from their names alone.

use serde::Serialize;
use xdna_driver::query::Telemetry;
use xdna_driver::{Device, Generation};
use xdna_terminal::{Exit, Out, Table};

use crate::Common;
use crate::reported::{Missing, Notes, Reported};
use crate::show::{self, View};
use crate::target::Target;

/// What the firmware writes into a counter that it does not have.
const UNSUPPORTED: u64 = u64::MAX;

#[derive(Debug, Serialize)]
struct Page {
    telemetry: Reported<Counters>,
}

/// The counters as the firmware reports them.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Counters {
    interface_version: String,
    l1_interrupts: Reported<u64>,
    deep_sleep: Vec<Reported<u64>>,
    stream_tokens: Vec<Reported<u64>>,
    opcode_count: Vec<Reported<u64>>,
    contexts: Reported<Vec<ByContext>>,
}

/// Counters of one of the firmware's contexts.
#[derive(Clone, Debug, Serialize)]
struct ByContext {
    firmware_context: usize,
    /// Its handle in its process; 0 for none.
    context: u32,
    started: Reported<u64>,
    scheduled: Reported<u64>,
    syscalls: Reported<u64>,
    dma_access: Reported<u64>,
    resource_acquisitions: Reported<u64>,
    dtlb_misses: Reported<u64>,
    layer_preemptions: Reported<u64>,
    frame_preemptions: Reported<u64>,
}

/// Prints the counters.
pub(crate) fn run(common: Common, out: &mut Out) -> anyhow::Result<Exit> {
    let target = Target::open(common)?;
    let telemetry = read(&target.device);
    let exit = if telemetry.get().is_some() {
        Exit::Done
    } else {
        Exit::Failed
    };
    show::print(&Page { telemetry }, common.json, out)?;
    Ok(exit)
}

/// The counters of a device.
pub(crate) fn read(device: &Device) -> Reported<Counters> {
    let per_context = device.generation() != Generation::Xdna1;
    Reported::of(device.telemetry(), "Linux 6.19").map(|t| Counters::of(&t, per_context))
}

fn counter(value: u64) -> Reported<u64> {
    if value == UNSUPPORTED {
        Reported::Missing(Missing::Firmware)
    } else {
        Reported::Is(value)
    }
}

impl Counters {
    fn of(t: &Telemetry, per_context: bool) -> Self {
        let c = &t.counters;
        let all = |values: &[u64]| values.iter().map(|v| counter(*v)).collect();
        let by_context = |(i, handle): (usize, &u32)| {
            let at = |values: &[u64; 16]| {
                values
                    .get(i)
                    .map_or(Reported::Missing(Missing::Firmware), |v| counter(*v))
            };
            let misses = c.dtlb_misses.get(i).map(|kinds| {
                let known = kinds.iter().filter(|v| **v != UNSUPPORTED);
                (known.clone().count() > 0).then(|| known.fold(0_u64, |sum, v| sum.saturating_add(*v)))
            });
            ByContext {
                firmware_context: i,
                context: *handle,
                started: at(&c.context_started),
                scheduled: at(&c.scheduled),
                syscalls: at(&c.syscalls),
                dma_access: at(&c.dma_access),
                resource_acquisitions: at(&c.resource_acquisitions),
                dtlb_misses: misses
                    .flatten()
                    .map_or(Reported::Missing(Missing::Firmware), Reported::Is),
                layer_preemptions: at(&c.layer_preemptions),
                frame_preemptions: at(&c.frame_preemptions),
            }
        };
        Self {
            interface_version: format!("{}.{}", t.version.0, t.version.1),
            l1_interrupts: counter(c.l1_interrupts),
            deep_sleep: all(&c.deep_sleep),
            stream_tokens: all(&c.stream_tokens),
            opcode_count: all(&c.opcode_count),
            contexts: if per_context {
                let live = t.contexts.iter().enumerate().filter(|(_, handle)| **handle != 0);
                Reported::Is(live.map(by_context).collect())
            } else {
                // The vendor's own tool shows none on this generation.
                Reported::Missing(Missing::Needs("XDNA2"))
            },
        }
    }
}

impl View for Page {
    const SCHEMA: &'static str = "xdna.telemetry/1";

    fn text(&self) -> String {
        match &self.telemetry {
            Reported::Missing(why) => format!("telemetry: - ({why})\n"),
            Reported::Is(counters) => counters.text(),
        }
    }
}

impl Counters {
    fn text(&self) -> String {
        let mut notes = Notes::default();
        let mut table = Table::untitled();
        table.pair("telemetry interface", &self.interface_version);
        table.pair("L1 interrupts", notes.cell(&self.l1_interrupts));
        let mut list = |name: &str, values: &[Reported<u64>]| {
            let cells: Vec<_> = values.iter().map(|v| notes.cell(v)).collect();
            table.pair(name, cells.join(" "));
        };
        list("deep sleep", &self.deep_sleep);
        list("stream tokens", &self.stream_tokens);
        list("commands by opcode", &self.opcode_count);
        let contexts = match &self.contexts {
            Reported::Missing(why) => format!("counters by context: - ({why})\n"),
            Reported::Is(contexts) if contexts.is_empty() => "no context is live\n".into(),
            Reported::Is(contexts) => {
                let mut table = Table::new([
                    "firmware context",
                    "context",
                    "started",
                    "scheduled",
                    "syscalls",
                    "DMA",
                    "resources",
                    "TLB misses",
                    "preempted in layers",
                    "between frames",
                ]);
                for c in contexts {
                    let counters = [
                        &c.started,
                        &c.scheduled,
                        &c.syscalls,
                        &c.dma_access,
                        &c.resource_acquisitions,
                        &c.dtlb_misses,
                        &c.layer_preemptions,
                        &c.frame_preemptions,
                    ];
                    let ids = [c.firmware_context.to_string(), c.context.to_string()];
                    table.row(ids.into_iter().chain(counters.map(|v| notes.cell(v))));
                }
                table.to_string()
            }
        };
        format!(
            "{table}{contexts}{}Counters as reported by firmware.\n",
            notes.lines()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ones_is_no_number() {
        assert_eq!(counter(7), Reported::Is(7));
        assert_eq!(counter(u64::MAX), Reported::Missing(Missing::Firmware));
    }
}
