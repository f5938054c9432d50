//! `xdna top` in a pseudo-terminal, and as text; record and diff.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use nix::pty::{Winsize, openpty};
use serde_json::Value;

use super::holder::Holder;
use super::roles::{Test, check, end, me, test, under};
use super::screen::{PATIENCE, Screen};

/// `xdna` with `args` beside a program of this name that holds so many contexts.
pub fn scene(args: &[String], contexts: usize, name: &str) -> ExitCode {
    let _holder = Holder::named(name, contexts, false);
    let status = me("--tool").args(args).status().expect("the tool runs");
    ExitCode::from(status.code().unwrap_or(1) as u8)
}

/// The tests.
pub fn tests() -> Vec<Test> {
    vec![
        test("top/obeys_keys_and_resizes_and_quits", terminal),
        test("top/is_text_without_a_terminal", plain),
        test("top/ends_when_its_reader_has_gone", closed),
        test("top/records_can_be_compared", record),
    ]
}

fn ends(child: &mut Child) -> Result<Option<i32>, Failed> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait()? {
            return Ok(status.code());
        }
        thread::sleep(Duration::from_millis(20));
    }
    child.kill()?;
    Err("it does not end".into())
}

fn terminal() -> Result<(), Failed> {
    let size = Winsize {
        ws_row: 24,
        ws_col: 80,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let pty = openpty(Some(&size), None)?;
    let slave = File::from(pty.slave);
    let top = under("--device npu4", "--top", &["top"]);
    // Away from the terminal of whoever runs the test.
    let mut command = Command::new("setsid");
    command.arg("--wait").arg(top.get_program()).args(top.get_args());
    command
        .stdin(slave.try_clone()?)
        .stdout(slave.try_clone()?)
        .stderr(slave.try_clone()?);
    let mut child = command.spawn()?;
    let mut keys = File::from(pty.master);
    let screen = Screen::of(keys.try_clone()?);
    screen.until("the sort order", |i, line| {
        i == 23 && line.starts_with("sort: submissions")
    })?;
    screen.until("the holder's rates", |_, line| {
        line.starts_with("holder [") && line.contains("0.0")
    })?;
    keys.write_all(b"o")?;
    screen.until("another order", |i, line| {
        i == 23 && line.starts_with("sort: outstanding  ")
    })?;
    keys.write_all(b"r")?;
    screen.until("the order turned", |i, line| {
        i == 23 && line.starts_with("sort: outstanding, turned")
    })?;
    let status = Command::new("stty")
        .args(["cols", "120", "rows", "40"])
        .stdin(slave.try_clone()?)
        .status()?;
    check(status.success(), "stty")?;
    screen.until("the last line as the fortieth", |i, line| {
        i == 39 && line.starts_with("sort: outstanding")
    })?;
    keys.write_all(b"q")?;
    check(ends(&mut child)? == Some(0), "its exit code")
}

fn plain() -> Result<(), Failed> {
    let args = ["top", "--interval", "0.05", "--count", "3"];
    let (code, stdout, stderr) = end(under("--device npu1", "--top", &args).output()?);
    let tables = stdout.matches("submitted/s").count();
    check(
        code == Some(0) && tables == 2,
        format!("{code:?} {stdout}{stderr}"),
    )?;
    // The holder has both of its contexts on the same four of five columns.
    let all = stdout.lines().find(|line| line.starts_with("holder ["));
    check(
        all.is_some_and(|line| line.contains("all") && line.contains("80 %")),
        &stdout,
    )?;
    check(stdout.contains("simulated") && !stdout.contains('\u{1b}'), stdout)
}

fn closed() -> Result<(), Failed> {
    let mut top = under("", "--tool", &["top", "--interval", "0.05"]);
    let mut child = top.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut stdout = child.stdout.take().ok_or("its stdout")?;
    stdout.read_exact(&mut [0; 10])?;
    drop(stdout);
    check(ends(&mut child)? == Some(0), "a closed pipe is success")
}

fn record() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let file = |name: &str| dir.path().join(name).display().to_string();
    let record = |name: &str, role| {
        let args = [
            "record",
            "--interval",
            "0.05",
            "--count",
            "2",
            "--output",
            &file(name),
        ];
        under("--device npu4", role, &args).output().map(end)
    };
    let (code, stdout, stderr) = record("busy", "--top")?;
    check(code == Some(0) && stdout.is_empty(), stderr)?;
    let text = std::fs::read_to_string(file("busy"))?;
    let lines: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
    let lines = lines?;
    check(
        lines.len() == 2 && lines.iter().all(|l| l["schema"] == "xdna.record/1"),
        &text,
    )?;
    check(
        lines[1]["contexts"]
            .as_array()
            .is_some_and(|list| list.len() == 2),
        &text,
    )?;
    check(lines[1]["activity"][0]["submissions_per_second"] == 0.0, &text)?;
    let (code, _, stderr) = record("idle", "--tool")?;
    check(code == Some(0), stderr)?;
    let diff = |a: &str, b: &str| me("--tool").args(["diff", "--json", a, b]).output().map(end);
    let (code, stdout, _) = diff(&file("busy"), &file("idle"))?;
    check(
        code == Some(1) && stdout.contains("xdna.diff/1") && stdout.contains("contexts[pid="),
        stdout,
    )?;
    let (code, stdout, _) = diff(&file("busy"), &file("busy"))?;
    check(code == Some(0) && stdout.contains("\"differences\":[]"), stdout)?;
    let (code, _, stderr) = diff(&file("busy"), "/nonexistent")?;
    check(code == Some(1) && stderr.contains("/nonexistent"), stderr)
}
