//! What the doctor finds by asking the device itself.

use std::process::ExitCode;

use libtest_mimic::Failed;
use serde_json::Value;

use super::holder::Holder;
use super::roles::{Test, end, me, test, under};

/// The doctor while another program holds `contexts` contexts, the first with work that does not end if `hang`.
pub fn scene(contexts: usize, hang: bool) -> ExitCode {
    let _holder = Holder::start(contexts, hang);
    let output = me("--tool")
        .args(["doctor", "--json"])
        .output()
        .expect("the tool runs");
    let (code, stdout, stderr) = end(output);
    print!("{stdout}{stderr}");
    ExitCode::from(code.unwrap_or(1) as u8)
}

/// The tests.
pub fn tests() -> Vec<Test> {
    vec![
        test("doctor/an_npu_that_works_is_not_blocked", works),
        test("doctor/contexts_in_use_are_counted_by_owner", exhausted),
        test("doctor/a_context_without_progress_is_reported", stuck),
        test("doctor/firmware_that_does_not_answer_blocks", mute),
        test(
            "doctor/a_copy_made_as_help_says_is_examined_like_the_machine",
            recipe,
        ),
        test("doctor/an_npu_of_another_number_is_no_device", other),
    ]
}

fn object(simulator: &str, role: &str, args: &[&str], exit: i32) -> Result<Value, Failed> {
    let (code, stdout, stderr) = end(under(simulator, role, args).output()?);
    if code != Some(exit) {
        return Err(format!("exit code {code:?}, not {exit}: {stdout}{stderr}").into());
    }
    Ok(serde_json::from_str(&stdout)?)
}

fn ids(object: &Value) -> Vec<&str> {
    let findings = object["findings"].as_array().into_iter().flatten();
    findings.filter_map(|f| f["id"].as_str()).collect()
}

fn expect(object: &Value, id: &str, text: &str) -> Result<(), Failed> {
    if ids(object).contains(&id) && object.to_string().contains(text) {
        return Ok(());
    }
    Err(format!("no {id} with {text:?} in {object}").into())
}

fn works() -> Result<(), Failed> {
    let (code, stdout, stderr) = end(under("--device npu4", "--tool", &["doctor", "--json"]).output()?);
    let object: Value = serde_json::from_str(&stdout)?;
    let blocked = object["findings"]
        .as_array()
        .is_none_or(|list| list.iter().any(|f| f["severity"] == "blocks"));
    // The limit of locked memory is this machine's, so it may be a finding.
    if blocked || !matches!(code, Some(0 | 4)) || object["npus"][0]["node"] != "/dev/accel/accel0" {
        return Err(format!("{code:?}: {stdout}{stderr}").into());
    }
    Ok(())
}

fn exhausted() -> Result<(), Failed> {
    let object = object("--device npu1", "--doctor", &["6", "idle"], 4)?;
    expect(&object, "contexts-exhausted", "] has 6")
}

fn stuck() -> Result<(), Failed> {
    let faults = "--device npu4 --job-timeout 0 --fault command:1:hang";
    let object = object(faults, "--doctor", &["1", "hang"], 4)?;
    expect(&object, "no-progress", "1 commands outstanding")
}

fn mute() -> Result<(), Failed> {
    let object = object(
        "--device npu4 --fault get_info:2+:ETIME",
        "--tool",
        &["doctor", "--json"],
        3,
    )?;
    expect(&object, "no-answer", "GET_INFO")
}

/// The recipe for a copy, as `--help` prints it.
fn printed() -> Result<String, Failed> {
    let (_, help, _) = end(me("--tool").args(["doctor", "--help"]).output()?);
    let lines: Vec<_> = help
        .lines()
        .skip_while(|line| !line.starts_with("  (dir="))
        .take_while(|line| line.starts_with("  "))
        .collect();
    if !lines.last().is_some_and(|line| line.ends_with(')')) {
        return Err(format!("no recipe in {help}").into());
    }
    Ok(lines.join("\n"))
}

fn recipe() -> Result<(), Failed> {
    let recipe = printed()?;
    // In a directory whose name shells would take apart.
    let base = tempfile::tempdir()?;
    let dir = base.path().join("a copy");
    std::fs::create_dir(&dir)?;
    for (simulator, npu) in [("--device npu4", Some("npu4")), ("--firmware 6.11", None)] {
        let mut command = me("--simulator");
        command
            .args(simulator.split_whitespace())
            .args(["--", "sh", "-c", &recipe]);
        command.current_dir(&dir).output()?;
        let copy = dir.join("copy");
        let path = copy.to_str().ok_or("a path in UTF-8")?;
        let (code, stdout, stderr) = end(me("--tool")
            .args(["doctor", "--json", "--sysroot", path])
            .output()?);
        let copied: Value = serde_json::from_str(&stdout).map_err(|e| format!("{e}: {stdout}{stderr}"))?;
        let (own, stdout, stderr) = end(under(simulator, "--tool", &["doctor", "--json"]).output()?);
        let live: Value = serde_json::from_str(&stdout).map_err(|e| format!("{e}: {stdout}{stderr}"))?;
        for key in ["kernel", "processor", "npus"] {
            if copied[key] != live[key] || copied[key].is_null() {
                return Err(format!("{simulator}: {key}: {copied} and {live}").into());
            }
        }
        // "npu4 (Strix Point ...)"
        let name = copied["npus"][0]["name"]
            .as_str()
            .and_then(|name| name.split(' ').next());
        if ids(&copied) != ids(&live) || code != own || name != npu {
            return Err(format!("{simulator}: {code:?} {copied} and {own:?} {live}").into());
        }
        std::fs::remove_dir_all(copy)?;
    }
    Ok(())
}

fn other() -> Result<(), Failed> {
    let (code, _, stderr) = end(under("", "--tool", &["doctor", "--device", "3"]).output()?);
    if code != Some(3) || !stderr.contains("no NPU is /dev/accel/accel3") {
        return Err(format!("{code:?} {stderr}").into());
    }
    Ok(())
}
