//! `xdna transcribe` as a program: results, bad input, full disks, interruption. Needs a model.

#[path = "transcribe/bad_input.rs"]
mod bad_input;
mod common;
#[path = "transcribe/convert.rs"]
mod convert;
#[path = "transcribe/interrupt.rs"]
mod interrupt;
#[path = "transcribe/output.rs"]
mod output;
#[path = "transcribe/plan.rs"]
mod plan;
#[path = "transcribe/results.rs"]
mod results;
#[path = "common/sound.rs"]
mod sound;

use std::{
    env,
    ffi::{OsStr, OsString},
    path::PathBuf,
    process::{Command, ExitCode},
};

use libtest_mimic::{Arguments, Failed, Trial};

/// Name and body of a test.
type Test = (&'static str, fn() -> Result<(), Failed>);

/// Flags that choose the model to test with: none where the program carries one, else tiny.en of the reference data.
fn model() -> Option<Vec<String>> {
    if cfg!(feature = "bundled-model") {
        return Some(Vec::new());
    }
    let data = env::var_os("XDNA_TESTDATA").map_or_else(|| sound::root().join("../shared"), PathBuf::from);
    let model = data.join("models/tiny.en");
    model
        .is_dir()
        .then(|| vec!["--model".to_owned(), model.display().to_string()])
}

/// `xdna transcribe` with the model of these tests.
fn transcribe<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let model = model().unwrap_or_default();
    let mut all: Vec<OsString> = vec!["transcribe".into()];
    all.extend(model.into_iter().map(OsString::from));
    // greedy, so that the tests take less time
    all.extend(["--beam-size", "None"].map(OsString::from));
    all.extend(args.into_iter().map(|a| a.as_ref().to_owned()));
    common::xdna(all)
}

/// Exit code, stdout and stderr of `xdna transcribe`.
fn end<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Result<(Option<i32>, String, String), Failed> {
    Ok(common::end(&transcribe(args).output()?))
}

fn main() -> ExitCode {
    let mut args = Arguments::from_args();
    // some of these measure time
    args.test_threads = Some(1);
    let tests = [
        plan::TESTS,
        results::TESTS,
        bad_input::TESTS,
        output::TESTS,
        interrupt::TESTS,
        convert::TESTS,
    ]
    .concat();
    let has_model = model().is_some();
    let trial = |&(name, test): &Test| {
        if has_model {
            Trial::test(name, test)
        } else {
            let name = format!("{name} (needs a model: feature bundled-model, or XDNA_TESTDATA)");
            Trial::test(name, test).with_ignored_flag(true)
        }
    };
    libtest_mimic::run(&args, tests.iter().map(trial).collect()).exit_code()
}
