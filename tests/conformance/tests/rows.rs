//! Every row of the reference's section 16 is a check, and every check names sections that the reference has.

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

/// A page with the rows that are checks, and `more`.
fn page_with(more: &str) -> String {
    let mut rows: Vec<&str> = checks::all().filter_map(|check| check.row).collect();
    rows.push(more);
    let line = |row: &&str| {
        let (section, title) = row.split_once(' ')?;
        Some(format!(
            "### {section} title\n| Test | On |\n|---|---|\n| {title} | A |\n"
        ))
    };
    rows.iter().filter_map(line).collect()
}

fn a_row_without_a_check_is_noticed() -> Result<(), Failed> {
    every_row_is_a_check(&page_with(""))?;
    match every_row_is_a_check(&page_with("16.4 a row of a later page")) {
        Err(why) if why.message().is_some_and(|m| m.contains("a row of a later page")) => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

/// `3` and `4.1` of `## 3. ioctl dispatch rules` and `### 4.1 Numbers (C)`.
fn sections(page: &str) -> BTreeSet<&str> {
    let titles = page
        .lines()
        .filter(|line| line.starts_with("## ") || line.starts_with("### "));
    titles
        .filter_map(|line| {
            Some(
                line.trim_start_matches('#')
                    .trim()
                    .split(' ')
                    .next()?
                    .trim_end_matches('.'),
            )
        })
        .collect()
}

/// The numbers of sections in a check's source, and the marks of evidence; what stands in brackets says more of either.
fn sources(source: &str) -> (Vec<&str>, Vec<char>) {
    let plain = source
        .split('(')
        .enumerate()
        .map(|(i, part)| match part.split_once(')') {
            Some((_, rest)) if i > 0 => rest,
            _ => part,
        });
    let words = plain
        .flat_map(|part| part.split([' ', ',']))
        .filter(|word| !word.is_empty());
    let (mut numbers, mut marks) = (Vec::new(), Vec::new());
    for word in words {
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            numbers.push(word);
        } else if let [mark] = word.chars().collect::<Vec<_>>()[..] {
            marks.push(mark);
        }
    }
    (numbers, marks)
}

fn every_check_names_its_sections(page: &str) -> Result<(), Failed> {
    let sections = sections(page);
    for check in checks::all() {
        let (numbers, marks) = sources(check.source);
        let unknown: Vec<_> = numbers.iter().filter(|n| !sections.contains(**n)).collect();
        if numbers.is_empty() || !unknown.is_empty() {
            return Err(format!(
                "{} says {:?}: no such sections {unknown:?}",
                check.name, check.source
            )
            .into());
        }
        if let Some(mark) = marks.iter().find(|mark| !"CIDRU".contains(**mark)) {
            return Err(format!("{} says {:?}: no such mark {mark}", check.name, check.source).into());
        }
    }
    Ok(())
}

/// Sections 2 to 11 are the interface.
fn every_section_has_a_check(page: &str) -> Result<(), Failed> {
    let checked: BTreeSet<&str> = checks::all().flat_map(|check| sources(check.source).0).collect();
    let chapter = |section: &str| section.split('.').next()?.parse::<u32>().ok();
    let all = sections(page);
    // A chapter that has sections is those.
    let whole = |section: &&&str| section.contains('.') || !all.contains(&*format!("{section}.1"));
    let missing: Vec<_> = all
        .iter()
        .filter(|section| chapter(section).is_some_and(|n| (2..=11).contains(&n)))
        .filter(whole)
        .filter(|section| !checked.contains(**section))
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!("no check is from sections {missing:?}").into())
    }
}

/// A test that needs the page.
type OfPage = fn(&str) -> Result<(), Failed>;

fn main() -> ExitCode {
    let page = fs::read_to_string(reference()).ok();
    let of_page: [(&str, OfPage); 3] = [
        ("every_row_of_section_16_is_a_check", every_row_is_a_check),
        ("every_check_names_its_sections", every_check_names_its_sections),
        ("every_section_has_a_check", every_section_has_a_check),
    ];
    let mut trials: Vec<Trial> = of_page
        .into_iter()
        .map(|(name, test)| match page.clone() {
            Some(page) => Trial::test(name, move || test(&page)),
            None => {
                let reason = "needs reference/driver-abi.md (XDNA_TESTDATA)";
                Trial::test(format!("{name}: {reason}"), || Ok(())).with_ignored_flag(true)
            }
        })
        .collect();
    trials.push(Trial::test(
        "a_row_without_a_check_is_noticed",
        a_row_without_a_check_is_noticed,
    ));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
