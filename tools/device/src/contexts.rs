//! `xdna contexts`: who uses the array.

use serde::Serialize;
use xdna_driver::query::{Context, ContextDetail, ContextState};
use xdna_driver::{Device, Generation, Priority};
use xdna_terminal::{Exit, Out, Table, bytes};

use crate::reported::{Missing, Notes, Reported};
use crate::show::{self, View};
use crate::target::Target;
use crate::{Common, processes};

/// Linux 6.18: the first to tell details.
const DETAILS: Missing = Missing::Needs("Linux 6.18");

#[derive(Debug, Serialize)]
pub(crate) struct Contexts {
    contexts: Vec<Entry>,
}

/// A context, as far as the driver reports it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Entry {
    pub(crate) pid: i64,
    pub(crate) process: Reported<String>,
    pub(crate) id: u32,
    pub(crate) start_column: u32,
    pub(crate) columns: u32,
    pub(crate) submissions: u64,
    pub(crate) completions: u64,
    pub(crate) outstanding: u64,
    pub(crate) heap_bytes: Reported<u64>,
    pub(crate) priority: Reported<String>,
    pub(crate) state: Reported<String>,
    pub(crate) errors: Reported<u64>,
    pub(crate) migrations: Reported<u64>,
    pub(crate) preemptions: Reported<u64>,
    pub(crate) suspensions: Reported<u64>,
    pub(crate) pasid: Reported<u32>,
    pub(crate) fatal: Reported<Option<Fatal>>,
}

/// What the firmware says about a context that died.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Fatal {
    error: u32,
    exception: u32,
    exception_pc: u32,
    module: u32,
    opcode_index: u32,
    pc: u32,
}

/// Prints the contexts.
pub(crate) fn run(common: Common, out: &mut Out) -> anyhow::Result<Exit> {
    let contexts = list(&Target::open(common)?.device)?;
    show::print(&Contexts { contexts }, common.json, out)?;
    Ok(Exit::Done)
}

/// The contexts of all processes, by process.
pub(crate) fn list(device: &Device) -> anyhow::Result<Vec<Entry>> {
    let level = device.driver_version().level();
    let mut entries: Vec<_> = device
        .contexts()?
        .iter()
        .map(|c| Entry::of(c, level, device.generation()))
        .collect();
    entries.sort_by_key(|e| (e.pid, e.id));
    Ok(entries)
}

impl Entry {
    fn of(context: &Context, level: i32, generation: Generation) -> Self {
        let detail = context.detail.as_ref();
        let told = |value: Option<u64>| value.map_or(Reported::Missing(DETAILS), Reported::Is);
        // Mainline has these fields and never fills them; a driver that does is known by a value.
        let counted = |value: u64| match value {
            0 if level <= 10 => Reported::Missing(Missing::Driver),
            n => Reported::Is(n),
        };
        let process = detail.and_then(|d| d.process.clone());
        Self {
            pid: context.pid,
            process: process.map_or_else(
                || processes::name(context.pid),
                |name| Reported::Is(xdna_terminal::clean(&name)),
            ),
            id: context.id,
            start_column: context.start_column,
            columns: context.columns,
            submissions: context.submissions,
            completions: context.completions,
            outstanding: context.submissions.saturating_sub(context.completions),
            heap_bytes: told(detail.map(|d| d.heap_bytes)),
            priority: detail.map_or(Reported::Missing(DETAILS), |d| {
                Reported::Is(priority(d.qos.priority))
            }),
            state: match detail.map(|d| d.state) {
                None => Reported::Missing(DETAILS),
                // Mainline says active of every context.
                Some(ContextState::Active) if level <= 10 => Reported::Missing(Missing::Driver),
                Some(ContextState::Active) => Reported::Is("active".into()),
                Some(ContextState::Idle) => Reported::Is("idle".into()),
                Some(other) => Reported::Is(format!("{other:?}").to_lowercase()),
            },
            errors: counted(context.errors),
            migrations: counted(context.migrations),
            preemptions: counted(context.preemptions),
            suspensions: detail.map_or(Reported::Missing(DETAILS), |d| counted(d.suspensions)),
            pasid: detail.map_or(Reported::Missing(DETAILS), |d| Reported::Is(d.pasid)),
            fatal: match detail {
                None => Reported::Missing(DETAILS),
                // Firmware of the first generation has no health reports.
                Some(_) if generation == Generation::Xdna1 => Reported::Missing(Missing::Needs("XDNA2")),
                Some(d) if level < 8 && d.fatal_error == 0 => Reported::Missing(Missing::Needs("Linux 7.1")),
                Some(d) => Reported::Is(Fatal::of(d)),
            },
        }
    }

    /// Process and number.
    pub(crate) fn owner(&self) -> String {
        match &self.process {
            Reported::Is(name) => format!("{name} [{}]", self.pid),
            Reported::Missing(_) => format!("[{}]", self.pid),
        }
    }

    /// The columns it may run on.
    pub(crate) fn span(&self) -> String {
        match self.columns {
            0 | 1 => self.start_column.to_string(),
            n => format!(
                "{}-{}",
                self.start_column,
                self.start_column.saturating_add(n - 1)
            ),
        }
    }
}

impl Fatal {
    fn of(d: &ContextDetail) -> Option<Self> {
        (d.fatal_error != 0 || d.exception != 0).then_some(Self {
            error: d.fatal_error,
            exception: d.exception,
            exception_pc: d.exception_pc,
            module: d.module,
            opcode_index: d.opcode_index,
            pc: d.pc,
        })
    }
}

fn priority(priority: Priority) -> String {
    format!("{priority:?}").to_lowercase()
}

impl View for Contexts {
    const SCHEMA: &'static str = "xdna.contexts/1";

    fn text(&self) -> String {
        if self.contexts.is_empty() {
            return "no process has a hardware context\n".into();
        }
        let mut notes = Notes::default();
        let mut table = Table::new([
            "process",
            "context",
            "columns",
            "submitted",
            "completed",
            "outstanding",
            "heap",
            "priority",
            "state",
            "errors",
            "fatal error",
        ]);
        for e in &self.contexts {
            let fatal = e.fatal.clone().map(|f| match f {
                None => "none reported".to_owned(),
                Some(f) => format!(
                    "{} (exception {} at {:#x}, module {}, opcode {}, pc {:#x})",
                    f.error, f.exception, f.exception_pc, f.module, f.opcode_index, f.pc
                ),
            });
            table.row([
                e.owner(),
                e.id.to_string(),
                e.span(),
                e.submissions.to_string(),
                e.completions.to_string(),
                e.outstanding.to_string(),
                notes.cell(&e.heap_bytes.clone().map(bytes)),
                notes.cell(&e.priority),
                notes.cell(&e.state),
                notes.cell(&e.errors),
                notes.cell(&fatal),
            ]);
        }
        format!("{table}{}", notes.lines())
    }
}
