//! Timeline syncobjs of the program's own: to order work between processes.
//!
//! The mainline driver neither waits for a syncobj before a command nor signals one after it, so the host does:
//! wait, then submit; submit, wait, signal.

use std::os::fd::{BorrowedFd, OwnedFd};

use xdna_uapi::flags::QueryFlags;

use crate::context::HwContext;
use crate::deadline::Deadline;
use crate::device::Device;
use crate::error::Error;
use crate::ids::SyncobjHandle;
use crate::sys;

/// A timeline of points, signalled in ascending order and waited for by anybody who has it.
#[derive(Debug)]
pub struct Timeline {
    device: Device,
    syncobj: SyncobjHandle,
}

impl Device {
    /// Creates a timeline at point 0.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn create_timeline(&self) -> Result<Timeline, Error> {
        self.0.check_process()?;
        let syncobj = sys::syncobj::create(self.fd()?)?;
        Ok(Timeline {
            device: self.clone(),
            syncobj,
        })
    }

    /// Imports a timeline that another process exported.
    ///
    /// # Errors
    /// `EINVAL`: the descriptor is no syncobj.
    pub fn import_timeline(&self, fd: BorrowedFd<'_>) -> Result<Timeline, Error> {
        self.0.check_process()?;
        let syncobj = sys::syncobj::from_fd(self.fd()?, fd)?;
        Ok(Timeline {
            device: self.clone(),
            syncobj,
        })
    }
}

impl Timeline {
    /// Signals `point` and all before it.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn signal(&self, point: u64) -> Result<(), Error> {
        sys::syncobj::timeline_signal(self.device.fd()?, self.syncobj, point)
    }

    /// Waits until `point` has been signalled; `false` if the deadline passed before.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn wait(&self, point: u64, deadline: Deadline) -> Result<bool, Error> {
        sys::syncobj::timeline_wait(self.device.fd()?, self.syncobj, point, deadline)
    }

    /// The highest signalled point.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn signalled(&self) -> Result<u64, Error> {
        sys::syncobj::query(self.device.fd()?, self.syncobj, QueryFlags::empty())
    }

    /// Arms `event`, an eventfd, to be written once `point` has been signalled.
    ///
    /// # Errors
    /// What the kernel answers; kernels before 6.6 have no such call.
    pub fn notify(&self, point: u64, event: BorrowedFd<'_>) -> Result<(), Error> {
        sys::syncobj::eventfd(self.device.fd()?, self.syncobj, point, event)
    }

    /// Copies the fence of a context's latest command to `point`: signalled when all that was submitted has
    /// ended.
    ///
    /// # Errors
    /// `EINVAL`: the context has not had a command yet.
    pub fn follow(&self, context: &HwContext, point: u64) -> Result<(), Error> {
        sys::syncobj::transfer(self.device.fd()?, (context.0.syncobj, 0), (self.syncobj, point))
    }

    /// Exports the timeline for another process.
    ///
    /// # Errors
    /// No descriptor is free.
    pub fn export(&self) -> Result<OwnedFd, Error> {
        sys::syncobj::to_fd(self.device.fd()?, self.syncobj)
    }
}

impl HwContext {
    /// Exports the fence of the latest command as a sync file: readable by `poll` once it has ended.
    ///
    /// # Errors
    /// `EINVAL`: the context has not had a command yet.
    pub fn export_fence(&self) -> Result<OwnedFd, Error> {
        sys::syncobj::to_sync_file(self.0.device.fd()?, self.0.syncobj)
    }
}

impl Drop for Timeline {
    fn drop(&mut self) {
        if self.device.0.is_inherited() {
            return;
        }
        if let Err(e) = sys::syncobj::destroy(self.device.0.fd(), self.syncobj) {
            e.warn_of_leak(&"timeline");
        }
    }
}
