//! This program as the tool.

use std::process::{Command, ExitCode, Output};

use clap::Parser;
use xdna_terminal::{Exit, Out, exit, say_block};

/// The verbs of the device, as `xdna` has them.
#[derive(Parser)]
#[command(name = "xdna")]
struct Tool {
    #[command(subcommand)]
    verb: xdna_device::Verb,
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

/// Exit code, stdout and stderr; stderr without what the simulator says of itself.
pub fn end(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let errors = text(&output.stderr);
    let ours = errors.lines().filter(|line| !line.starts_with("xdna-sim: "));
    let ours: String = ours.flat_map(|line| [line, "\n"]).collect();
    (output.status.code(), text(&output.stdout), ours)
}
