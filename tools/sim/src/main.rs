//! `xdna-sim`: runs a program with a simulated NPU.
#![forbid(unsafe_code)]

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

/// Runs a program with a simulated NPU: `xdna-sim [OPTIONS] -- PROGRAM ARGS`.
#[derive(Parser)]
#[command(name = "xdna-sim")]
struct Command {
    #[command(flatten)]
    args: xdna_sim::cli::SimArgs,
}

fn main() -> ExitCode {
    env_logger::Builder::from_default_env().init();
    match xdna_sim::cli::run(Command::parse().args) {
        Ok(code) => ExitCode::from(code.clamp(0, 255) as u8),
        Err(message) => {
            // Nothing is left to say if this fails.
            let _ = writeln!(std::io::stderr(), "xdna-sim: {message}");
            ExitCode::FAILURE
        }
    }
}
