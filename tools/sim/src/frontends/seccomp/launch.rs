//! Starts a program under the supervisor.

use std::convert::Infallible;
use std::ffi::{CString, OsString};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::net::UnixStream;
use std::{fs, process};

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, execvp, getgid, getuid};

use super::family::{self, Before, Family};
use super::supervisor::Supervisor;
use super::sys::{self, Listener};
use super::thread;
use super::world::{self, NodeKind};
use crate::kmd::{Config, Kmd};
use crate::profile::{Kernel, Profile};

/// Exit code of a program that could not be started.
const CANNOT_START: i32 = 127;
/// Exit code when the device could not be put before it.
const NO_DEVICE: i32 = 1;

/// Why a program did not run under the simulated device.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// A filter with a listener is there already.
    #[error(
        "this process is already under a simulated device or another seccomp supervisor: the kernel allows one per process tree"
    )]
    Nested,
    /// The namespace could not be made.
    #[error(
        "cannot make the namespace of the simulated device ({what}): {source}; it takes root, or user namespaces"
    )]
    Namespace {
        /// What was tried.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The filter was refused.
    #[error("the kernel refused the system call filter: {0}; it takes Linux 5.19 or later")]
    Filter(Errno),
    /// The program could not be executed.
    #[error("cannot run {name}: {}", .errno.desc())]
    Program {
        /// As it was given.
        name: String,
        /// Why not.
        errno: Errno,
    },
    /// Anything else.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Runs `argv` with the device of `config`, or without any; returns its exit code, 128 + signal if one killed it.
///
/// # Errors
/// See [`LaunchError`]; failures after the program has started are its own.
pub fn run(config: Option<Config>, argv: Vec<OsString>) -> Result<i32, LaunchError> {
    let profile = config.as_ref().map(|c| c.profile);
    // What can go wrong goes wrong before the program runs.
    let kmd = config.map(Kmd::new).transpose()?;
    let name = argv
        .first()
        .map_or_else(String::new, |a| a.to_string_lossy().into_owned());
    let (ours, theirs) = UnixStream::pair()?;
    let before = family::hold_signals()?;
    let Some(child) = sys::fork().map_err(io::Error::from)? else {
        drop((ours, kmd));
        let error = start(theirs, before, profile.as_ref(), argv);
        let mut stderr = io::stderr();
        // There is nobody left to tell if this fails.
        let _ = writeln!(stderr, "xdna-sim: {error}");
        process::exit(match error {
            LaunchError::Program { .. } => CANNOT_START,
            _ => NO_DEVICE,
        });
    };
    drop(theirs);
    let mut family = Family::new(child, name, kmd.is_some())?;
    let outcome = supervise(ours, kmd, child, &mut family);
    if outcome.is_err() {
        // Without its supervisor the program cannot go on.
        family.kill();
    }
    outcome
}

fn supervise(
    mut link: UnixStream,
    kmd: Option<Kmd>,
    child: Pid,
    family: &mut Family,
) -> Result<i32, LaunchError> {
    use std::io::Read;
    let mut number = [0; 4];
    let received = link.read_exact(&mut number);
    let Some(kmd) = kmd.filter(|_| received.is_ok()) else {
        // There is no device, or the child has said why it could not start.
        return Ok(family.wait()?);
    };
    family.guard()?;
    let pidfd = sys::pidfd_open(child.as_raw(), false).map_err(io::Error::from)?;
    let listener: OwnedFd =
        sys::pidfd_getfd(pidfd.as_fd(), i32::from_le_bytes(number)).map_err(io::Error::from)?;
    link.write_all(&[1])?;
    let mut supervisor = Supervisor::new(Listener::from(listener), kmd)?;
    supervisor.serve(Some(family))?;
    Ok(family.finish()?)
}

/// The child: makes its world, filters itself, becomes the program. Returns only with an error.
fn start(
    mut link: UnixStream,
    before: Before,
    profile: Option<&Profile>,
    argv: Vec<OsString>,
) -> LaunchError {
    match become_program(&mut link, before, profile, argv) {
        Ok(never) => match never {},
        Err(e) => e,
    }
}

fn become_program(
    link: &mut UnixStream,
    before: Before,
    profile: Option<&Profile>,
    argv: Vec<OsString>,
) -> Result<Infallible, LaunchError> {
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(io::Error::from)?;
    enter_user_namespace()?;
    let kind = world::enter(profile).map_err(|source| LaunchError::Namespace {
        what: "mounts",
        source,
    })?;
    let argv = argv
        .into_iter()
        .map(|a| CString::new(a.into_vec()).map_err(io::Error::from));
    let argv: Vec<CString> = argv.collect::<Result<_, _>>()?;
    let name = argv
        .first()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no program"))?;
    match profile {
        Some(profile) => filter_self(link, profile.kernel, kind)?,
        None => link.write_all(&[0; 4])?,
    }
    before.restore()?;
    let errno = match execvp(name, &argv) {
        Ok(never) => return Ok(never),
        Err(errno) => errno,
    };
    Err(LaunchError::Program {
        name: name.to_string_lossy().into_owned(),
        errno,
    })
}

/// Filters this process and waits until the supervisor has the listener.
fn filter_self(link: &mut UnixStream, kernel: Kernel, kind: NodeKind) -> Result<(), LaunchError> {
    use std::io::Read;
    use std::os::fd::AsRawFd;
    let listener = thread::install(kernel, kind)?;
    link.write_all(&listener.as_fd().as_raw_fd().to_le_bytes())?;
    link.read_exact(&mut [0])?;
    Ok(())
}

/// Without root, root of a user namespace of our own.
fn enter_user_namespace() -> Result<(), LaunchError> {
    let (uid, gid) = (getuid(), getgid());
    if uid.is_root() && thread::may_filter() {
        return Ok(());
    }
    let failed = |what| move |source: io::Error| LaunchError::Namespace { what, source };
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|e| failed("user namespace")(e.into()))?;
    fs::write("/proc/self/setgroups", "deny").map_err(failed("setgroups"))?;
    fs::write("/proc/self/uid_map", format!("{uid} {uid} 1")).map_err(failed("uid_map"))?;
    fs::write("/proc/self/gid_map", format!("{gid} {gid} 1")).map_err(failed("gid_map"))
}
