//! `xdna diff`: what changed between two snapshots, or two files for an NPU.

mod align;
mod documents;
mod values;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use serde::Serialize;
use serde_json::Value;
use xdna_terminal::{Exit, Out, Table};

use crate::dump::{Document, How, cell};
use crate::show::{self, View};
use values::{Difference, compare, plain};

#[derive(Args, Debug)]
#[command(after_help = "\
Files are what a verb printed with --json, JSON lines of xdna record (then their last lines), or files
that xdna dump reads. These are compared by structure: sections and kernels by name, images by uuid,
operations and registers in their order, so that one that was put in is one difference.
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

/// A file that was read: what it says, and its bytes if it is one for an NPU.
struct Read {
    object: Value,
    bytes: Option<Vec<u8>>,
}

/// Compares two files.
pub(crate) fn run(args: &Diff, out: &mut Out) -> anyhow::Result<Exit> {
    let [a, b] = [&args.a, &args.b].map(|path| read(path).with_context(|| path.display().to_string()));
    let (a, b) = (a?, b?);
    for key in ["schema", "kind"] {
        if a.object[key] != b.object[key] {
            bail!(
                "the first is {}, the second {}: they can't be compared",
                plain(&a.object[key]),
                plain(&b.object[key])
            );
        }
    }
    let mut differences = if a.object["schema"] == Document::SCHEMA {
        documents::differences(&a.object, &b.object)
    } else {
        let mut differences = Vec::new();
        compare("", &a.object, &b.object, &mut differences);
        differences
    };
    if let (Some(a), Some(b)) = (&a.bytes, &b.bytes)
        && differences.is_empty()
        && a != b
    {
        differences.push(unnamed(a, b));
    }
    let exit = if differences.is_empty() {
        Exit::Done
    } else {
        Exit::Failed
    };
    show::print(&Differences { differences }, args.json, out)?;
    Ok(exit)
}

/// The first byte that differs between files whose structure is the same.
fn unnamed(a: &[u8], b: &[u8]) -> Difference {
    let at = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let byte = |bytes: &[u8]| bytes.get(at).map(|byte| format!("{byte:#04x}").into());
    Difference {
        path: format!("byte {at:#x}, outside of what is compared"),
        before: byte(a),
        after: byte(b),
    }
}

fn read(path: &Path) -> anyhow::Result<Read> {
    let bytes = crate::dump::bytes(path)?;
    // What happens to be text, hexadecimal above all, is a file for an NPU, too.
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    if !text.trim_start().starts_with('{') {
        let how = How {
            disasm: true,
            ..How::default()
        };
        return Ok(Read {
            object: show::object(&crate::dump::read(&bytes, how)?)?,
            bytes: Some(bytes),
        });
    }
    let object = serde_json::from_str(text).or_else(|_| {
        let mut lines = text.lines().rev();
        let last = lines.find(|line| !line.trim().is_empty()).unwrap_or_default();
        serde_json::from_str(last).context("neither a JSON object nor JSON lines")
    });
    Ok(Read {
        object: object?,
        bytes: None,
    })
}

impl View for Differences {
    const SCHEMA: &'static str = "xdna.diff/1";

    fn text(&self) -> String {
        if self.differences.is_empty() {
            return "no differences\n".into();
        }
        let mut table = Table::untitled();
        for d in &self.differences {
            let numbers = |value: &Option<Value>| value.as_ref().and_then(Value::as_f64);
            let (mark, value) = match (&d.before, &d.after) {
                (Some(before), None) => ("-", row(before)),
                (None, Some(after)) => ("+", row(after)),
                (before, after) => {
                    let text = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), row);
                    let change = numbers(before).zip(numbers(after));
                    let change = change.map_or(String::new(), |(a, b)| format!(" ({:+})", b - a));
                    ("~", format!("{} -> {}{change}", text(before), text(after)))
                }
            };
            table.row([mark, &d.path, &value]);
        }
        format!("- in the first alone, + in the second alone, ~ in both and not the same\n{table}")
    }
}

/// A value on a line; of an operation what it is, where, and what it writes, in this order.
fn row(value: &Value) -> String {
    let Some(map) = value.as_object().filter(|map| map.contains_key("operation")) else {
        return cell(value);
    };
    let order = ["operation", "tile", "place", "value", "detail"];
    let first = order.iter().filter_map(|key| map.get(*key));
    let rest = map.iter().filter(|(key, _)| !order.contains(&key.as_str()));
    let rest = rest.map(|(key, value)| format!("{key}={}", cell(value)));
    first.map(cell).chain(rest).collect::<Vec<_>>().join(" ")
}
