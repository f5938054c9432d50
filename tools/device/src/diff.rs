//! `xdna diff`: what changed between two snapshots, or two files for an NPU.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use serde::Serialize;
use serde_json::Value;
use xdna_terminal::{Exit, Out, Table};

use crate::dump::How;
use crate::show::{self, View};

#[derive(Args, Debug)]
#[command(after_help = "\
Files are what a verb printed with --json, JSON lines of xdna record (then their last lines), or files
that xdna dump reads: these are compared operation by operation.
Exit code: 0 the same, 1 different.

Examples:
  xdna info --json > before; ...; xdna info --json > after; xdna diff before after
  xdna diff old.xclbin new.xclbin")]
pub struct Diff {
    /// The first file
    a: PathBuf,
    /// The second file
    b: PathBuf,
    /// Print one JSON object, schema xdna.diff/1
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Differences {
    differences: Vec<Difference>,
}

/// A value that is not the same.
#[derive(Debug, PartialEq, Serialize)]
struct Difference {
    /// Where, as in `contexts[0].submissions`.
    path: String,
    /// `None` where there is none.
    before: Option<Value>,
    after: Option<Value>,
}

/// Compares two files.
pub(crate) fn run(args: &Diff, out: &mut Out) -> anyhow::Result<Exit> {
    let [a, b] = [&args.a, &args.b].map(|path| read(path).with_context(|| path.display().to_string()));
    let (a, b) = (a?, b?);
    if a["schema"] != b["schema"] {
        bail!(
            "the first is {}, the second {}: they can't be compared",
            a["schema"],
            b["schema"]
        );
    }
    let mut differences = Vec::new();
    compare("", &a, &b, &mut differences);
    let exit = if differences.is_empty() {
        Exit::Done
    } else {
        Exit::Failed
    };
    show::print(&Differences { differences }, args.json, out)?;
    Ok(exit)
}

fn read(path: &Path) -> anyhow::Result<Value> {
    let bytes = fs::read(path)?;
    // What happens to be text, hexadecimal above all, is a file for an NPU, too.
    let text = String::from_utf8(bytes.clone()).unwrap_or_default();
    if !text.trim_start().starts_with('{') {
        return file(&bytes);
    }
    if let Ok(object) = serde_json::from_str(&text) {
        return Ok(object);
    }
    let last = text
        .lines()
        .rfind(|line| !line.trim().is_empty())
        .context("the file is empty")?;
    serde_json::from_str(last).context("neither a JSON object nor JSON lines")
}

/// What is in a file for an NPU, every operation.
fn file(bytes: &[u8]) -> anyhow::Result<Value> {
    let how = How {
        disasm: true,
        ..How::default()
    };
    show::object(&crate::dump::read(bytes, how)?)
}

/// What tells an element of a list from the others: so that one that went does not make all behind it differ.
fn identity(value: &Value) -> Option<String> {
    let map = value.as_object()?;
    let keys = ["pid", "id", "context", "column", "label", "title"];
    let known: Vec<_> = keys
        .iter()
        .filter_map(|key| Some(format!("{key}={}", map.get(*key)?)))
        .collect();
    (!known.is_empty()).then(|| known.join(","))
}

fn compare(path: &str, a: &Value, b: &Value, out: &mut Vec<Difference>) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            for key in keys {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                both(&path, a.get(key), b.get(key), out);
            }
        }
        (Value::Array(a), Value::Array(b)) => list(path, a, b, out),
        (a, b) if a == b => {}
        (a, b) => both_differ(path, Some(a), Some(b), out),
    }
}

fn list(path: &str, a: &[Value], b: &[Value], out: &mut Vec<Difference>) {
    let names = |list: &[Value]| list.iter().map(identity).collect::<Option<Vec<_>>>();
    let unique = |names: &[String]| {
        names
            .iter()
            .all(|n| names.iter().filter(|m| *m == n).count() == 1)
    };
    match (names(a), names(b)) {
        (Some(na), Some(nb)) if unique(&na) && unique(&nb) => {
            for (name, value) in na.iter().zip(a) {
                let other = nb.iter().position(|n| n == name).map(|i| &b[i]);
                both(&format!("{path}[{name}]"), Some(value), other, out);
            }
            for (name, value) in nb.iter().zip(b).filter(|(name, _)| !na.contains(name)) {
                both(&format!("{path}[{name}]"), None, Some(value), out);
            }
        }
        _ => {
            for i in 0..a.len().max(b.len()) {
                both(&format!("{path}[{i}]"), a.get(i), b.get(i), out);
            }
        }
    }
}

fn both(path: &str, a: Option<&Value>, b: Option<&Value>, out: &mut Vec<Difference>) {
    match (a, b) {
        (Some(a), Some(b)) => compare(path, a, b, out),
        (a, b) => both_differ(path, a, b, out),
    }
}

fn both_differ(path: &str, a: Option<&Value>, b: Option<&Value>, out: &mut Vec<Difference>) {
    out.push(Difference {
        path: path.to_owned(),
        before: a.cloned(),
        after: b.cloned(),
    });
}

impl View for Differences {
    const SCHEMA: &'static str = "xdna.diff/1";

    fn text(&self) -> String {
        if self.differences.is_empty() {
            return "no differences\n".into();
        }
        let mut table = Table::new(["what", "before", "after", "change"]);
        for d in &self.differences {
            let text = |value: &Option<Value>| match value {
                None => "-".to_owned(),
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            };
            let numbers = d
                .before
                .as_ref()
                .and_then(Value::as_f64)
                .zip(d.after.as_ref().and_then(Value::as_f64));
            let change = numbers.map_or(String::new(), |(a, b)| format!("{:+}", b - a));
            table.row([d.path.clone(), text(&d.before), text(&d.after), change]);
        }
        table.to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(a: &Value, b: &Value) -> Vec<String> {
        let mut out = Vec::new();
        compare("", a, b, &mut out);
        out.into_iter().map(|d| d.path).collect()
    }

    #[test]
    fn elements_are_compared_by_what_they_are() {
        let a = json!({"contexts": [{"pid": 1, "id": 1, "n": 5}, {"pid": 2, "id": 1, "n": 7}], "x": [1, 2]});
        let b = json!({"contexts": [{"pid": 2, "id": 1, "n": 8}], "x": [1, 3, 4], "y": null});
        assert_eq!(
            paths(&a, &b),
            [
                "contexts[pid=1,id=1]",
                "contexts[pid=2,id=1].n",
                "x[1]",
                "x[2]",
                "y"
            ]
        );
        assert_eq!(paths(&a, &a), Vec::<String>::new());
    }
}
