//! `xdna-sim`: runs a program with a simulated NPU.
#![forbid(unsafe_code)]

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use xdna_sim::cli::SimError;

/// Runs a program with a simulated NPU: `xdna-sim [OPTIONS] -- PROGRAM ARGS`.
#[derive(Parser)]
#[command(name = "xdna-sim")]
struct Command {
    #[command(flatten)]
    args: xdna_sim::cli::SimArgs,
}

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    let code = xdna_sim::cli::run(Command::parse().args).unwrap_or_else(|error| {
        // Nothing is left to say if this fails.
        let _ = writeln!(std::io::stderr(), "xdna-sim: {error}");
        if matches!(error, SimError::Script { .. }) {
            2
        } else {
            1
        }
    });
    ExitCode::from(code.clamp(0, 255) as u8)
}
