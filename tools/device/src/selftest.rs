//! `xdna selftest` and `xdna bench`: whether the NPU does its work, and how fast.

mod bounds;

use clap::Args;
use serde::Serialize;
use xdna_terminal::exit::usage;
use xdna_terminal::{Exit, Out, Table, bytes};

use crate::Common;
use crate::measure::{Effort, Numbers, Step};
use crate::show::{self, View};
use crate::target::{Target, is_simulated};
use bounds::{Bound, Checked};

#[derive(Args, Debug)]
#[command(after_help = "\
Every step uses the NPU for some milliseconds and leaves nothing behind; other programs' contexts
are not touched. The loopback steps move bytes through the array and compare what comes back; no core
runs. The step `recovery` takes a context away from a command under way.

--hang adds one that makes the NPU hang: a command waits for a transfer that nobody starts, until
the driver's time limit ends it (2 s from Linux 7.2, 60 s before) and the NPU is set up again. It is
not done while other programs have contexts, since the reset may take these along.

Exit code: 0 all passed, 1 a step failed, 3 no device.

Examples:
  xdna selftest
  xdna selftest --hang --json")]
pub struct Selftest {
    /// Provoke a hang, too, and see that the driver ends it: for an NPU that nobody else uses
    #[arg(long)]
    hang: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Metrics are STEP.KEY, as --json names them; times may be written with a unit. The bytes per second of
loopback steps are those that went in, from the submission of a run to its end: through all columns at
once, and through one. Runs of a MiB a column are used where --buffer has room for them.

Example:
  xdna bench --assert 'round-trip.p99_ns<=500us' --assert 'chain.per_second>=1000'")]
pub struct Bench {
    /// Commands to run one after another
    #[arg(long, value_name = "N", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    commands: u32,
    /// MiB of the buffer that is copied through, and the most that goes through the array at once
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    buffer: u32,
    /// Fail unless a metric is within a bound: METRIC<=NUMBER or METRIC>=NUMBER; may be given again
    #[arg(long = "assert", value_name = "BOUND")]
    bounds: Vec<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Serialize)]
struct Report<const BENCH: bool> {
    chip: &'static str,
    driver: String,
    simulated: bool,
    passed: bool,
    steps: Vec<Done>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bounds: Vec<Checked>,
}

#[derive(Debug, Serialize)]
struct Done {
    name: &'static str,
    what: &'static str,
    passed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Why it was not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<String>,
    numbers: Numbers,
}

/// Tests the NPU quickly.
pub(crate) fn run(args: &Selftest, out: &mut Out) -> anyhow::Result<Exit> {
    let effort = Effort {
        commands: 200,
        chains: 20,
        bytes: 4 << 20,
        loopback: 0,
        copies: 4,
        recoveries: 3,
    };
    let hang = args.hang.then_some(Step::Hang);
    let steps = Step::ALL.into_iter().chain(hang);
    let report = Report::<false>::of(&Target::open(args.common)?, steps, effort, &[]);
    show::print(&report, args.common.json, out)?;
    Ok(report.exit())
}

/// Measures the NPU at length.
pub(crate) fn bench(args: &Bench, out: &mut Out) -> anyhow::Result<Exit> {
    let bounds: Result<Vec<_>, _> = args.bounds.iter().map(|text| Bound::parse(text)).collect();
    let bounds = bounds.map_err(usage)?;
    let effort = Effort {
        commands: args.commands as usize,
        chains: (args.commands as usize / 10).max(1),
        bytes: (args.buffer as usize) << 20,
        loopback: (args.buffer as usize) << 20,
        copies: 16,
        recoveries: 20,
    };
    let report = Report::<true>::of(&Target::open(args.common)?, Step::ALL, effort, &bounds);
    show::print(&report, args.common.json, out)?;
    Ok(report.exit())
}

impl<const BENCH: bool> Report<BENCH> {
    fn of(target: &Target, steps: impl IntoIterator<Item = Step>, effort: Effort, bounds: &[Bound]) -> Self {
        let device = &target.device;
        let steps: Vec<_> = steps
            .into_iter()
            .map(|step| {
                let skipped = step.missing(device);
                let result = match skipped {
                    Some(_) => Ok(Numbers::new()),
                    None => step.run(device, effort),
                };
                Done {
                    name: step.name(),
                    what: step.what(),
                    passed: result.is_ok(),
                    error: result.as_ref().err().map(xdna_terminal::exit::message),
                    skipped,
                    numbers: result.unwrap_or_default(),
                }
            })
            .collect();
        let bounds: Vec<_> = bounds.iter().map(|bound| bound.check(&steps)).collect();
        Self {
            chip: device.chip().name,
            driver: device.driver_version().to_string(),
            simulated: is_simulated(),
            passed: steps.iter().all(|s| s.passed) && bounds.iter().all(|b| b.holds),
            steps,
            bounds,
        }
    }

    fn exit(&self) -> Exit {
        if self.passed { Exit::Done } else { Exit::Failed }
    }
}

/// A number with the unit that its key names.
fn pretty(key: &str, value: &serde_json::Value) -> String {
    let number = value.as_f64().unwrap_or_default();
    if let Some(name) = key.strip_suffix("_ns") {
        let (n, unit) = match number {
            n if n >= 1e9 => (n / 1e9, "s"),
            n if n >= 1e6 => (n / 1e6, "ms"),
            n => (n / 1e3, "us"),
        };
        return format!("{name} {n:.1} {unit}");
    }
    if let Some(name) = key.strip_suffix("bytes_per_second") {
        let speed = match number / f64::from(1 << 20) {
            mib if mib < 1024.0 => format!("{mib:.1} MiB/s"),
            mib => format!("{:.2} GiB/s", mib / 1024.0),
        };
        return format!("{} {speed}", name.replace('_', " ").trim())
            .trim()
            .to_owned();
    }
    match key {
        "run_bytes" => format!("runs of {}", bytes(number as u64)),
        "per_second" => format!("{number:.0} per second"),
        "buffer_bytes" => format!("buffer {}", bytes(number as u64)),
        "bytes" => format!("{} in all", bytes(number as u64)),
        _ => format!("{} {number:.0}", key.replace('_', " ")),
    }
}

impl<const BENCH: bool> View for Report<BENCH> {
    const SCHEMA: &'static str = if BENCH { "xdna.bench/1" } else { "xdna.selftest/1" };

    fn text(&self) -> String {
        let mut table = Table::untitled();
        for step in &self.steps {
            let numbers: Vec<_> = step
                .numbers
                .iter()
                .map(|(key, value)| pretty(key, value))
                .collect();
            let (mark, detail) = match (&step.error, &step.skipped) {
                (Some(error), _) => ("FAIL", error.clone()),
                (None, Some(reason)) => ("SKIP", reason.clone()),
                (None, None) => ("PASS", numbers.join(", ")),
            };
            table.row([mark, step.name, &detail]);
        }
        for b in &self.bounds {
            let mark = if b.holds { "PASS" } else { "FAIL" };
            let sign = if b.bound.at_most { "<=" } else { ">=" };
            let value = b.value.map_or("no such metric".to_owned(), |v| v.to_string());
            table.row([
                mark,
                &b.bound.metric,
                &format!("{value} {sign} {}", b.bound.limit),
            ]);
        }
        let simulated = if self.simulated {
            "simulated: the times are the simulator's, no NPU's\n"
        } else {
            ""
        };
        format!("{}, driver {}\n{simulated}{table}", self.chip, self.driver)
    }
}
