//! Ends that nobody asked the program for: signals, an NPU that goes away, a full disk.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::Pid;
use serde_json::Value;

use super::roles::{Test, check, end, me, test, under};
use super::screen::PATIENCE;

/// The driver's answer to everything once its device has gone.
const GONE: &str = "--fault get_array:9+:ENODEV";
/// Runs a program that may write files of so many blocks of 512 or 1024 bytes.
const LIMITED: &str = "ulimit -f 8; exec \"$@\"";

/// The tests.
pub fn tests() -> Vec<Test> {
    vec![
        test("ending/top_gives_the_terminal_back_at_a_signal", signalled),
        test(
            "ending/top_gives_the_terminal_back_when_the_npu_goes_away",
            gone_on_screen,
        ),
        test("ending/top_and_record_say_that_the_npu_went_away", gone),
        test("ending/record_ends_with_a_whole_line_at_a_signal", recording),
        test("ending/record_ends_with_a_whole_line_on_a_full_disk", full_record),
        test("ending/report_leaves_nothing_on_a_full_disk", full_report),
    ]
}

fn until(what: &str, mut holds: impl FnMut() -> Result<bool, Failed>) -> Result<(), Failed> {
    let begin = Instant::now();
    while !holds()? {
        check(begin.elapsed() < PATIENCE, what)?;
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The process under a simulator that was started with this argument, which no other has.
fn process(argument: &str) -> Option<Pid> {
    let numbers = fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let words = fs::read(entry.path().join("cmdline")).ok()?;
        let words: Vec<_> = words.split(|b| *b == 0).collect();
        // Not the simulator, whose own words come first.
        (words.get(1)? == b"--tool" && words.contains(&argument.as_bytes())).then_some(pid)
    });
    numbers.max().map(Pid::from_raw)
}

/// Top on a terminal of its own.
struct OnTerminal {
    child: Child,
    /// What it wrote.
    text: Arc<Mutex<String>>,
    slave: OwnedFd,
}

impl OnTerminal {
    fn start(simulator: &str, args: &[&str]) -> Result<Self, Failed> {
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(Some(&size), None)?;
        let slave = File::from(pty.slave);
        let top = under(simulator, "--tool", args);
        let mut command = Command::new("setsid");
        command.arg("--wait").arg(top.get_program()).args(top.get_args());
        command
            .env("NO_COLOR", "1")
            .stdin(slave.try_clone()?)
            .stdout(slave.try_clone()?)
            .stderr(slave.try_clone()?);
        let child = command.spawn()?;
        let text = Arc::new(Mutex::new(String::new()));
        let (written, mut master) = (text.clone(), File::from(pty.master));
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n @ 1..) = master.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..n]).into_owned();
                written.lock().expect("the text").push_str(&text);
            }
        });
        Ok(Self {
            child,
            text,
            slave: slave.into(),
        })
    }

    fn text(&self) -> String {
        self.text.lock().expect("the text").clone()
    }

    /// Waits for its end, and looks whether the terminal is as it was.
    fn restored(mut self, code: i32) -> Result<String, Failed> {
        until("it does not end", || Ok(self.child.try_wait()?.is_some()))?;
        let status = self.child.wait()?;
        check(status.code() == Some(code), format!("{status} {}", self.text()))?;
        until("the screen and the cursor are not given back", || {
            let text = self.text();
            Ok(text.contains("\u{1b}[?1049l") && text.contains("\u{1b}[?25h"))
        })?;
        let modes = tcgetattr(&self.slave)?.local_flags;
        check(modes.contains(LocalFlags::ECHO | LocalFlags::ICANON), "no echo")?;
        Ok(self.text())
    }
}

fn signalled() -> Result<(), Failed> {
    for (signal, count) in [(Signal::SIGTERM, 1), (Signal::SIGINT, 2), (Signal::SIGHUP, 3)] {
        // No other process has this number among its words.
        let count = format!("{}{count}", 100_000_000 + std::process::id());
        let top = OnTerminal::start("", &["top", "--interval", "100", "--count", &count])?;
        until("top draws nothing", || Ok(top.text().contains("quit")))?;
        kill(process(&count).ok_or("no process")?, signal)?;
        let text = top.restored(128 + signal as i32)?;
        let colour = (0..8).find(|n| text.contains(&format!("\u{1b}[3{n}")));
        check(colour.is_none(), "a colour in spite of NO_COLOR")?;
    }
    Ok(())
}

fn gone_on_screen() -> Result<(), Failed> {
    let top = OnTerminal::start(GONE, &["top", "--interval", "0.05"])?;
    let text = top.restored(3)?;
    let end = text.rsplit("\u{1b}[?1049l").next().unwrap_or_default();
    check(end.contains("xdna: the NPU went away"), &text)
}

fn gone() -> Result<(), Failed> {
    for verb in ["top", "record"] {
        let (code, stdout, stderr) = end(under(GONE, "--tool", &[verb, "--interval", "0.05"]).output()?);
        check(
            code == Some(3) && stderr.contains("xdna: the NPU went away") && stdout.ends_with('\n'),
            format!("{verb}: {code:?} {stdout} {stderr}"),
        )?;
    }
    Ok(())
}

/// The lines of a record, all of them JSON.
fn whole(text: &str) -> Result<usize, Failed> {
    let lines: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
    let lines = lines?;
    check(
        text.ends_with('\n') && lines.iter().all(|line| line["schema"] == "xdna.record/1"),
        text,
    )?;
    Ok(lines.len())
}

fn recording() -> Result<(), Failed> {
    let count = format!("{}4", 100_000_000 + std::process::id());
    let mut record = under("", "--tool", &["record", "--interval", "0.05", "--count", &count]);
    let mut child = record.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut stdout = BufReader::new(child.stdout.take().ok_or("its stdout")?);
    let mut text = String::new();
    stdout.read_line(&mut text)?;
    kill(process(&count).ok_or("no process")?, Signal::SIGINT)?;
    stdout.read_to_string(&mut text)?;
    check(child.wait()?.code() == Some(130), "its exit code")?;
    check(whole(&text)? > 0, "no line")
}

/// The tool, under a simulator, with a limit on the size of files.
fn limited(args: &[&str]) -> Command {
    let mut command = me("--simulator");
    command.args(["--", "sh", "-c", LIMITED, "sh"]);
    command.arg(me("").get_program()).arg("--tool").args(args);
    command
}

fn full_record() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("record").display().to_string();
    let (code, _, stderr) = end(limited(&["record", "--interval", "0.05", "--output", &path]).output()?);
    check(
        code == Some(1) && stderr.contains(&path) && stderr.contains("File too large"),
        format!("{code:?} {stderr}"),
    )?;
    check(whole(&fs::read_to_string(&path)?)? > 0, "no line")
}

fn full_report() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("report").display().to_string();
    let args = ["report", "--no-conformance", "--output", &path];
    let (code, stdout, stderr) = end(limited(&args).output()?);
    check(
        code == Some(1) && stdout.is_empty() && stderr.contains(&path) && stderr.contains("File too large"),
        format!("{code:?} {stdout} {stderr}"),
    )?;
    check(fs::read_dir(dir.path())?.next().is_none(), "a part of it stays")?;
    // There already: not overwritten, and the way out is said.
    fs::write(&path, "mine")?;
    let (code, _, stderr) = end(under("", "--tool", &args).output()?);
    check(
        code == Some(1) && stderr.contains("--output names another file"),
        stderr,
    )?;
    check(fs::read_to_string(&path)? == "mine", "overwritten")
}
