//! `xdna trace` and what happens to programs: threads, children, signals, stops, and the end of the watching.
//!
//! Programs that use no NPU are watched without a simulator, as they would be beside a real one.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use xdna_driver::Device;

use super::roles::{Test, check, end, me, test, under};
use super::screen::PATIENCE;

/// A program that runs until it is told to end, and then ends with 9.
const UNTIL_TOLD: &str = "trap 'exit 9' TERM; echo $$; while :; do sleep 0.05; done";
/// A program that stops itself.
const STOPS: &str = "echo $$; kill -STOP $$; echo RAN ON";

/// The tests.
pub fn tests() -> Vec<Test> {
    vec![
        test("trace/follows_threads_and_children", family_is_followed),
        test("trace/hands_signals_on", caught),
        test("trace/a_stopped_program_goes_on_at_sigcont", stays_stopped),
        test("trace/leaves_a_process_stopped_that_was_before", was_stopped),
        test("trace/lets_the_program_decide_what_ctrl_c_does", decides),
        test("trace/ctrl_c_lets_a_process_go", let_go),
    ]
}

/// A program with a thread and a child that use the NPU, too.
pub fn family() -> ExitCode {
    let use_it = || {
        Device::open_first()
            .and_then(|device| device.power_mode())
            .expect("the NPU")
    };
    use_it();
    thread::spawn(use_it).join().expect("the thread");
    let child = me("--tool")
        .arg("errors")
        .stdout(Stdio::null())
        .status()
        .expect("the child");
    ExitCode::from(u8::from(!child.success()))
}

fn family_is_followed() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("calls").display().to_string();
    let program = me("").get_program().to_string_lossy().into_owned();
    let args = ["trace", "--json", "--output", &file, "--", &program, "--family"];
    let (code, stdout, stderr) = end(under("", "--tool", &args).output()?);
    check(code == Some(0), format!("{code:?} {stdout}{stderr}"))?;
    let text = fs::read_to_string(&file)?;
    let events: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
    let events = events?;
    let asked = |call: &str, name: &str| -> BTreeSet<(u64, u64)> {
        let of = events.iter().filter(|e| e["call"] == call && e["name"] == name);
        of.filter_map(|e| Some((e["pid"].as_u64()?, e["tid"].as_u64()?)))
            .collect()
    };
    // The program's first thread and its second.
    let own = asked("GET_INFO", "POWER_MODE");
    check(own.len() == 2 && own.iter().any(|(pid, tid)| pid != tid), &text)?;
    let child = asked("GET_ARRAY", "LAST_ASYNC_ERR");
    check(
        child.len() == 1 && child.iter().all(|(pid, _)| own.iter().all(|(own, _)| own != pid)),
        &text,
    )
}

fn caught() -> Result<(), Failed> {
    let script = "trap 'echo CAUGHT; exit 5' USR1; kill -USR1 $$; exit 0";
    let (code, stdout, stderr) = end(me("--tool").args(["trace", "--", "sh", "-c", script]).output()?);
    check(
        code == Some(5) && stdout == "CAUGHT\n",
        format!("{code:?} {stdout}{stderr}"),
    )
}

/// A program that runs, and the first line that it wrote: its number.
fn started(command: &mut Command) -> Result<(Child, BufReader<ChildStdout>, Pid), Failed> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut stdout = BufReader::new(child.stdout.take().ok_or("its stdout")?);
    let mut line = String::new();
    stdout.read_line(&mut line)?;
    Ok((child, stdout, Pid::from_raw(line.trim().parse()?)))
}

fn traced(script: &str) -> Command {
    let mut command = me("--tool");
    command.args(["trace", "--", "sh", "-c", script]);
    command
}

fn field(pid: Pid, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().trim().to_owned()
}

/// Waits until something holds at twenty looks in a row: moments between two system calls look like stops.
fn lasts(what: &str, holds: impl Fn() -> bool) -> Result<(), Failed> {
    let begin = Instant::now();
    let mut looks = 0;
    while looks < 20 {
        looks = if holds() { looks + 1 } else { 0 };
        check(begin.elapsed() < PATIENCE, what)?;
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn is_stopped(pid: Pid) -> bool {
    field(pid, "State:").to_lowercase().starts_with('t')
}

/// A stopped program goes on at SIGCONT, and no earlier.
fn goes_on(mut child: Child, mut stdout: impl Read, pid: Pid) -> Result<(), Failed> {
    kill(pid, Signal::SIGCONT)?;
    let mut text = String::new();
    stdout.read_to_string(&mut text)?;
    check(text == "RAN ON\n", text)?;
    check(child.wait()?.success(), "the program's exit code")
}

fn stays_stopped() -> Result<(), Failed> {
    let (child, stdout, pid) = started(&mut traced(STOPS))?;
    lasts("it is not stopped", || is_stopped(pid))?;
    goes_on(child, stdout, pid)
}

fn was_stopped() -> Result<(), Failed> {
    let (child, stdout, pid) = started(Command::new("sh").args(["-c", STOPS]))?;
    lasts("it is not stopped", || is_stopped(pid))?;
    let mut watcher = me("--tool")
        .args(["trace", "-p", &pid.to_string()])
        .stderr(Stdio::null())
        .spawn()?;
    let tracer = watcher.id().to_string();
    lasts("it is not stopped while watched", || {
        field(pid, "TracerPid:") == tracer && is_stopped(pid)
    })?;
    goes_on(child, stdout, pid)?;
    check(watcher.wait()?.success(), "the end of the watching")
}

fn decides() -> Result<(), Failed> {
    let (mut child, _stdout, pid) = started(&mut traced(UNTIL_TOLD))?;
    let tracer = Pid::from_raw(i32::try_from(child.id())?);
    // What a terminal sends to both concerns the program alone, which here does not care.
    kill(tracer, Signal::SIGINT)?;
    lasts("the watching ended", || {
        field(pid, "TracerPid:") == tracer.to_string()
    })?;
    kill(tracer, Signal::SIGTERM)?;
    check(child.wait()?.code() == Some(9), "the program's exit code")
}

fn let_go() -> Result<(), Failed> {
    let (mut child, _stdout, pid) = started(Command::new("sh").args(["-c", UNTIL_TOLD]))?;
    let mut watcher = me("--tool")
        .args(["trace", "-p", &pid.to_string()])
        .stderr(Stdio::null())
        .spawn()?;
    let tracer = Pid::from_raw(i32::try_from(watcher.id())?);
    lasts("it is not watched", || {
        field(pid, "TracerPid:") == tracer.to_string()
    })?;
    kill(tracer, Signal::SIGINT)?;
    check(watcher.wait()?.code() == Some(130), "the watcher's exit code")?;
    lasts("it is watched, or stopped", || {
        field(pid, "TracerPid:") == "0" && !is_stopped(pid)
    })?;
    kill(pid, Signal::SIGTERM)?;
    check(child.wait()?.code() == Some(9), "the program's exit code")
}
