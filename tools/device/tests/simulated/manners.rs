//! How every verb behaves towards pipes, full disks, strange names and wrong words.

use std::fs::File;
use std::process::{ExitCode, Stdio};

use libtest_mimic::Failed;

use super::roles::{Test, end, me, test, under};

/// The name of a process that would like to be obeyed by terminals.
pub const EVIL: &str = "\u{1b}[31mred\u{7}";

/// Verbs that end by themselves, and whose exit code is 0 here.
const VERBS: [&[&str]; 18] = [
    &["info"],
    &["contexts"],
    &["errors"],
    &["sensors"],
    &["telemetry"],
    &["memory"],
    &["tiles"],
    &["tiles", "--raw"],
    &["power"],
    &["power", "set", "high", "--dry-run"],
    &["top", "--count", "1"],
    &["top", "--count", "2", "--interval", "0.05"],
    &["record", "--count", "2", "--interval", "0.05"],
    &["selftest"],
    &["dump", "FILE"],
    &["dump", "--disasm", "--json", "FILE"],
    &["diff", "FILE", "FILE"],
    &["doctor"],
];

/// The tests.
pub fn tests() -> Vec<Test> {
    vec![
        test("manners/a_closed_pipe_is_success_and_a_full_disk_is_not", pipes),
        test("manners/names_of_processes_are_not_obeyed", names),
        test("manners/wrong_words_are_usage", usage),
        test("manners/files_that_are_none_are_named", files),
    ]
}

/// Runs every verb with a reader that has gone, and onto a full disk; prints what was not right.
pub fn scene() -> ExitCode {
    let file = std::env::temp_dir().join(format!("manners-{}", std::process::id()));
    std::fs::write(&file, xdna_device::nothing::empty_pdi()).expect("a file");
    for words in VERBS {
        let command = || {
            let mut command = me("--tool");
            for word in words {
                match *word {
                    "FILE" => command.arg(&file),
                    word => command.arg(word),
                };
            }
            command
        };
        let mut child = command()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the tool runs");
        drop(child.stdout.take());
        let (code, _, stderr) = end(child.wait_with_output().expect("the tool ends"));
        // The limit of locked memory is the machine's.
        let is_done = code == Some(0) || words[0] == "doctor" && code == Some(4);
        if !is_done || !stderr.is_empty() {
            println!("closed pipe: {words:?}: {code:?} {stderr}");
        }
        let full = File::create("/dev/full").expect("/dev/full");
        let output = command()
            .stdout(full)
            .stderr(Stdio::piped())
            .output()
            .expect("the tool runs");
        let (code, _, stderr) = end(output);
        if code != Some(1) || !stderr.contains("stdout: No space left on device") {
            println!("full disk: {words:?}: {code:?} {stderr}");
        }
    }
    std::fs::remove_file(&file).expect("the file is removed");
    ExitCode::SUCCESS
}

fn pipes() -> Result<(), Failed> {
    let (code, stdout, stderr) = end(under("", "--manners", &[]).output()?);
    if code != Some(0) || !stdout.is_empty() {
        return Err(format!("{code:?}: {stdout}{stderr}").into());
    }
    Ok(())
}

fn names() -> Result<(), Failed> {
    for verb in [
        "contexts",
        "memory",
        "top --count 1",
        "record --count 1",
        "contexts --json",
        "memory --json",
    ] {
        let words: Vec<&str> = verb.split(' ').collect();
        let (code, stdout, stderr) = end(under("", "--evil", &words).output()?);
        let is_clean = stdout.chars().all(|c| c == '\n' || !c.is_control()) && !stdout.contains("\\u00");
        if code != Some(0) || !stdout.contains("[31mred") || !is_clean {
            return Err(format!("{verb}: {code:?}: {stdout:?} {stderr}").into());
        }
    }
    Ok(())
}

fn usage() -> Result<(), Failed> {
    for line in [
        "info --nonsense",
        "info --device x",
        "top --interval 0",
        "top --interval nan",
        "top --count 0",
        "top --sort speed",
        "power set fast",
        "bench --assert 1<2",
        "bench --commands 0",
        "trace",
        "trace -p 0",
        "trace -p -5",
        "trace -p 1 -- true",
        "dump",
        "dump --device npu9 x",
        "diff x",
        "doctor x",
    ] {
        let (code, stdout, stderr) = end(me("--tool").args(line.split(' ')).output()?);
        if code != Some(2) || !stdout.is_empty() || stderr.is_empty() {
            return Err(format!("{line}: {code:?} {stdout} {stderr}").into());
        }
    }
    Ok(())
}

fn files() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let path = |name: &str| dir.path().join(name).display().to_string();
    std::fs::write(path("empty"), "")?;
    std::fs::write(path("text"), "{ no JSON")?;
    std::fs::write(path("pdi"), xdna_device::nothing::empty_pdi())?;
    for words in [
        vec!["dump".to_owned(), path("none")],
        vec!["dump".to_owned(), path("empty")],
        vec!["dump".to_owned(), path("")],
        vec!["dump".to_owned(), "/dev/zero".to_owned()],
        vec!["diff".to_owned(), path("pdi"), path("none")],
        vec!["diff".to_owned(), path("pdi"), path("empty")],
        vec!["diff".to_owned(), path("pdi"), path("text")],
        vec!["doctor".to_owned(), "--sysroot".to_owned(), path("none")],
        vec!["doctor".to_owned(), "--sysroot".to_owned(), path("pdi")],
    ] {
        let (code, stdout, stderr) = end(me("--tool").args(&words).output()?);
        let named = stderr.contains(words.last().map_or("", String::as_str));
        if code != Some(1) || !stdout.is_empty() || !named {
            return Err(format!("{words:?}: {code:?} {stdout} {stderr}").into());
        }
    }
    Ok(())
}
