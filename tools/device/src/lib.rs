//! The verbs of `xdna` that look at the device. They need the kernel driver alone, explain what they do not find, and
//! never invent a number: a value that nobody reports is shown with the reason.
#![forbid(unsafe_code)]

mod contexts;
mod diff;
mod doctor;
mod dump;
mod ending;
mod errors;
mod firmware;
mod info;
mod level;
mod measure;
mod memory;
pub mod nothing;
mod packet;
mod power;
mod processes;
mod report;
mod reported;
mod run;
mod selftest;
mod sensors;
mod show;
mod snapshot;
mod target;
mod telemetry;
mod tiles;
mod top;
mod trace;

use clap::{Args, Subcommand};
use xdna_terminal::{Exit, Out};

pub use reported::{Missing, Reported};

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Find out why the NPU does not work, and what to type
    Doctor(doctor::Doctor),
    /// Test the NPU: buffers, contexts, commands, chains, data movement, recovery
    Selftest(selftest::Selftest),
    /// Measure the NPU: latencies and bandwidths
    Bench(selftest::Bench),
    /// Write a file to attach to a bug report, names removed
    Report(report::Bundle),
    /// Run a kernel: an xclbin, control code, files in and files out
    Run(run::Run),
    /// Show every call that a program makes to the NPU, decoded
    Trace(trace::Trace),
    /// Show what the NPU does, live
    Top(top::Top),
    /// Write what the NPU does as JSON lines
    Record(top::Record),
    /// Show what is in a file for an NPU
    Dump(dump::Dump),
    /// Compare two snapshots, or two files for an NPU
    Diff(diff::Diff),
    /// Show what the NPU is: chip, driver, firmware, array, clocks, limits, features
    #[command(after_help = "Examples:\n  xdna info\n  xdna info --json | jq .firmware_protocol")]
    Info(Common),
    /// List the hardware contexts of all processes
    #[command(after_help = "Examples:\n  xdna contexts\n  xdna contexts --json")]
    Contexts(Common),
    /// Show the last hardware error
    #[command(
        after_help = "The last one stays until another overwrites it, or the driver is loaded again.\nExit code: 1 where the kernel tells no errors.\n\nExamples:\n  xdna errors\n  xdna errors --device 1"
    )]
    Errors(Common),
    /// Show power, utilisation and other sensors
    #[command(
        after_help = "Exit code: 1 where the kernel or the platform has none.\n\nExamples:\n  xdna sensors\n  xdna sensors --json"
    )]
    Sensors(Common),
    /// Show the counters of the firmware
    #[command(after_help = "Examples:\n  xdna telemetry\n  xdna telemetry --json")]
    Telemetry(Common),
    /// Show memory on the NPU by process
    #[command(
        after_help = "Processes of other users show what they have only to root.\n\nExamples:\n  sudo xdna memory\n  xdna memory --json"
    )]
    Memory(Common),
    /// Show what the tiles of the array are doing
    Tiles(tiles::Tiles),
    /// Show or set the power mode
    Power(power::Power),
}

/// What every verb about one device takes.
#[derive(Args, Clone, Copy, Debug)]
pub struct Common {
    /// NPU to look at, by the number in /dev/accel/accelN [default: the first]
    #[arg(long, value_name = "N")]
    pub(crate) device: Option<u32>,
    /// Print one JSON object with a versioned schema
    #[arg(long)]
    pub(crate) json: bool,
}

/// Runs a verb.
///
/// # Errors
/// Without a device, or when what was asked for failed: the error knows its exit code.
pub fn run(verb: Verb, out: &mut Out) -> anyhow::Result<Exit> {
    match verb {
        Verb::Doctor(args) => doctor::run(&args, out),
        Verb::Selftest(args) => selftest::run(&args, out),
        Verb::Bench(args) => selftest::bench(&args, out),
        Verb::Report(args) => report::run(&args, out),
        Verb::Run(args) => run::run(&args, out),
        Verb::Trace(args) => trace::run(&args),
        Verb::Top(args) => top::run(&args, out),
        Verb::Record(args) => top::record(&args, out),
        Verb::Diff(args) => diff::run(&args, out),
        Verb::Dump(args) => dump::run(&args, out),
        Verb::Info(common) => info::run(common, out),
        Verb::Contexts(common) => contexts::run(common, out),
        Verb::Errors(common) => errors::run(common, out),
        Verb::Sensors(common) => sensors::run(common, out),
        Verb::Telemetry(common) => telemetry::run(common, out),
        Verb::Memory(common) => memory::run(common, out),
        Verb::Tiles(args) => tiles::run(&args, out),
        Verb::Power(args) => power::run(&args, out),
    }
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;

    /// Every verb, and every action of one.
    fn verbs() -> Vec<Command> {
        let mut root = Verb::augment_subcommands(Command::new("xdna"));
        root.build();
        let verbs: Vec<_> = root
            .get_subcommands()
            .filter(|v| v.get_name() != "help")
            .cloned()
            .collect();
        let actions = verbs
            .iter()
            .flat_map(|verb| verb.get_subcommands().cloned().collect::<Vec<_>>());
        let actions: Vec<_> = actions.filter(|action| action.get_name() != "help").collect();
        verbs.into_iter().chain(actions).collect()
    }

    #[test]
    fn every_verb_shows_an_example_that_it_takes() {
        let root = Verb::augment_subcommands(Command::new("xdna"));
        for verb in verbs() {
            let name = verb.get_name().to_owned();
            let text = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples = text
                .lines()
                .map(str::trim)
                .filter(|line| line.starts_with("xdna ") || line.starts_with("sudo xdna "));
            let examples: Vec<_> = examples
                .map(|line| line.trim_start_matches("sudo ").to_owned())
                .collect();
            assert!(!examples.is_empty(), "{name}: {text}");
            for line in examples {
                // One command: what a shell makes of it is not ours.
                let line = line.split([';', '|', '>']).next().unwrap_or_default().to_owned();
                let parsed = root.clone().try_get_matches_from(line.split_whitespace());
                assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
            }
        }
    }

    #[test]
    fn every_argument_is_explained_and_every_object_has_json() {
        for verb in verbs() {
            for argument in verb.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "{} {}",
                    verb.get_name(),
                    argument.get_id()
                );
            }
            // Top shows what record writes as JSON; power's actions have their own.
            let has = verb.get_arguments().any(|a| a.get_id() == "json");
            assert!(
                has || ["top", "record"].contains(&verb.get_name()),
                "{}",
                verb.get_name()
            );
        }
    }
}
