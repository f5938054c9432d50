//! taconite and rlx-xdna, unmodified: discovery, contexts, buffers, submit and wait.
//!
//! Their programs run under the launcher, as `xdna sim -- PROGRAM` would start them, with an overlay that copies without a
//! core. Where a core's program has a stand-in, which the launcher can't give them, they run in a thread of the test.

mod cores;
mod launched;
mod overlay;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use libtest_mimic::{Arguments, Failed, Trial};

/// What a test comes to.
type Outcome = Result<(), Box<dyn Error>>;

/// One test: its name, and what it does.
type Test = (&'static str, fn() -> Outcome);

/// This program as the simulator: the command line of `xdna sim`.
#[derive(Parser)]
struct Simulator {
    #[command(flatten)]
    args: xdna_sim::cli::SimArgs,
}

/// Tests, ignored if there is a reason.
fn trials(tests: &'static [Test], reason: Option<String>) -> impl Iterator<Item = Trial> {
    tests.iter().map(move |&(name, test)| {
        let shown = reason
            .as_ref()
            .map_or(name.to_owned(), |r| format!("{name} ({r})"));
        Trial::test(shown, move || test().map_err(Failed::from)).with_ignored_flag(reason.is_some())
    })
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    if args.get(1).is_some_and(|arg| arg == launched::SIMULATOR) {
        let Simulator { args } = Simulator::parse_from(&args[1..]);
        return match xdna_sim::cli::run(args) {
            Ok(code) => ExitCode::from(code.clamp(0, 255) as u8),
            Err(error) => {
                use std::io::Write;
                let _unheard = writeln!(std::io::stderr(), "{error}");
                ExitCode::FAILURE
            }
        };
    }
    let all = trials(launched::TESTS, launched::unavailable())
        .chain(trials(cores::TESTS, cores::unavailable()))
        .collect();
    libtest_mimic::run(&Arguments::from_args(), all).exit_code()
}
