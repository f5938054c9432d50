//! Tests of the device inside this process: shown as ignored where there can be none.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use xdna_sim::Npu;

use super::Result;

/// A test and its name.
pub type Named = (&'static str, fn() -> Result<()>);

/// Runs `tests` as the command line says.
pub fn run(tests: &'static [Named]) -> ExitCode {
    let args = Arguments::from_args();
    let reason = Npu::available().err().map(|e| e.to_string());
    let trials = tests.iter().map(|&(name, test)| {
        let shown = reason
            .as_ref()
            .map_or(name.to_owned(), |r| format!("{name} ({r})"));
        let run = move || test().map_err(|e| Failed::from(format!("{e}")));
        Trial::test(shown, run).with_ignored_flag(reason.is_some())
    });
    libtest_mimic::run(&args, trials.collect()).exit_code()
}
