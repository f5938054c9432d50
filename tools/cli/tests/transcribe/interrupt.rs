//! Ctrl-C: within 200 ms, whatever goes on, and what is finished is there whole.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use libtest_mimic::Failed;
use nix::{
    sys::{
        signal::{Signal, kill},
        stat::Mode,
    },
    unistd::{self, Pid},
};
use serde_json::Value;

use crate::{
    sound::{TEXT, long, sample},
    transcribe,
};

pub const TESTS: &[crate::Test] = &[
    ("ctrl_c_ends_within_200_ms_at_any_stage", any_stage),
    ("ctrl_c_leaves_what_is_finished_whole", finished_is_whole),
    ("ctrl_c_gives_json_of_what_is_finished", json),
    ("ctrl_c_ends_a_wait_for_a_pipe", waiting_for_input),
    ("ctrl_c_ends_a_write_that_nobody_reads", waiting_for_a_reader),
];

const LIMIT: Duration = Duration::from_millis(200);

/// Waits until the program handles SIGINT: before that, whatever its parent has set holds.
fn started(child: &Child) -> Result<(), Failed> {
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id()))?;
        let caught = status
            .lines()
            .find_map(|l| l.strip_prefix("SigCgt:"))
            .unwrap_or_default();
        if u64::from_str_radix(caught.trim(), 16)? & (1 << (Signal::SIGINT as u64 - 1)) != 0 {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Sends SIGINT; returns the exit code and how long the program took to end.
fn interrupt(child: &mut Child) -> Result<(Option<i32>, Duration), Failed> {
    let start = Instant::now();
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT)?;
    let code = child.wait()?.code();
    Ok((code, start.elapsed()))
}

/// Tries up to three times, as this machine may be busy with something else.
fn in_time(mut attempt: impl FnMut() -> Result<(Option<i32>, Duration), Failed>) -> Result<(), Failed> {
    let mut took = Vec::new();
    for _ in 0..3 {
        let (code, time) = attempt()?;
        assert_eq!(code, Some(130));
        took.push(time);
        if time <= LIMIT {
            return Ok(());
        }
    }
    Err(format!("took {took:?}").into())
}

fn any_stage() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let sound = long(dir.path(), 40);
    for delay in [0, 100, 300, 700, 1500] {
        in_time(|| {
            let mut child = transcribe([&sound])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?;
            started(&child)?;
            thread::sleep(Duration::from_millis(delay));
            interrupt(&mut child)
        })?;
    }
    Ok(())
}

fn finished_is_whole() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let sound = long(dir.path(), 40);
    let out = dir.path().join("out");
    let args = ["-f".as_ref(), "txt,json".as_ref(), "-o".as_ref(), out.as_os_str()];
    let mut command = transcribe(args);
    command.args([&sample(), &sound]).arg("/nonexistent");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    lines.read_line(&mut text)?;
    // the first line of the second file
    lines.read_line(&mut text)?;
    let (code, _) = interrupt(&mut child)?;
    assert_eq!(code, Some(130));
    lines.read_to_string(&mut text)?;
    assert!(
        text.starts_with(&format!("{TEXT}\n")) && text.ends_with('\n'),
        "{text:?}"
    );
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr)?;
    assert_eq!(stderr, "xdna: interrupted\n");
    let mut names: Vec<_> = fs::read_dir(&out)?
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["librivox-0870.json", "librivox-0870.txt"]);
    assert_eq!(
        fs::read_to_string(out.join("librivox-0870.txt"))?,
        format!("{TEXT}\n")
    );
    serde_json::from_str::<Value>(&fs::read_to_string(out.join("librivox-0870.json"))?)?;
    Ok(())
}

fn json() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let sound = long(dir.path(), 40);
    let out = dir.path().join("out");
    let args = [
        "--json".as_ref(),
        "-f".as_ref(),
        "txt".as_ref(),
        "-o".as_ref(),
        out.as_os_str(),
    ];
    let mut command = transcribe(args);
    let mut child = command
        .args([sample(), sound])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    while !out.join("librivox-0870.txt").exists() {
        assert!(child.try_wait()?.is_none(), "it ended by itself");
        thread::sleep(Duration::from_millis(5));
    }
    let (code, _) = interrupt(&mut child)?;
    assert_eq!(code, Some(130));
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text)?;
    let object: Value = serde_json::from_str(&text)?;
    assert_eq!(object["files"][0]["status"], "done");
    assert_eq!(object["files"][1]["status"], "interrupted");
    Ok(())
}

fn waiting_for_input() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let pipe = dir.path().join("pipe");
    unistd::mkfifo(&pipe, Mode::S_IRWXU)?;
    in_time(|| {
        let mut child = transcribe([&pipe])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        started(&child)?;
        thread::sleep(Duration::from_millis(500));
        interrupt(&mut child)
    })
}

fn waiting_for_a_reader() -> Result<(), Failed> {
    in_time(|| {
        // 64 KiB is what a pipe holds: not one byte more can be written to this one
        let (reader, mut writer) = std::io::pipe()?;
        writer.write_all(&[b'\n'; 65_536])?;
        let mut child = transcribe([sample()])
            .stdout(writer)
            .stderr(Stdio::null())
            .spawn()?;
        thread::sleep(Duration::from_secs(3));
        assert!(child.try_wait()?.is_none(), "it ended by itself");
        let result = interrupt(&mut child);
        drop(reader);
        result
    })
}
