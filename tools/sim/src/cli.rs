//! The command line of `xdna sim`.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::fault::{Faults, ScriptError};
use crate::frontends::seccomp::launch::{self, LaunchError};
use crate::kmd::{Config, Timing};
use crate::profile::{AddressMode, Device, Kernel, Profile, Protocol, Rule, Rules};

const AFTER: &str = "\
Faults:
  exec_cmd:3:ENOMEM     the third EXEC_CMD fails with ENOMEM
  command:5+:hang       the fifth command that reaches firmware never ends, nor does any after it
  create_bo:2/10:EINTR  the second CREATE_BO, and every tenth after it
  several, separated by commas; the table is in the documentation of xdna_sim::fault

Examples:
  xdna sim -- ls -l /dev/accel
  xdna sim --kernel 6.18 --fault exec_cmd:3:ENOMEM -- PROGRAM ARGS
  xdna sim -- xdna conformance --check --kernel 7.3

Exit: PROGRAM's own code, 128 + N if signal N killed it, 127 if it could not be started;
1 if there could be no simulated device, 2 wrong usage.";

/// Why a program did not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// The fault script makes no sense.
    #[error("{place}{source}")]
    Script {
        /// Its file and a colon, or nothing.
        place: String,
        /// What is wrong with it.
        source: ScriptError,
    },
    /// A file could not be read, or a stream not be written.
    #[error("{what}: {source}")]
    File {
        /// The file.
        what: String,
        /// Why not.
        source: io::Error,
    },
    /// The device could not be put before the program.
    #[error("{0}")]
    Launch(#[from] LaunchError),
}

/// Runs a program with a simulated NPU.
#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub struct SimArgs {
    /// The NPU: npu1, npu4, npu5 or npu6
    #[arg(long, default_value = "npu4")]
    device: Device,
    /// The kernel whose driver is simulated: 6.14, 6.16, 6.17, 6.18, 6.19, 7.0, 7.1, 7.2, 7.3, staging or oot
    #[arg(long, default_value = "7.3")]
    kernel: Kernel,
    /// Firmware protocol, for example 6.18 [default: the newest that the kernel accepts]
    #[arg(long, value_name = "PROTOCOL")]
    firmware: Option<Protocol>,
    /// How the device reaches memory: sva, iova or carveout
    #[arg(long, default_value = "sva")]
    iommu: AddressMode,
    /// What goes wrong: EVENT:WHEN:EFFECT, several separated by commas, or @FILE
    #[arg(long, value_name = "SCRIPT")]
    fault: Option<String>,
    /// Writes every call of the device to FILE
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// The device sees what was flushed by SYNC_BO, 64-byte line by line: a missing flush is caught
    #[arg(long)]
    incoherent: bool,
    /// Tells how many cycles of the array each command took: an estimate from documented widths, a word a cycle and stream
    #[arg(long)]
    cycles: bool,
    /// Time limit of a command in milliseconds, 0 for none [default: the kernel's own]
    #[arg(long, value_name = "MS")]
    job_timeout: Option<u64>,
    /// Idle time before the device suspends, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 5000)]
    autosuspend: u64,
    /// How long a command takes, in microseconds
    #[arg(long, value_name = "US", default_value_t = 0)]
    exec_time: u64,
    /// How long firmware boots after a suspend, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    boot_time: u64,
    /// How long after a timeout commands vanish, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    drop_window: u64,
    /// Module parameter force_cmdlist: true or false [default: the kernel's own]
    #[arg(long, value_name = "BOOL")]
    force_cmdlist: Option<bool>,
    /// Switches a rule of the driver off, to see that a test notices
    #[arg(long, value_name = "RULE", hide = true)]
    without: Vec<Rule>,
    /// Lists the rules that --without takes
    #[arg(long, hide = true, exclusive = true)]
    list_rules: bool,
    /// The program and its arguments
    #[arg(last = true, value_name = "PROGRAM", required_unless_present = "list_rules")]
    program: Vec<OsString>,
}

/// Runs `args`; returns the program's exit code.
///
/// # Errors
/// See [`SimError`].
pub fn run(args: SimArgs) -> Result<i32, SimError> {
    let file = |what: &str| {
        let what = what.to_owned();
        move |source| SimError::File { what, source }
    };
    if args.list_rules {
        let names: Vec<&str> = Rule::ALL.iter().map(|r| r.name()).collect();
        writeln!(io::stdout(), "{}", names.join("\n")).map_err(file("stdout"))?;
        return Ok(0);
    }
    let faults = match args.fault.as_deref().map(|f| f.strip_prefix('@').ok_or(f)) {
        None => Faults::default(),
        Some(Err(script)) => parse(script, String::new())?,
        Some(Ok(path)) => {
            let script = std::fs::read_to_string(path).map_err(file(path))?;
            parse(&script, format!("{path}: "))?
        }
    };
    let timing = Timing {
        job_timeout: args.job_timeout.map(Duration::from_millis),
        autosuspend: Duration::from_millis(args.autosuspend),
        exec: Duration::from_micros(args.exec_time),
        boot: Duration::from_millis(args.boot_time),
        drop_window: Duration::from_millis(args.drop_window),
        force_cmdlist: args.force_cmdlist,
        ..Timing::default()
    };
    let profile = Profile::new(args.device, args.kernel, args.firmware, args.iommu);
    let message = match &profile {
        Ok(profile) => format!("xdna-sim: {NODE} is simulated: {profile}"),
        Err(e) => format!("xdna-sim: no device: {e}"),
    };
    // A program runs as well when nobody reads this.
    let _ = writeln!(io::stderr(), "{message}");
    let rules = Rules::without(args.without);
    let config = profile.ok().map(|profile| Config {
        profile,
        rules,
        timing,
        faults,
        trace: args.trace,
        incoherent: args.incoherent,
        cycles: args.cycles,
        cores: Vec::new(),
    });
    Ok(launch::run(config, args.program)?)
}

fn parse(script: &str, place: String) -> Result<Faults, SimError> {
    script
        .parse()
        .map_err(|source| SimError::Script { place, source })
}

const NODE: &str = crate::frontends::seccomp::supervisor::NODE;
