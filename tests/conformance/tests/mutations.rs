//! Shows that the checks can fail: every rule of the simulator is switched off in turn, and the check that
//! `mutations.txt` names for it must see another outcome than with the rule on.

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};
use support::{Machine, compare, obstacle, simulator};

/// How a rule is shown to matter.
#[derive(Clone, Copy, Debug)]
struct Case {
    machine: Machine,
    check: &'static str,
    sim: &'static str,
}

/// `rule | kernel device firmware mode | check | arguments of the simulator` per line, or `rule | never | reason`.
fn cases() -> BTreeMap<&'static str, Result<Case, &'static str>> {
    let lines = include_str!("mutations.txt")
        .lines()
        .filter(|line| !line.starts_with('#'));
    let cases = lines.filter_map(|line| {
        let mut parts = line.split('|').map(str::trim);
        let (rule, machine, check, sim) = (
            parts.next()?,
            parts.next()?,
            parts.next()?,
            parts.next().unwrap_or(""),
        );
        if machine == "never" {
            return Some((rule, Err(check)));
        }
        let mut axes = machine.split(' ');
        let machine = Machine(axes.next()?, axes.next()?, axes.next()?, axes.next()?);
        Some((rule, Ok(Case { machine, check, sim })))
    });
    cases.collect()
}

/// What the named check sees.
fn outcome(simulator: &Path, case: Case, without: Option<&str>) -> Result<String, Failed> {
    let mut sim: Vec<_> = case.sim.split_whitespace().collect();
    sim.extend(without.iter().flat_map(|rule| ["--without", rule]));
    let ours = ["--only", case.check, "--run", "--hang", "--slow", "--change"];
    let output = compare(simulator, case.machine, &sim, &ours)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text
        .lines()
        .filter_map(|line| line.strip_prefix(case.check)?.strip_prefix(" | "));
    Ok(lines.next().ok_or("the check did not run")?.to_owned())
}

fn notices(simulator: &Path, rule: &str, case: Case) -> Result<(), Failed> {
    let on = outcome(simulator, case, None)?;
    if on.starts_with("skip: ") {
        return Err(format!("{} | {on}", case.check).into());
    }
    let off = outcome(simulator, case, Some(rule))?;
    if on == off {
        Err(format!("{} says {on:?} with and without the rule", case.check).into())
    } else {
        Ok(())
    }
}

fn rules(simulator: &Path) -> Result<Vec<String>, String> {
    let output = Command::new(simulator)
        .arg("--list-rules")
        .output()
        .map_err(|e| e.to_string())?;
    Ok(String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect())
}

fn trials(simulator: PathBuf) -> Result<Vec<Trial>, String> {
    let cases = cases();
    let rules = rules(&simulator)?;
    let mut trials = Vec::new();
    for rule in &rules {
        let (rule, simulator) = (rule.clone(), simulator.clone());
        let name = format!("without_{rule}");
        trials.push(match cases.get(rule.as_str()).copied() {
            Some(Ok(case)) => Trial::test(name, move || notices(&simulator, &rule, case)),
            Some(Err(why)) => Trial::test(format!("{name}: {why}"), || Ok(())).with_ignored_flag(true),
            None => Trial::test(name, move || {
                Err(format!("mutations.txt names no check for {rule}").into())
            }),
        });
    }
    let stale: Vec<_> = cases
        .keys()
        .filter(|rule| !rules.iter().any(|known| known == *rule))
        .copied()
        .collect();
    trials.push(Trial::test("every_case_is_a_rule", move || {
        if stale.is_empty() {
            Ok(())
        } else {
            Err(format!("no such rules: {stale:?}").into())
        }
    }));
    Ok(trials)
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(4));
    let trials = simulator().and_then(|simulator| match obstacle(&simulator) {
        None => trials(simulator),
        Some(why) => Err(why),
    });
    let trials = trials.unwrap_or_else(|why| {
        vec![Trial::test(format!("without_each_rule: {why}"), || Ok(())).with_ignored_flag(true)]
    });
    libtest_mimic::run(&arguments, trials).exit_code()
}
