//! What was seen and what was allowed, as lines or as one JSON object.

use std::fmt::Write as _;

use crate::axes::{Profile, allowed};
use crate::check::Check;

/// One check's outcome.
#[derive(Clone, Debug)]
pub struct Line {
    /// The check.
    pub check: Check,
    /// What it saw.
    pub outcome: String,
    /// What it may see, given what is known.
    pub allowed: Vec<&'static str>,
}

impl Line {
    /// Pairs an outcome with what `profiles` allow.
    pub fn new(check: Check, outcome: String, profiles: &[Profile]) -> Self {
        Self {
            allowed: allowed(check.rules, profiles),
            check,
            outcome,
        }
    }

    /// True if nothing was checked here.
    pub fn skipped(&self) -> bool {
        self.outcome.starts_with("skip: ") || self.outcome.starts_with("n/a: ")
    }

    /// True if the outcome is none of the allowed ones.
    pub fn differs(&self) -> bool {
        !self.skipped() && !self.allowed.contains(&self.outcome.as_str())
    }

    /// `name | outcome`.
    pub fn text(&self) -> String {
        format!("{} | {}", self.check.name, self.outcome)
    }

    /// The difference, with its source.
    pub fn difference(&self) -> String {
        let Check { name, source, .. } = self.check;
        format!(
            "difference: {name} | got {} | allowed {} | section {source}",
            self.outcome,
            self.allowed.join(" or ")
        )
    }

    fn json(&self) -> String {
        let allowed: Vec<_> = self.allowed.iter().map(|text| quote(text)).collect();
        format!(
            "{{\"name\":{},\"source\":{},\"row\":{},\"outcome\":{},\"allowed\":[{}],\"differs\":{}}}",
            quote(self.check.name),
            quote(self.check.source),
            self.check.row.map_or("null".into(), quote),
            quote(&self.outcome),
            allowed.join(","),
            self.differs(),
        )
    }
}

/// The whole run as one JSON object.
pub fn json(lines: &[Line], version: (i32, i32), profiles: &[Profile]) -> String {
    let mut text = String::from("{\"schema\":\"xdna.conformance/1\",\"driver\":");
    let _infallible = write!(
        text,
        "[{},{}],\"profiles\":{}",
        version.0,
        version.1,
        profiles.len()
    );
    let checks: Vec<_> = lines.iter().map(Line::json).collect();
    let (skipped, different) = counts(lines);
    let _infallible = write!(
        text,
        ",\"total\":{},\"skipped\":{skipped},\"different\":{different},\"checks\":[\n{}\n]}}",
        lines.len(),
        checks.join(",\n")
    );
    text
}

/// How many lines were skipped, how many differ.
pub fn counts(lines: &[Line]) -> (usize, usize) {
    (
        lines.iter().filter(|line| line.skipped()).count(),
        lines.iter().filter(|line| line.differs()).count(),
    )
}

fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _infallible = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axes::{Kernel, When};
    use crate::check::{check, yes};

    const CHECK: Check = check(
        "a.b",
        "5.2 R",
        |_| yes(true),
        &[(When::To(Kernel::V7_1), "EINVAL"), (When::Any, "yes")],
    );

    #[test]
    fn a_difference_names_every_allowed_outcome_and_the_section() {
        let line = Line::new(CHECK, "no".into(), &Profile::all());
        assert!(line.differs());
        assert_eq!(
            line.difference(),
            "difference: a.b | got no | allowed EINVAL or yes | section 5.2 R"
        );
        assert!(!Line::new(CHECK, "skip: needs root".into(), &Profile::all()).differs());
    }

    #[test]
    fn json_strings_are_quoted() {
        assert_eq!(quote("a\"b\\\n"), "\"a\\\"b\\\\\\u000a\"");
    }
}
