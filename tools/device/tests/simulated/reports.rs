//! `xdna report`, on simulated NPUs.

use std::fs;

use libtest_mimic::Failed;
use serde_json::Value;

use super::roles::{Test, check, end, test, under};

/// The tests.
pub fn tests() -> Vec<Test> {
    vec![
        test("report/says_what_it_writes_and_writes_once", report),
        test("report/has_what_conformance_finds", conformance),
        test("report/has_no_name_of_the_user", redacted),
    ]
}

fn report() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("bundle.json");
    let path = file.to_str().ok_or("a path in UTF-8")?;
    let run = |more: &[&str]| {
        let args = [&["report", "--output", path], more].concat();
        under("--device npu1", "--tool", &args).output().map(end)
    };
    let (code, stdout, stderr) = run(&["--dry-run"])?;
    check(
        code == Some(0) && stdout.is_empty() && !file.exists(),
        format!("{code:?} {stdout}"),
    )?;
    check(
        stderr.contains("would contain:") && stderr.contains("kernel_log"),
        stderr,
    )?;
    let (code, _, stderr) = run(&[])?;
    check(code == Some(0) && stderr.contains("will contain:"), &stderr)?;
    let text = fs::read_to_string(&file)?;
    let object: Value = serde_json::from_str(&text)?;
    for part in ["versions", "doctor", "device", "use", "kernel_log", "conformance"] {
        check(stderr.contains(part) && !object[part].is_null(), part)?;
    }
    check(
        object["schema"] == "xdna.report/1" && object["device"]["chip"] == "npu1",
        &text,
    )?;
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    check(
        host.len() < 3 || host == "localhost" || !text.contains(&format!("\"{host}\"")),
        "the host's name",
    )?;
    let (code, _, stderr) = run(&[])?;
    check(code == Some(1) && stderr.contains("is there already"), stderr)
}

fn conformance() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("bundle.json");
    let path = file.to_str().ok_or("a path in UTF-8")?;
    let (code, _, stderr) =
        end(under("", "--tool", &["report", "--conformance", "--output", path]).output()?);
    check(code == Some(0), stderr)?;
    let object: Value = serde_json::from_str(&fs::read_to_string(&file)?)?;
    let lines: Vec<_> = object["conformance"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    // Of hundreds of checks what differs, and what the checks say of themselves, the sum last.
    let told = |line: &&str| line.starts_with("difference: ") || line.starts_with("xdna-conformance: ");
    check(
        lines.last().is_some_and(|line| line.contains(" checks, ")) && lines.iter().all(told),
        &object["conformance"],
    )?;
    // Not while others use the NPU, unless that is wanted.
    let others = dir.path().join("others.json");
    let args = ["report", "--output", others.to_str().ok_or("a path in UTF-8")?];
    let (code, _, stderr) = end(under("", "--top", &args).output()?);
    check(code == Some(0), stderr)?;
    let object: Value = serde_json::from_str(&fs::read_to_string(&others)?)?;
    let why = object["conformance"]["missing"].as_str().unwrap_or_default();
    check(why.contains("other programs use the NPU"), &object["conformance"])?;
    // Firmware that the driver does not take: no device to check.
    let none = dir.path().join("none.json");
    let args = [
        "report",
        "--conformance",
        "--output",
        none.to_str().ok_or("a path in UTF-8")?,
    ];
    let (code, _, stderr) = end(under("--firmware 6.11", "--tool", &args).output()?);
    check(code == Some(0), stderr)?;
    let object: Value = serde_json::from_str(&fs::read_to_string(&none)?)?;
    check(
        object["device"]["missing"].is_string() && !object["conformance"].is_null(),
        &object["conformance"],
    )
}

fn redacted() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("bundle.json");
    let path = file.to_str().ok_or("a path in UTF-8")?;
    // The holder's name is the user's.
    let mut command = under("", "--zaphod", &["report", "--output", path]);
    command.env("USER", "zaphod").env("HOME", "/home/zaphod");
    let (code, _, stderr) = end(command.output()?);
    check(code == Some(0), stderr)?;
    let text = fs::read_to_string(&file)?;
    let object: Value = serde_json::from_str(&text)?;
    check(
        object["use"]["contexts"][0]["process"] == "USER" && !text.contains("zaphod"),
        text,
    )
}
