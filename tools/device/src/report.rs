//! `xdna report`: one file to attach to a bug report.

mod checks;
mod redact;
mod versions;

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use xdna_terminal::{Exit, Out, say};

use crate::doctor::{Diagnosis, diagnose, driver_log};
use crate::ending::full_files_are_errors;
use crate::info::Info;
use crate::show::object;
use crate::target::{Target, is_simulated};
use crate::{Common, contexts, errors, memory, sensors, telemetry};
use redact::Redactor;

#[derive(Args, Debug)]
#[command(after_help = "\
What is written is said first. The names of this host, its users and their directories, and hardware
addresses are replaced; the names of programs that use the NPU stay. Nothing is sent anywhere.
The conformance checks take all contexts for moments: they are left out while other programs use the NPU.

Examples:
  xdna report --dry-run
  xdna report --output npu.json")]
pub struct Bundle {
    /// File to write, which must not be there yet
    #[arg(long, short, value_name = "FILE", default_value = "xdna-report.json")]
    output: PathBuf,
    /// Run the conformance checks even while other programs use the NPU
    #[arg(long, conflicts_with = "no_conformance")]
    conformance: bool,
    /// Leave the conformance checks out
    #[arg(long)]
    no_conformance: bool,
    /// Say what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    common: Common,
}

/// Parts of the bundle, and what they hold.
const PARTS: [(&str, &str); 6] = [
    (
        "versions",
        "of xdna, distribution, kernel, driver module and firmware files; the processor's name",
    ),
    (
        "doctor",
        "the findings of xdna doctor, with the evidence for each",
    ),
    ("device", "what xdna info shows, or why it can't"),
    (
        "use",
        "contexts, memory, errors, sensors and counters of the NPU, with the names of programs that use it",
    ),
    ("kernel_log", "the driver's lines of the kernel log"),
    (
        "conformance",
        "where the driver differs from the table of xdna conformance",
    ),
];

/// Writes the bundle.
pub(crate) fn run(args: &Bundle, out: &mut Out) -> anyhow::Result<Exit> {
    let path = args.output.display();
    say(&format!(
        "{path} {} contain:",
        if args.dry_run { "would" } else { "will" }
    ));
    for (part, what) in PARTS {
        say(&format!("  {part}: {what}"));
    }
    say("Names of this host, of users and their directories, and hardware addresses are replaced.");
    let parts = PARTS.map(|(part, _)| part);
    if args.dry_run {
        if args.common.json {
            out.json(&json!({
                "schema": "xdna.report-written/1", "path": args.output.to_string_lossy(), "bytes": null, "parts": parts,
            }))?;
        }
        return Ok(Exit::Done);
    }
    let diagnosis = diagnose(None, args.common.device)?;
    let bundle = Redactor::of_this_machine().object(bundle(args, &diagnosis)?);
    let text = serde_json::to_string_pretty(&bundle)? + "\n";
    write(&args.output, &text)?;
    if args.common.json {
        out.json(&json!({
            "schema": "xdna.report-written/1", "path": args.output.to_string_lossy(), "bytes": text.len(), "parts": parts,
        }))?;
    } else {
        out.line(&format!(
            "wrote {path}, {}: read it before you attach it",
            xdna_terminal::bytes(text.len() as u64)
        ))?;
    }
    Ok(Exit::Done)
}

/// Writes a new file; of one that the disk has no room for, nothing stays.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    full_files_are_errors()?;
    let open = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = open.map_err(|e| match e.kind() {
        ErrorKind::AlreadyExists => {
            anyhow::anyhow!("{} is there already: --output names another file", path.display())
        }
        _ => anyhow::Error::from(e).context(path.display().to_string()),
    })?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|e| {
        let left = match fs::remove_file(path) {
            Ok(()) => "",
            Err(_) => ", and what was written of it can't be removed",
        };
        anyhow::Error::from(e).context(format!("{}{left}", path.display()))
    })
}

fn bundle(args: &Bundle, diagnosis: &Diagnosis) -> anyhow::Result<Value> {
    let target = Target::open(args.common);
    let missing = |e: &anyhow::Error| json!({"missing": format!("{e:#}")});
    let (device, usage) = match &target {
        Ok(target) => (object(&Info::of(target))?, in_use(target)),
        Err(e) => (missing(e), missing(e)),
    };
    let conformance = match &target {
        _ if args.conformance => checks::run(),
        _ if args.no_conformance => checks::left_out("left out: --no-conformance"),
        Ok(target) if contexts::list(&target.device)?.is_empty() => checks::run(),
        Ok(_) => checks::left_out("left out while other programs use the NPU: --conformance"),
        Err(_) => checks::left_out("there is no NPU to check"),
    };
    Ok(json!({
        "schema": "xdna.report/1",
        "simulated": is_simulated(),
        "versions": versions::all(diagnosis),
        "doctor": object(diagnosis)?,
        "device": device,
        "use": usage,
        "kernel_log": driver_log(),
        "conformance": conformance,
    }))
}

fn in_use(target: &Target) -> Value {
    let device = &target.device;
    let told =
        |result: anyhow::Result<Value>| result.unwrap_or_else(|e| json!({"missing": format!("{e:#}")}));
    json!({
        "contexts": told(contexts::list(device).map(|list| json!(list))),
        "memory": told(memory::list(device).map(|(list, _)| json!(list))),
        "last_error": errors::last(device),
        "sensors": sensors::read(device),
        "telemetry": telemetry::read(device),
    })
}
