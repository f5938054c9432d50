//! The whole table against the simulated device, one profile of every kernel column and address mode. What the
//! simulator is known to do differently stands in `simulated.differs`; an entry that no profile needs fails too.

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{ExitCode, Output};
use std::sync::{Arc, Mutex};

use libtest_mimic::{Arguments, Failed, Trial};
use support::{Machine, compare, obstacle, simulator};

const MACHINES: [Machine; 20] = [
    Machine("6.14", "npu1", "5.7", "sva"),
    Machine("6.14", "npu4", "6.12", "sva"),
    Machine("6.16", "npu1", "5.8", "sva"),
    Machine("6.17", "npu5", "6.15", "sva"),
    Machine("6.18", "npu4", "6.18", "sva"),
    Machine("6.18", "npu1", "5.8", "sva"),
    Machine("6.19", "npu4", "6.12", "sva"),
    Machine("6.19", "npu4", "6.18", "sva"),
    Machine("6.19", "npu1", "5.8", "sva"),
    Machine("7.0", "npu6", "7.0", "sva"),
    Machine("7.1", "npu4", "6.24", "sva"),
    Machine("7.1", "npu1", "5.7", "iova"),
    Machine("7.2", "npu4", "6.15", "iova"),
    Machine("7.2", "npu1", "5.8", "sva"),
    Machine("7.3", "npu4", "7.0", "sva"),
    Machine("7.3", "npu5", "6.18", "carveout"),
    Machine("7.3", "npu6", "6.24", "iova"),
    Machine("staging", "npu4", "7.0", "sva"),
    Machine("staging", "npu1", "5.8", "iova"),
    Machine("oot", "npu4", "6.24", "sva"),
];

/// `name | reason` per line.
fn known() -> BTreeSet<String> {
    let lines = include_str!("simulated.differs")
        .lines()
        .filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| Some(line.split_once(" | ")?.0.to_owned()))
        .collect()
}

/// The differences of a run: the check's name and the whole line.
fn differences(output: &Output) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().filter_map(|line| {
        let name = line.strip_prefix("difference: ")?.split(" | ").next()?;
        Some((name.to_owned(), line.to_owned()))
    });
    lines.collect()
}

type Seen = Arc<Mutex<BTreeSet<String>>>;

fn walk(simulator: &Path, machine: Machine, sim: &[&str], ours: &[&str], seen: &Seen) -> Result<(), Failed> {
    let output = compare(simulator, machine, sim, ours)?;
    let lines = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter(|line| !line.starts_with("diff"))
        .count();
    let least = if ours.contains(&"--only") { 10 } else { 300 };
    if lines < least {
        return Err(format!("only {lines} checks ran").into());
    }
    let known = known();
    let mut unknown = Vec::new();
    for (name, line) in differences(&output) {
        if known.contains(&name) {
            seen.lock().map_err(|e| e.to_string())?.insert(name);
        } else {
            unknown.push(line);
        }
    }
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(unknown.join("\n").into())
    }
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Every trial is a program of its own that waits a lot.
    arguments.test_threads = arguments.test_threads.or(Some(4));
    let (simulator, reason) = match simulator() {
        Ok(simulator) => {
            let reason = obstacle(&simulator);
            (simulator, reason)
        }
        Err(e) => (Default::default(), Some(e)),
    };
    let seen = Seen::default();
    let trial =
        |name: String, machine: Machine, sim: &'static [&'static str], ours: &'static [&'static str]| {
            let (simulator, seen) = (simulator.clone(), Arc::clone(&seen));
            match &reason {
                None => Trial::test(name, move || walk(&simulator, machine, sim, ours, &seen)),
                Some(why) => Trial::test(format!("{name}: {why}"), || Ok(())).with_ignored_flag(true),
            }
        };
    let mut trials: Vec<_> = MACHINES
        .into_iter()
        .map(|machine| trial(format!("table_{machine}"), machine, &[], &["--run", "--change"]))
        .collect();
    let hang: &[_] = &["--run", "--hang", "--only", "fault."];
    for kernel in ["6.18", "7.0", "7.1"] {
        let machine = Machine(kernel, "npu4", "6.24", "sva");
        // Longer than the 2 s that DESTROY_HWCTX waits: the real limit is 60 s.
        trials.push(trial(
            format!("hanging_{machine}"),
            machine,
            &["--job-timeout", "2500"],
            hang,
        ));
    }
    let machine = Machine("7.3", "npu4", "6.24", "sva");
    trials.push(trial(
        format!("hanging_{machine}"),
        machine,
        &["--job-timeout", "1000"],
        hang,
    ));

    // The other path to firmware than the kernel's own.
    let direct: (&[_], &[_]) = (
        &["--force-cmdlist", "false"],
        &["--run", "--force-cmdlist", "no", "--only", "run."],
    );
    let lists: (&[_], &[_]) = (
        &["--force-cmdlist", "true"],
        &["--run", "--force-cmdlist", "yes", "--only", "run."],
    );
    for (kernel, name, (sim, ours)) in [("7.3", "direct", direct), ("6.18", "lists", lists)] {
        let machine = Machine(kernel, "npu4", "6.24", "sva");
        trials.push(trial(format!("{name}_{machine}"), machine, sim, ours));
    }

    let conclusion = libtest_mimic::run(&arguments, trials);
    let whole = reason.is_none() && conclusion.num_filtered_out == 0 && !arguments.list;
    let unneeded: Vec<_> = known()
        .into_iter()
        .filter(|name| !seen.lock().is_ok_and(|seen| seen.contains(name)))
        .collect();
    if whole && !conclusion.has_failed() && !unneeded.is_empty() {
        use std::io::Write;
        let _unheard = writeln!(
            std::io::stderr(),
            "simulated.differs lists what no longer differs: {unneeded:?}"
        );
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}
