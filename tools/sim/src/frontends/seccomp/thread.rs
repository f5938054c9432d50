//! One thread of this process under the supervisor.

use std::{io, process};

use nix::errno::Errno;
use nix::sys::prctl;

use super::filter::{Traps, program};
use super::launch::LaunchError;
use super::process::status_field;
use super::supervisor::Supervisor;
use super::sys;
use super::world::{self, NodeKind};
use crate::kmd::Kmd;
use crate::profile::{Kernel, Profile};

const SYS_ADMIN: u64 = 1 << 21;

pub use sys::Listener;

/// True with CAP_SYS_ADMIN.
pub fn may_filter() -> bool {
    let caps = status_field(process::id() as i32, "CapEff");
    caps.and_then(|v| u64::from_str_radix(&v, 16).ok())
        .is_some_and(|c| c & SYS_ADMIN != 0)
}

/// What the filter must trap under `kernel`.
pub fn traps(kernel: Kernel, node: NodeKind) -> Traps {
    Traps {
        closes: kernel <= Kernel::V6_19,
        paths: node == NodeKind::Borrowed,
    }
}

/// Puts the filter on the calling thread and returns its listener.
///
/// # Errors
/// [`LaunchError::Nested`] if the thread has a device already.
pub fn install(kernel: Kernel, node: NodeKind) -> Result<Listener, LaunchError> {
    prctl::set_no_new_privs().map_err(io::Error::from)?;
    sys::install_filter(&program(traps(kernel, node))).map_err(|e| match e {
        Errno::EBUSY => LaunchError::Nested,
        e => LaunchError::Filter(e),
    })
}

/// Gives the calling thread a namespace with the device, and the filter.
///
/// # Errors
/// See [`LaunchError`].
pub fn filter(profile: &Profile) -> Result<Listener, LaunchError> {
    let node = world::enter(Some(profile)).map_err(|source| LaunchError::Namespace {
        what: "mounts",
        source,
    })?;
    install(profile.kernel, node)
}

/// Answers the calls behind `listener` until its last thread is gone.
///
/// # Errors
/// When the notifications cannot be waited for.
pub fn serve(listener: Listener, kmd: Kmd) -> io::Result<()> {
    Supervisor::new(listener, kmd)?.serve(None)
}
