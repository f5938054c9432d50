//! `xdna report`: one file to attach to a bug report.

mod redact;

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::Command;

use clap::Args;
use serde_json::{Value, json};
use xdna_terminal::{Exit, Out, say};

use crate::doctor::{Diagnosis, diagnose, driver_log};
use crate::info::Info;
use crate::reported::{Missing, Reported};
use crate::show::object;
use crate::target::{Target, is_simulated};
use crate::{Common, contexts, errors, memory, sensors, telemetry};
use redact::Redactor;

#[derive(Args, Debug)]
#[command(after_help = "\
What is written is said first. The names of this host, its users and their directories, and hardware
addresses are replaced; the names of programs that use the NPU stay. Nothing is sent anywhere.

Example:
  xdna report --output npu.json")]
pub struct Bundle {
    /// File to write, which must not be there yet
    #[arg(long, short, value_name = "FILE", default_value = "xdna-report.json")]
    output: PathBuf,
    /// Run the conformance checks, too, and add what differs: takes all contexts for moments
    #[arg(long)]
    conformance: bool,
    /// Say what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    common: Common,
}

/// Parts of the bundle, and what they hold.
const PARTS: [(&str, &str); 6] = [
    ("versions", "of xdna, the kernel and the processor's name"),
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
        "where the driver differs from the table of xdna conformance, if asked for",
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
    let file = OpenOptions::new().write(true).create_new(true).open(&args.output);
    let mut file = file.map_err(|e| match e.kind() {
        ErrorKind::AlreadyExists => anyhow::anyhow!("{path} is there already: --output names another file"),
        _ => anyhow::Error::from(e).context(path.to_string()),
    })?;
    if let Err(e) = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()) {
        // Half a bundle is none.
        let left = std::fs::remove_file(&args.output).err();
        let left = left.map_or(String::new(), |e| format!(", and what is there of it stays: {e}"));
        return Err(anyhow::Error::from(e).context(format!("{path} was not written{left}")));
    }
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

fn bundle(args: &Bundle, diagnosis: &Diagnosis) -> anyhow::Result<Value> {
    let target = Target::open(args.common);
    let missing = |e: &anyhow::Error| json!({"missing": format!("{e:#}")});
    let (device, usage) = match &target {
        Ok(target) => (object(&Info::of(target))?, in_use(target)),
        Err(e) => (missing(e), missing(e)),
    };
    let conformance = if args.conformance {
        conformance()
    } else {
        Reported::Missing(Missing::Failed("not asked for: --conformance".into()))
    };
    Ok(json!({
        "schema": "xdna.report/1",
        "simulated": is_simulated(),
        "versions": {
            "xdna": env!("CARGO_PKG_VERSION"),
            "kernel": diagnosis.kernel(),
            "processor": diagnosis.processor(),
        },
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

/// What differs from the table, and the sum, of `xdna conformance --check`, which must be a program of its own: it forks.
fn conformance() -> Reported<Vec<String>> {
    let run = || -> anyhow::Result<Vec<String>> {
        let output = Command::new(std::env::current_exe()?)
            .args(["conformance", "--check"])
            .output()?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        let is_told =
            |line: &&str| line.starts_with("difference: ") || line.starts_with("xdna-conformance: ");
        let told: Vec<_> = text.lines().filter(is_told).map(xdna_terminal::clean).collect();
        let last = text.lines().last().unwrap_or_default();
        anyhow::ensure!(
            !told.is_empty(),
            "the checks did not run: {}",
            xdna_terminal::clean(last)
        );
        Ok(told)
    };
    run().map_or_else(
        |e| Reported::Missing(Missing::Failed(format!("{e:#}"))),
        Reported::Is,
    )
}
