//! `xdna config`.

use clap::Command;
use serde_json::{Value, json};
use xdna_terminal::{Out, Table};

use super::{Setting, keys};
use crate::args::Config;

/// Shows every setting, its value and, where asked, who made it.
///
/// # Errors
/// As [`super::load`]; where stdout takes no more.
pub(crate) fn show(args: &Config, verb: &Command, out: &mut Out) -> anyhow::Result<()> {
    let settings = super::load(verb)?;
    let rows: Vec<_> = keys(verb)
        .map(|(key, arg)| {
            let made = settings.iter().find(|s| s.key == key);
            let default = || {
                let values: Vec<_> = arg
                    .get_default_values()
                    .iter()
                    .map(|v| v.to_string_lossy())
                    .collect();
                (!values.is_empty()).then(|| values.join(","))
            };
            let value = made.map(|s: &Setting| s.value.clone()).or_else(default);
            (
                key,
                value,
                made.map_or_else(|| "default".to_owned(), |s| s.origin.to_string()),
            )
        })
        .collect();
    if args.json {
        let row = |(key, value, origin): &(String, Option<String>, String)| json!({"key": key, "value": value, "origin": origin});
        let settings: Vec<Value> = rows.iter().map(row).collect();
        out.json(&json!({"schema": "xdna.config/1", "settings": settings}))?;
        return Ok(());
    }
    let mut table = Table::new(if args.show_origin {
        vec!["setting", "value", "origin"]
    } else {
        vec!["setting", "value"]
    });
    for (key, value, origin) in rows {
        let value = value.unwrap_or_else(|| "-".to_owned());
        table.row(if args.show_origin {
            vec![key, value, origin]
        } else {
            vec![key, value]
        });
    }
    Ok(out.table(&table)?)
}
