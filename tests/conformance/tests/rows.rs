//! Every row of the reference's section 16 is a check.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use xdna_conformance::checks;

fn reference() -> PathBuf {
    let data = std::env::var_os("XDNA_TESTDATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    data.join("reference/driver-abi.md")
}

/// `16.3 title` for every row of the tables of section 16.
fn rows(page: &str) -> BTreeSet<String> {
    let mut section = "";
    let mut rows = BTreeSet::new();
    for line in page.lines() {
        if let Some(title) = line.strip_prefix("### ").or_else(|| line.strip_prefix("## ")) {
            section = title.split(' ').next().unwrap_or("");
        }
        let cell = line.strip_prefix("| ").and_then(|rest| rest.split(" |").next());
        if let Some(title) = cell.filter(|title| section.starts_with("16.") && *title != "Test") {
            rows.insert(format!("{section} {title}"));
        }
    }
    rows
}

fn every_row_is_a_check(page: &str) -> Result<(), Failed> {
    let wanted = rows(page);
    if wanted.len() < 50 {
        return Err(format!("only {} rows found in the page", wanted.len()).into());
    }
    let ours: BTreeSet<_> = checks::all()
        .filter_map(|check| check.row)
        .map(str::to_owned)
        .collect();
    let missing: Vec<_> = wanted.difference(&ours).collect();
    let unknown: Vec<_> = ours.difference(&wanted).collect();
    if missing.is_empty() && unknown.is_empty() {
        Ok(())
    } else {
        Err(
            format!("rows without a check: {missing:#?}\nrows that the page does not have: {unknown:#?}")
                .into(),
        )
    }
}

fn main() -> ExitCode {
    let page = fs::read_to_string(reference());
    let reason = "needs reference/driver-abi.md (XDNA_TESTDATA)";
    let name = "every_row_of_section_16_is_a_check";
    let trial = match page {
        Ok(page) => Trial::test(name, move || every_row_is_a_check(&page)),
        Err(_) => Trial::test(format!("{name}: {reason}"), || Ok(())).with_ignored_flag(true),
    };
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit_code()
}
