//! `xdna trace`, on simulated NPUs.

use std::fs;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use serde_json::Value;

use super::roles::{Test, check, end, me, test, under};

/// The tests.
pub fn tests() -> Vec<Test> {
    vec![
        test("trace/follows_handles_and_decodes_packets", trace),
        test("trace/passes_the_programs_failure_on", trace_failure),
        test("trace/leaves_a_stopped_program_stopped", stopped),
        test("trace/attaches_to_a_process_that_goes_on", attach),
    ]
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
    check(code == Some(7), &stderr)?;
    let (code, _, stderr) = end(under("", "--tool", &["trace", "--", "sh", "-c", "kill -9 $$"]).output()?);
    check(code == Some(128 + 9) && stderr.contains("SIGKILL"), &stderr)?;
    let (code, _, stderr) = end(under("", "--tool", &["trace", "--", "/nonexistent"]).output()?);
    check(
        code == Some(127) && stderr.contains("/nonexistent: no such program"),
        &stderr,
    )?;
    let program = me("--tool").get_program().to_string_lossy().into_owned();
    let args = ["trace", "--", &program, "--tool", "info"];
    let (code, stdout, stderr) = end(under("", "--tool", &args).output()?);
    check(code == Some(0) && stdout.contains("chip"), &stdout)?;
    let line = stderr
        .lines()
        .find(|line| line.contains("GET_INFO(fd=") && line.contains("param=FIRMWARE_VERSION "));
    check(line.is_some_and(|line| line.contains(") = 0 ")), &stderr)?;
    check(
        stderr.contains("    answer: major=1 minor=0 patch=0 build=")
            && stderr.contains("    answer: mode=0"),
        stderr,
    )
}

fn stopped() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let log = dir.path().join("log");
    let program = me("--tool").get_program().to_string_lossy().into_owned();
    // Stops itself; is woken by another, which writes first.
    let script = format!(
        "(while ! grep -q 'State:.[Tt]' /proc/$$/status; do sleep 0.05; done; sleep 0.3; echo woken >> {0}; kill -CONT $$) & \
         kill -STOP $$; echo goes on >> {0}; wait; {program} --tool errors",
        log.display()
    );
    let (code, stdout, stderr) = end(under("", "--tool", &["trace", "--", "sh", "-c", &script]).output()?);
    let order = fs::read_to_string(&log)?;
    check(
        code == Some(0) && order == "woken\ngoes on\n" && stdout.contains("no hardware error"),
        format!("{code:?} {order:?} {stdout}{stderr}"),
    )?;
    check(stderr.contains("param=LAST_ASYNC_ERR"), stderr)
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
            .matches("param=POWER_MODE")
            .count()
    };
    while seen() < 2 && begin.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    // As Ctrl-C does.
    let pid = nix::unistd::Pid::from_raw(watcher.id() as i32);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("trace runs");
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
