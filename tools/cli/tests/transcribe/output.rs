//! Output that cannot be written, is there already, or that nobody reads.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
};

use libtest_mimic::Failed;

use crate::{
    common, end,
    sound::{TEXT, sample},
    transcribe,
};

pub const TESTS: &[crate::Test] = &[
    ("a_full_disk_behind_stdout_is_an_error", full_stdout),
    ("a_full_disk_leaves_no_partial_file", full_disk),
    ("a_limit_on_file_size_leaves_no_partial_file", limit),
    ("a_reader_that_has_gone_ends_the_work_quietly", closed),
    (
        "files_are_written_even_where_nobody_reads_stdout",
        closed_with_files,
    ),
    ("a_file_that_exists_is_replaced_only_with_force", existing),
];

fn full_stdout() -> Result<(), Failed> {
    for flag in ["--timestamps", "--json"] {
        let mut command = transcribe([flag.as_ref(), sample().as_os_str()]);
        let full = File::create("/dev/full")?;
        let (code, _, stderr) = common::end(
            &command
                .stdout(full)
                .stderr(Stdio::piped())
                .spawn()?
                .wait_with_output()?,
        );
        assert_eq!(code, Some(1), "{stderr}");
        assert!(
            stderr.contains("xdna: stdout: No space left on device"),
            "{stderr}"
        );
    }
    Ok(())
}

/// Runs a shell script with the program and its arguments behind it.
fn through(script: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", script, "sh"])
        .arg(command.get_program())
        .args(command.get_args());
    shell
}

fn nothing_in(dir: &Path) -> Result<(), Failed> {
    let names: Vec<_> = fs::read_dir(dir)?.map(|e| e.unwrap().file_name()).collect();
    assert!(names.is_empty(), "{names:?}");
    Ok(())
}

fn full_disk() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let command = transcribe(["-o".as_ref(), dir.path().as_os_str(), sample().as_os_str()]);
    // a file system of one page, filled, in a mount namespace of its own
    let script = format!(
        "mount -t tmpfs -o size=4k none {0} || exit 77; head -c 4096 /dev/zero >{0}/fill; \"$@\"; code=$?; \
         rm {0}/fill; ls -A {0} >&2; exit $code",
        dir.path().display()
    );
    let shell = through(&script, &command);
    let mut namespaced = Command::new("unshare");
    namespaced
        .args(["--mount", "--map-root-user"])
        .arg(shell.get_program())
        .args(shell.get_args());
    let (code, stdout, stderr) = common::end(&namespaced.output()?);
    if code == Some(77) || stderr.starts_with("unshare:") {
        return Err(format!("no mount namespace to be had: {stderr}").into());
    }
    assert_eq!((code, stdout), (Some(1), format!("{TEXT}\n")), "{stderr}");
    assert!(
        stderr.contains("librivox-0870.txt: No space left on device"),
        "{stderr}"
    );
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    Ok(())
}

fn limit() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let command = transcribe(["-o".as_ref(), dir.path().as_os_str(), sample().as_os_str()]);
    let (code, stdout, stderr) = common::end(&through("ulimit -f 0; exec \"$@\"", &command).output()?);
    assert_eq!((code, stdout), (Some(1), format!("{TEXT}\n")), "{stderr}");
    assert!(stderr.contains("librivox-0870.txt: File too large"), "{stderr}");
    nothing_in(dir.path())
}

fn closed() -> Result<(), Failed> {
    // the second file would be reported, if it were tried
    let mut command = transcribe([sample().as_os_str(), "/nonexistent.wav".as_ref()]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    drop(child.stdout.take());
    let (code, _, stderr) = common::end(&child.wait_with_output()?);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    Ok(())
}

fn closed_with_files() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let mut command = transcribe([
        "-f".as_ref(),
        "txt".as_ref(),
        "-o".as_ref(),
        dir.path().as_os_str(),
        sample().as_os_str(),
    ]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    drop(child.stdout.take());
    let (code, _, stderr) = common::end(&child.wait_with_output()?);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert_eq!(
        fs::read_to_string(dir.path().join("librivox-0870.txt"))?,
        format!("{TEXT}\n")
    );
    Ok(())
}

fn existing() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("librivox-0870.txt");
    fs::write(&file, "mine")?;
    let args = [
        "-f".as_ref(),
        "txt".as_ref(),
        "-o".as_ref(),
        dir.path().as_os_str(),
    ];
    let (code, stdout, stderr) = end(args.into_iter().chain([sample().as_os_str()]))?;
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(
        stderr.contains("librivox-0870.txt exists; --force replaces it"),
        "{stderr}"
    );
    assert_eq!(fs::read_to_string(&file)?, "mine");
    let (code, ..) = end(args.into_iter().chain(["--force".as_ref(), sample().as_os_str()]))?;
    assert_eq!((code, fs::read_to_string(&file)?), (Some(0), format!("{TEXT}\n")));
    Ok(())
}
