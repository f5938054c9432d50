//! This program in its other roles.

use std::io;
use std::process::{Command, ExitCode, Output};

use clap::Parser;
use xdna_terminal::{Exit, Out, exit, say_block};

/// A test: its name and what it does.
pub type Test = (
    String,
    Box<dyn FnOnce() -> Result<(), libtest_mimic::Failed> + Send>,
);

/// The command line of `xdna sim`.
#[derive(Parser)]
struct Simulator {
    #[command(flatten)]
    args: xdna_sim::cli::SimArgs,
}

/// The verbs of the device, as `xdna` has them.
#[derive(Parser)]
#[command(name = "xdna")]
struct Tool {
    #[command(subcommand)]
    verb: xdna_device::Verb,
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

/// Runs a verb.
pub fn tool(args: &[String]) -> ExitCode {
    let exit = xdna_device::run(Tool::parse_from(args).verb, &mut Out::default()).unwrap_or_else(|error| {
        say_block(&format!("xdna: {}", exit::message(&error)));
        Exit::of(&error)
    });
    exit.into()
}

/// This program in a role.
pub fn me(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.arg(role);
    command
}

/// This program in `role` under a simulator that is started with the words of `simulator`.
pub fn under(simulator: &str, role: &str, args: &[&str]) -> Command {
    let mut command = me("--simulator");
    command.args(simulator.split_whitespace()).arg("--");
    command.arg(me(role).get_program()).arg(role).args(args);
    command
}

/// Exit code, stdout and stderr; stderr without what the simulator says of itself.
pub fn end(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let errors = text(&output.stderr);
    let ours = errors.lines().filter(|line| !line.starts_with("xdna-sim: "));
    let ours: String = ours.flat_map(|line| [line, "\n"]).collect();
    (output.status.code(), text(&output.stdout), ours)
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
