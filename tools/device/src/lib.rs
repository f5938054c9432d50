//! The verbs of `xdna` that look at the device. They need the kernel driver alone, explain what they do not find, and
//! never invent a number: a value that nobody reports is shown with the reason.
#![forbid(unsafe_code)]

mod contexts;
mod diff;
mod doctor;
mod dump;
mod errors;
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
    /// Test the NPU: buffers, contexts, commands, chains, recovery
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
    Info(Common),
    /// List the hardware contexts of all processes
    Contexts(Common),
    /// Show the last hardware error
    Errors(Common),
    /// Show power, utilisation and other sensors
    Sensors(Common),
    /// Show the counters of the firmware
    Telemetry(Common),
    /// Show memory on the NPU by process
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
