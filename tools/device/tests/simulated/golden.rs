//! What each verb prints, on two devices under three kernels, while another program holds a context.

use std::process::ExitCode;

use libtest_mimic::Failed;

use super::holder::Holder;
use super::roles::{Test, end, me, under};

const VERBS: &[&[&str]] = &[
    &["info"],
    &["contexts"],
    &["errors"],
    &["sensors"],
    &["telemetry"],
    &["memory"],
    &["tiles"],
    &["tiles", "--raw"],
    &["power"],
    &["power", "set", "medium", "--dry-run"],
    &["power", "set", "turbo", "--dry-run"],
];

/// Runs every verb, for people and for programs, and prints what it prints.
pub fn scene() -> ExitCode {
    let holder = Holder::start(1, false);
    for verb in VERBS {
        for json in [&[][..], &["--json"]] {
            let output = me("--tool")
                .args(*verb)
                .args(json)
                .output()
                .expect("the tool runs");
            let (code, stdout, stderr) = end(output);
            let stable = stable(&stdout, holder.pid());
            let words = [*verb, json].concat().join(" ");
            println!(
                "$ xdna {words}\n{stable}{stderr}exit code {}\n",
                code.unwrap_or(-1)
            );
        }
    }
    ExitCode::SUCCESS
}

/// `text` with the holder's process number made 7, and the columns of tables that it widened made narrow.
fn stable(text: &str, pid: u32) -> String {
    let plain = text
        .replace(&format!("[{pid}]"), "[7]")
        .replace(&format!("\"pid\":{pid}"), "\"pid\":7");
    if plain == text || text.starts_with('{') {
        return plain;
    }
    let lines = plain.lines().map(|line| {
        let cells: Vec<_> = line
            .split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .collect();
        cells.join("  ") + "\n"
    });
    lines.collect()
}

/// A test for every device and kernel.
pub fn tests() -> Vec<Test> {
    let pairs = ["npu1", "npu4"]
        .iter()
        .flat_map(|d| ["6.17", "6.19", "7.2"].map(|k| (*d, k)));
    let test = |(device, kernel): (&'static str, &'static str)| -> Test {
        let check = move || check(device, kernel);
        (format!("golden/{device}/linux-{kernel}"), Box::new(check))
    };
    pairs.map(test).collect()
}

fn check(device: &str, kernel: &str) -> Result<(), Failed> {
    // One command at a time makes counters and sensors stand still between the verbs.
    let output = under(&format!("--device {device} --kernel {kernel}"), "--golden", &[]).output()?;
    let (code, stdout, stderr) = end(output);
    if code != Some(0) {
        return Err(format!("{code:?}: {stdout}{stderr}").into());
    }
    for object in stdout.lines().filter(|line| line.starts_with('{')) {
        let object: serde_json::Value = serde_json::from_str(object)?;
        let schema = object["schema"].as_str().unwrap_or_default();
        if !schema.starts_with("xdna.") || !schema.ends_with("/1") {
            return Err(format!("schema {schema:?}").into());
        }
    }
    insta::assert_snapshot!(format!("{device}-linux-{kernel}"), stdout);
    Ok(())
}
