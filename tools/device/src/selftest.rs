//! `xdna selftest` and `xdna bench`: whether the NPU does its work, and how fast.

use clap::Args;
use serde::Serialize;
use xdna_terminal::exit::usage;
use xdna_terminal::{Exit, Out, Table, bytes};

use crate::Common;
use crate::measure::{Effort, Numbers, Step};
use crate::show::{self, View};
use crate::target::{Target, is_simulated};

#[derive(Args, Debug)]
#[command(after_help = "\
Every step uses the NPU for some milliseconds and leaves nothing behind; other programs' contexts
are not touched. The loopback steps move bytes through the array and compare what comes back; no core
runs. Exit code: 0 all passed, 1 a step failed, 3 no device.")]
pub struct Selftest {
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

/// What a metric must not exceed, or reach.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Bound {
    metric: String,
    at_most: bool,
    limit: f64,
}

#[derive(Debug, Serialize)]
struct Checked {
    #[serde(flatten)]
    bound: Bound,
    value: Option<f64>,
    holds: bool,
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
    let report = Report::<false>::of(&Target::open(args.common)?, effort, &[]);
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
    let report = Report::<true>::of(&Target::open(args.common)?, effort, &bounds);
    show::print(&report, args.common.json, out)?;
    Ok(report.exit())
}

impl<const BENCH: bool> Report<BENCH> {
    fn of(target: &Target, effort: Effort, bounds: &[Bound]) -> Self {
        let device = &target.device;
        let steps: Vec<_> = Step::ALL
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
                    error: result.as_ref().err().map(|e| format!("{e:#}")),
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

impl Bound {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("--assert {text:?}: write STEP.KEY<=NUMBER or STEP.KEY>=NUMBER");
        let (split, at_most) = match text.split_once("<=") {
            Some(split) => (split, true),
            None => (text.split_once(">=").ok_or_else(wrong)?, false),
        };
        let (metric, limit) = (split.0.trim(), split.1.trim());
        let known = metric
            .split_once('.')
            .is_some_and(|(step, _)| Step::ALL.iter().any(|s| s.name() == step));
        if !known {
            let names = Step::ALL.map(Step::name).join(", ");
            return Err(format!("--assert {text:?}: no such step; there are {names}"));
        }
        let units = [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9)];
        let unit = units
            .iter()
            .find_map(|(unit, scale)| Some((limit.strip_suffix(unit)?, *scale)));
        let (number, scale) = unit.unwrap_or((limit, 1.0));
        let limit: f64 = number.trim().parse().map_err(|_| wrong())?;
        Ok(Self {
            metric: metric.to_owned(),
            at_most,
            limit: limit * scale,
        })
    }

    fn check(&self, steps: &[Done]) -> Checked {
        let value = self.metric.split_once('.').and_then(|(step, key)| {
            let step = steps.iter().find(|s| s.name == step)?;
            step.numbers.get(key)?.as_f64()
        });
        Checked {
            holds: value.is_some_and(|v| {
                if self.at_most {
                    v <= self.limit
                } else {
                    v >= self.limit
                }
            }),
            bound: self.clone(),
            value,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_read_with_units() {
        let bound = Bound::parse("round-trip.p99_ns<=500us").unwrap();
        assert_eq!(
            (bound.metric.as_str(), bound.at_most, bound.limit),
            ("round-trip.p99_ns", true, 500_000.0)
        );
        assert!(!Bound::parse("chain.per_second >= 10").unwrap().at_most);
        assert!(Bound::parse("chain.per_second").is_err());
        assert!(Bound::parse("train.x<=1").unwrap_err().contains("round-trip"));
        assert!(Bound::parse("chain.x<=fast").is_err());
    }

    #[test]
    fn a_metric_that_was_not_measured_does_not_hold() {
        let checked = Bound::parse("chain.p50_ns<=1s").unwrap().check(&[]);
        assert!(!checked.holds);
        assert_eq!(checked.value, None);
    }
}
