//! selftest, bench, report and trace, on simulated NPUs.

use std::fs;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use serde_json::Value;

use super::roles::{Test, end, me, under};

/// The tests.
pub fn tests() -> Vec<Test> {
    let test = |name: &str, check: fn() -> Result<(), Failed>| -> Test { (name.to_owned(), Box::new(check)) };
    vec![
        test("selftest/passes_on_every_generation_and_says_simulated", selftest),
        test("selftest/a_command_that_fails_is_a_fail", selftest_fails),
        test("bench/bounds_decide", bench),
        test("report/says_what_it_writes_and_writes_once", report),
        test("trace/follows_handles_and_decodes_packets", trace),
        test("trace/passes_the_programs_failure_on", trace_failure),
        test("trace/attaches_to_a_process_that_goes_on", attach),
        test("device/a_number_that_is_not_there_is_usage", other_device),
        test("device/none_is_an_exit_code", no_device),
    ]
}

fn check(holds: bool, what: impl std::fmt::Display) -> Result<(), Failed> {
    if holds {
        Ok(())
    } else {
        Err(what.to_string().into())
    }
}

fn selftest() -> Result<(), Failed> {
    for simulator in [
        "--device npu1 --kernel 6.17",
        "--device npu1 --kernel 7.2",
        "--device npu4 --kernel 6.19",
        "--device npu4",
    ] {
        let (code, stdout, stderr) = end(under(simulator, "--tool", &["selftest", "--json"]).output()?);
        check(code == Some(0), format!("{simulator}: {code:?} {stdout}{stderr}"))?;
        let object: Value = serde_json::from_str(&stdout)?;
        check(
            object["simulated"] == true && object["schema"] == "xdna.selftest/1",
            &stdout,
        )?;
        let steps = object["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
        check(steps.len() == 12, &stdout)?;
        check(
            steps.iter().all(|s| s["passed"] == true && s["error"].is_null()),
            &stdout,
        )?;
        let columns = if simulator.contains("npu1") { 4 } else { 8 };
        for step in steps.iter().filter(|s| s["numbers"]["runs"].is_u64()) {
            let numbers = &step["numbers"];
            check(numbers["columns"] == columns && numbers["runs"] != 0, step)?;
            for key in ["bytes_per_second", "one_column_bytes_per_second"] {
                check(numbers[key].as_f64().is_some_and(|n| n > 0.0), step)?;
            }
        }
        let loopbacks = steps.iter().filter(|s| s["numbers"]["runs"].is_u64()).count();
        check(loopbacks == 4, &stdout)?;
        let p50 = object["steps"][2]["numbers"]["p50_ns"].as_u64();
        check(p50.is_some_and(|ns| ns > 0), &stdout)?;
    }
    let (_, stdout, _) = end(under("", "--tool", &["selftest"]).output()?);
    let passes = stdout.lines().filter(|line| line.starts_with("PASS")).count();
    check(
        passes == 12 && stdout.contains("simulated: the times are the simulator's"),
        stdout,
    )
}

fn selftest_fails() -> Result<(), Failed> {
    let (code, stdout, _) = end(under("--fault command:3:error", "--tool", &["selftest"]).output()?);
    let failed: Vec<_> = stdout.lines().filter(|line| line.starts_with("FAIL")).collect();
    check(code == Some(1) && failed.len() == 1, &stdout)?;
    check(
        failed[0].contains("round-trip") && failed[0].contains("firmware"),
        stdout,
    )
}

fn bench() -> Result<(), Failed> {
    let run = |bound: &str| {
        let args = [
            "bench",
            "--commands",
            "50",
            "--buffer",
            "1",
            "--json",
            "--assert",
            "memory-loopback.bytes_per_second>=1",
            "--assert",
            bound,
        ];
        under("", "--tool", &args).output().map(end)
    };
    let (code, stdout, _) = run("round-trip.p50_ns<=60s")?;
    let object: Value = serde_json::from_str(&stdout)?;
    check(
        code == Some(0) && object["bounds"][0]["holds"] == true && object["bounds"][1]["holds"] == true,
        &stdout,
    )?;
    check(
        object["schema"] == "xdna.bench/1" && object["steps"][2]["numbers"]["count"] == 50,
        &stdout,
    )?;
    let shim = &object["steps"][7];
    check(
        shim["name"] == "shim-loopback" && shim["numbers"]["columns"] == 8,
        shim,
    )?;
    let (code, stdout, _) = run("round-trip.p50_ns<=1ns")?;
    check(code == Some(1) && stdout.contains("\"holds\":false"), stdout)?;
    let (code, _, stderr) = run("trip.p50_ns<=1ns")?;
    check(code == Some(2) && stderr.contains("no such step"), stderr)
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
    check(code == Some(1) && stderr.contains("exists"), stderr)
}

fn trace() -> Result<(), Failed> {
    for kernel in ["6.17", "7.2"] {
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("calls");
        let path = file.to_str().ok_or("a path in UTF-8")?;
        let program = me("--tool").get_program().to_string_lossy().into_owned();
        let traced = ["--", &program, "--tool", "selftest"];
        let args = [&["trace", "--json", "--output", path], &traced[..]].concat();
        let (code, stdout, stderr) = end(under(&format!("--kernel {kernel}"), "--tool", &args).output()?);
        check(
            code == Some(0) && stdout.contains("PASS  round-trip"),
            format!("{code:?} {stdout}{stderr}"),
        )?;
        let text = fs::read_to_string(&file)?;
        let events: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
        let events = events?;
        check(events.iter().all(|e| e["schema"] == "xdna.trace/1"), "schema")?;
        let of = |call: &'static str| events.iter().filter(move |e| e["call"] == call);
        check(
            of("VERSION").count() > 0 && of("CREATE_HWCTX").count() > 0,
            "calls",
        )?;
        let submit = of("EXEC_CMD").next().ok_or("no EXEC_CMD")?;
        let packet = &submit["packets"][0]["packet"];
        check(
            packet["name"] == "START_CU" && packet["cu"] == 0 && packet["state"] == "NEW",
            submit,
        )?;
        let kinds: Vec<_> = submit["buffers"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|b| &b["type"])
            .collect();
        check(
            kinds.iter().any(|k| *k == "DEV") && kinds.iter().any(|k| *k == "SHARE"),
            submit,
        )?;
        let ended = |e: &&Value| e["packets"][0]["packet"]["state"] == "COMPLETED";
        check(
            of("SYNCOBJ_TIMELINE_WAIT").any(|e| ended(&e)),
            "no wait that saw a command end",
        )?;
        let chain = of("EXEC_CMD").find(|e| e["packets"][0]["packet"]["name"] == "CMD_CHAIN");
        let chain = chain.ok_or("no chain")?;
        check(chain["packets"].as_array().is_some_and(|p| p.len() == 25), chain)?;
        check(chain["duration_ns"].as_u64().is_some_and(|ns| ns > 0), chain)?;
        let units = of("CONFIG_HWCTX").next().ok_or("no CONFIG_HWCTX")?;
        check(
            units["notes"][0]
                .as_str()
                .is_some_and(|n| n.starts_with("cu 0: pdi in buffer")),
            units,
        )?;
    }
    Ok(())
}

fn trace_failure() -> Result<(), Failed> {
    let (code, _, stderr) = end(under("", "--tool", &["trace", "--", "sh", "-c", "exit 7"]).output()?);
    check(code == Some(1) && stderr.contains("exit code 7"), &stderr)?;
    let (code, _, stderr) = end(under("", "--tool", &["trace", "--", "sh", "-c", "kill -9 $$"]).output()?);
    check(code == Some(1) && stderr.contains("SIGKILL"), &stderr)?;
    let program = me("--tool").get_program().to_string_lossy().into_owned();
    let args = ["trace", "--", &program, "--tool", "info"];
    let (code, stdout, stderr) = end(under("", "--tool", &args).output()?);
    check(code == Some(0) && stdout.contains("chip"), &stdout)?;
    let line = stderr
        .lines()
        .find(|line| line.contains("GET_INFO(param=FIRMWARE_VERSION "));
    check(line.is_some_and(|line| line.contains(") = 0 ")), stderr)
}

/// Watches a process that runs already, and lets go of it.
pub fn scene(output: &str) -> ExitCode {
    let mut top = me("--tool");
    let mut top = top
        .args(["top", "--interval", "0.05"])
        .stdout(Stdio::null())
        .spawn()
        .expect("top starts");
    let mut watcher = me("--tool");
    let watcher = watcher.args(["trace", "--output", output, "-p", &top.id().to_string()]);
    let mut watcher = watcher.spawn().expect("trace starts");
    let begin = Instant::now();
    let seen = || {
        fs::read_to_string(output)
            .unwrap_or_default()
            .matches("GET_INFO(param=POWER_MODE")
            .count()
    };
    while seen() < 2 && begin.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    watcher.kill().expect("trace runs");
    watcher.wait().expect("trace ends");
    std::thread::sleep(Duration::from_millis(200));
    let goes_on = top.try_wait().expect("top's state").is_none();
    top.kill().expect("top runs");
    top.wait().expect("top ends");
    ExitCode::from(u8::from(seen() < 2 || !goes_on))
}

fn attach() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("calls").display().to_string();
    let (code, _, stderr) = end(under("", "--attach", &[&path]).output()?);
    check(code == Some(0), format!("{code:?} {stderr}"))
}

fn other_device() -> Result<(), Failed> {
    let (code, _, stderr) = end(under("", "--tool", &["info", "--device", "3"]).output()?);
    check(
        code == Some(2) && stderr.contains("there is /dev/accel/accel0 alone"),
        stderr,
    )
}

fn no_device() -> Result<(), Failed> {
    // Firmware that this kernel's driver does not take: the simulator shows a machine whose probe failed.
    let simulator = "--device npu4 --kernel 6.18 --firmware 7.0";
    let (code, stdout, stderr) = end(under(simulator, "--tool", &["info"]).output()?);
    check(
        code == Some(3) && stdout.is_empty() && stderr.contains("xdna doctor"),
        stderr,
    )
}
