//! Input that is not what it should be: message and exit code.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::Write as _,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::Path,
    process::Command,
    thread,
};

use libtest_mimic::Failed;
use nix::{sys::stat::Mode, unistd};

use crate::{
    common, end,
    sound::{TEXT, sample, samples, wav},
    transcribe,
};

pub const TESTS: &[crate::Test] = &[
    ("what_is_not_there_or_no_sound_is_refused_by_name", refused),
    ("what_a_header_claims_is_not_believed", claims),
    ("an_unreadable_file_is_refused", unreadable),
    ("a_fifo_that_closes_ends_the_sound", fifo),
    ("other_files_go_on_after_a_bad_one", go_on),
    ("a_model_that_is_none_is_refused", model),
    ("names_with_control_characters_do_not_reach_the_terminal", names),
];

/// Asserts that `path` fails with exit code 1 and a message with `says`.
fn fails(path: &Path, says: &str) -> Result<(), Failed> {
    let (code, stdout, stderr) = end([path])?;
    assert_eq!(
        (code, stdout.as_str()),
        (Some(1), ""),
        "{}: {stderr}",
        path.display()
    );
    let name = path.file_name().unwrap().to_string_lossy();
    assert!(
        stderr.starts_with("xdna: ") && stderr.contains(&*name) && stderr.contains(says),
        "{says}: {stderr}"
    );
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    Ok(())
}

fn refused() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).map(|()| path)
    };
    fails(&dir.path().join("none.wav"), "No such file")?;
    fails(dir.path(), "directory")?;
    fails(&file("empty.wav", b"")?, "empty")?;
    fails(
        &file("text.wav", "no sound at all, ".repeat(500).as_bytes())?,
        "a sound file",
    )?;
    fails(
        &file("wma.wav", &wav(0x161, 1, 16_000, 1000, &[0; 1000]))?,
        "supported",
    )?;
    Ok(())
}

fn claims() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("claims.wav");
    fs::write(&path, wav(1, 1, 16_000, u32::MAX - 100, &samples()))?;
    let (code, stdout, stderr) = end([&path])?;
    assert_eq!((code, stdout), (Some(0), format!("{TEXT}\n")), "{stderr}");
    fs::write(&path, wav(1, 1, 10_000_000, 1000, &[0; 1000]))?;
    fails(&path, "rate")?;
    fs::write(&path, wav(1, 1000, 16_000, 1000, &[0; 1000]))?;
    fails(&path, "channel count")
}

fn unreadable() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755))?;
    let path = dir.path().join("secret.wav");
    fs::copy(sample(), &path)?;
    fs::set_permissions(&path, Permissions::from_mode(0o000))?;
    let mut command = transcribe([&path]);
    if unistd::geteuid().is_root() {
        // root may read everything; nobody may not even see a build directory of root's
        let program = dir.path().join("xdna");
        fs::copy(command.get_program(), &program)?;
        let args: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        command = Command::new(program);
        command
            .args(args)
            .uid(65_534)
            .gid(65_534)
            .current_dir(dir.path())
            .env_clear();
    }
    let (code, stdout, stderr) = common::end(&command.output()?);
    assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
    assert!(stderr.contains("secret.wav: Permission denied"), "{stderr}");
    Ok(())
}

fn fifo() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("pipe");
    unistd::mkfifo(&path, Mode::S_IRWXU)?;
    let feed = |bytes: Vec<u8>| {
        let path = path.clone();
        thread::spawn(move || OpenOptions::new().write(true).open(path)?.write_all(&bytes))
    };
    let whole = fs::read(sample())?;
    let feeding = feed(Vec::new());
    fails(&path, "empty")?;
    feeding.join().unwrap()?;
    let feeding = feed(whole[..20].to_vec());
    fails(&path, "")?;
    feeding.join().unwrap()?;
    let feeding = feed(whole[..whole.len() / 2].to_vec());
    let (code, stdout, stderr) = end([&path])?;
    feeding.join().unwrap()?;
    assert_eq!(code, Some(0), "{stderr}");
    assert!(
        stdout.contains("John Dashwood") && stdout.len() < TEXT.len(),
        "{stdout}"
    );
    Ok(())
}

fn go_on() -> Result<(), Failed> {
    let (code, stdout, stderr) = end([
        "/nonexistent.wav".as_ref(),
        sample().as_os_str(),
        "/dev/null".as_ref(),
    ])?;
    assert_eq!((code, stdout), (Some(1), format!("{TEXT}\n")));
    assert!(
        stderr.contains("xdna: /nonexistent.wav: No such file") && stderr.contains("xdna: /dev/null: "),
        "{stderr}"
    );
    Ok(())
}

fn model() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("ggml-broken.bin");
    fs::write(&file, b"lmgg\x00\x00\x00")?;
    for (name, says) in [
        (file.display().to_string(), "ggml-broken.bin"),
        ("/nonexistent".into(), "/nonexistent"),
    ] {
        let (code, stdout, stderr) = end(["--model".as_ref(), name.as_ref(), sample().as_os_str()])?;
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
        assert!(stderr.starts_with("xdna: ") && stderr.contains(says), "{stderr}");
        let (code, stdout, _) = end([
            "--json".as_ref(),
            "--model".as_ref(),
            name.as_ref(),
            sample().as_os_str(),
        ])?;
        assert_eq!(code, Some(1));
        let object: serde_json::Value = serde_json::from_str(&stdout)?;
        assert_eq!(object["files"][0]["status"], "failed");
    }
    Ok(())
}

fn names() -> Result<(), Failed> {
    let (code, _, stderr) = end(["/nonexistent\x1b[31m\u{202e}.wav"])?;
    assert_eq!(code, Some(1));
    assert!(stderr.contains("/nonexistent[31m.wav"), "{stderr:?}");
    Ok(())
}
