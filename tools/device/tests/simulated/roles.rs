//! This program in its other roles.

use std::fmt::Display;
use std::io;
use std::process::{Command, ExitCode, Output};

use clap::Parser;
use libtest_mimic::Failed;

pub use super::tool::{end, me, tool};

/// A test: its name and what it does.
pub type Test = (String, Box<dyn FnOnce() -> Result<(), Failed> + Send>);

/// A test that is a function.
pub fn test(name: &str, check: fn() -> Result<(), Failed>) -> Test {
    (name.to_owned(), Box::new(check))
}

/// Fails with `what` unless it holds.
pub fn check(holds: bool, what: impl Display) -> Result<(), Failed> {
    if holds {
        Ok(())
    } else {
        Err(what.to_string().into())
    }
}

/// The command line of `xdna sim`.
#[derive(Parser)]
struct Simulator {
    #[command(flatten)]
    args: xdna_sim::cli::SimArgs,
}

/// Runs a program with a simulated NPU.
pub fn simulator(args: &[String]) -> ExitCode {
    match xdna_sim::cli::run(Simulator::parse_from(args).args) {
        Ok(code) => ExitCode::from(code.clamp(0, 255) as u8),
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// This program in `role` under a simulator that is started with the words of `simulator`.
pub fn under(simulator: &str, role: &str, args: &[&str]) -> Command {
    let mut command = me("--simulator");
    command.args(simulator.split_whitespace()).arg("--");
    command.arg(me(role).get_program()).arg(role).args(args);
    command
}

/// Why no simulator can run here.
pub fn unavailable() -> Option<String> {
    let output: io::Result<Output> = me("--simulator").args(["--", "true"]).output();
    match output {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let message = String::from_utf8_lossy(&output.stderr);
            Some(format!(
                "needs a simulator: {}",
                message.lines().last().unwrap_or_default()
            ))
        }
        Err(e) => Some(format!("needs a simulator: {e}")),
    }
}
