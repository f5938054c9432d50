//! What the conformance checks find.

use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::reported::{Missing, Reported};

/// How long the checks may take: a device that answers nothing makes them wait.
const PATIENCE: Duration = Duration::from_secs(180);

/// Why they were not run.
pub(super) fn left_out(why: &str) -> Reported<Vec<String>> {
    Reported::Missing(Missing::Failed(why.into()))
}

/// What differs from the table, and the sum, of `xdna conformance --check`, which must be a program of its own: it forks.
pub(super) fn run() -> Reported<Vec<String>> {
    lines().map_or_else(
        |e| Reported::Missing(Missing::Failed(format!("{e:#}"))),
        Reported::Is,
    )
}

fn lines() -> anyhow::Result<Vec<String>> {
    let child = Command::new(std::env::current_exe()?)
        .args(["conformance", "--check"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let pid = Pid::from_raw(i32::try_from(child.id())?);
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(child.wait_with_output()));
    let output = told.recv_timeout(PATIENCE).inspect_err(|_| {
        // Nothing more is wanted of it; it may have ended just now.
        let _ended = kill(pid, Signal::SIGKILL);
    });
    let output = output.with_context(|| format!("the checks did not end within {PATIENCE:?}"))??;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let is_told = |line: &&str| line.starts_with("difference: ") || line.starts_with("xdna-conformance: ");
    let told: Vec<_> = text.lines().filter(is_told).map(xdna_terminal::clean).collect();
    let last = text.lines().last().unwrap_or_default();
    anyhow::ensure!(
        !told.is_empty(),
        "the checks did not run: {}",
        xdna_terminal::clean(last)
    );
    Ok(told)
}
