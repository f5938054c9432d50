//! `xdna sim`: a program under a simulated NPU.

use std::process::ExitCode;

use xdna_sim::cli::{SimArgs, SimError};

use crate::exit;

/// Runs the program; ends as it did.
///
/// # Errors
/// A fault script that makes no sense, as wrong usage; whatever kept the simulated device from starting.
pub(crate) fn run(args: SimArgs) -> anyhow::Result<ExitCode> {
    match xdna_sim::cli::run(args) {
        Ok(code) => Ok(ExitCode::from(code.clamp(0, 255) as u8)),
        Err(e @ SimError::Script { .. }) => Err(exit::usage(e.to_string())),
        Err(e) => Err(e.into()),
    }
}
