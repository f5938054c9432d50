//! Ways to begin to watch: a program from its first call on, or a process that runs.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;

use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// Stops itself, then becomes the program: so the watching begins before the program's first call.
const LAUNCHER: &str = r#"kill -STOP $$; exec "$@""#;

fn options() -> Options {
    Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACEEXEC
}

/// Starts the program at `path` with its name and arguments, stopped and watched.
pub(super) fn launch(path: PathBuf, program: &[OsString]) -> anyhow::Result<Pid> {
    let child = Command::new("/bin/sh")
        .args(["-c", LAUNCHER, "sh"])
        .arg(path)
        .args(program.iter().skip(1))
        .spawn()?;
    let pid = Pid::from_raw(i32::try_from(child.id())?);
    match waitpid(pid, Some(WaitPidFlag::WUNTRACED))? {
        WaitStatus::Stopped(..) => {}
        other => anyhow::bail!("it did not start: {other:?}"),
    }
    ptrace::seize(pid, options())?;
    kill(pid, Signal::SIGCONT)?;
    Ok(pid)
}

/// Takes over all threads of a process.
pub(super) fn attach(pid: Pid) -> anyhow::Result<Pid> {
    let mut taken = BTreeSet::new();
    // Threads may be started while this goes on: those of watched threads are watched, others are found the next time.
    loop {
        let before = taken.len();
        for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
            let thread = entry?.file_name();
            let number = thread.to_str().and_then(|name| name.parse().ok());
            let thread = Pid::from_raw(number.ok_or_else(|| io::Error::other("/proc names no thread"))?);
            if !taken.insert(thread) {
                continue;
            }
            match ptrace::seize(thread, options()) {
                Ok(()) => ptrace::interrupt(thread)?,
                // It has ended, or its starter is watched and so is it.
                Err(Errno::ESRCH) => {}
                Err(Errno::EPERM) if before > 0 => {}
                Err(e) => return Err(e.into()),
            }
        }
        if taken.len() == before {
            return Ok(pid);
        }
    }
}
