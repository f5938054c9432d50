//! What the doctor finds by asking the device itself.

use std::process::ExitCode;

use libtest_mimic::Failed;
use serde_json::Value;

use super::holder::Holder;
use super::roles::{Test, end, me, under};

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
    let test = |name: &str, check: fn() -> Result<(), Failed>| -> Test {
        (format!("doctor/{name}"), Box::new(check))
    };
    vec![
        test("an_npu_that_works_is_not_blocked", works),
        test("contexts_in_use_are_counted_by_owner", exhausted),
        test("a_context_without_progress_is_reported", stuck),
        test("firmware_that_does_not_answer_blocks", mute),
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
