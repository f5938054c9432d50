//! The static binary: see [`xdna_conformance::run`].

use std::process::ExitCode;

fn main() -> ExitCode {
    xdna_conformance::run(std::env::args_os().skip(1))
}
