//! `xdna models`: which models there are, and where they are on this machine.

use clap::Args;
use indicatif::{DecimalBytes, HumanCount};
use serde_json::{Value, json};
use xdna_whisper::model::{
    locate::{Found, Places},
    registry::Known,
};

use xdna_terminal::{Out, Table};

use crate::bundled;

#[derive(Args, Debug)]
#[command(after_help = "\
Sizes are those of the weights: in float16 for a name, on disk for a file or directory. A name,
a path and a name of the second table are what --model takes.

Examples:
  xdna models
  xdna models --json")]
pub(crate) struct Models {
    /// Print one JSON object, schema `xdna.models/1`
    #[arg(long)]
    pub(crate) json: bool,
}

/// Lists the known models and what of them is on disk, then other models on disk.
///
/// # Errors
/// Where stdout takes no more.
pub(crate) fn run(args: &Models, places: &Places, out: &mut Out) -> anyhow::Result<()> {
    let (known, others) = (places.inventory(), places.others());
    if args.json {
        return Ok(out.json(&object(places, &known, &others))?);
    }
    let mut table = Table::new(["model", "weights", "float16", "licence", "on disk"]);
    for (model, found) in &known {
        let name = model
            .alias
            .map_or(model.name.to_owned(), |alias| format!("{} ({alias})", model.name));
        let weights = HumanCount(model.parameters()).to_string();
        let cells = [
            name,
            weights,
            DecimalBytes(model.f16_bytes()).to_string(),
            model.licence.to_owned(),
        ];
        let mut lines = found.iter().map(on_disk);
        table.row(
            cells
                .into_iter()
                .chain([lines.next().unwrap_or_else(|| "-".to_owned())]),
        );
        for line in lines {
            table.row(["", "", "", "", line.as_str()]);
        }
    }
    out.table(&table)?;
    if bundled::model().is_some() || !others.is_empty() {
        let mut table = Table::new(["other", "on disk"]);
        if let Some((bytes, origin)) = bundled::model() {
            let size = DecimalBytes(bytes.len() as u64).to_string();
            table.row([bundled::NAME, &format!("{origin} (whisper.cpp, {size})")]);
        }
        others.iter().for_each(|(name, found)| {
            table.row([name.as_str(), &on_disk(found)]);
        });
        out.line("")?;
        out.table(&table)?;
    }
    Ok(())
}

fn on_disk(found: &Found) -> String {
    let readable = if !found.kind.is_readable() {
        ", not read"
    } else {
        ""
    };
    format!(
        "{} ({}, {}{readable})",
        found.path.display(),
        found.kind,
        DecimalBytes(found.bytes)
    )
}

fn object(places: &Places, known: &[(&'static Known, Vec<Found>)], others: &[(String, Found)]) -> Value {
    let file = |found: &Found| {
        json!({
            "path": found.path.to_string_lossy(),
            "kind": found.kind.to_string(),
            "bytes": found.bytes,
            "readable": found.kind.is_readable(),
        })
    };
    let model = |(known, found): &(&'static Known, Vec<Found>)| {
        json!({
            "name": known.name,
            "alias": known.alias,
            "repository": known.repository,
            "licence": known.licence,
            "parameters": known.parameters(),
            "f16_bytes": known.f16_bytes(),
            "on_disk": found.iter().map(file).collect::<Vec<_>>(),
        })
    };
    let other = |(name, found): &(String, Found)| json!({"name": name, "on_disk": file(found)});
    json!({
        "schema": "xdna.models/1",
        "directory": places.own().map(|dir| dir.to_string_lossy()),
        "bundled": bundled::model().map(|(bytes, origin)| json!({"name": bundled::NAME, "origin": origin, "bytes": bytes.len()})),
        "models": known.iter().map(model).collect::<Vec<_>>(),
        "others": others.iter().map(other).collect::<Vec<_>>(),
    })
}
