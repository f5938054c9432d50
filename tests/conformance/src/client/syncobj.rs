//! Syncobjs.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use xdna_uapi::*;

use super::{Client, words};
use crate::check::Fail;
use crate::sys;

/// Wait for a fence that does not exist yet.
pub const FOR_SUBMIT: u32 = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT;

/// CLOCK_MONOTONIC in nanoseconds.
pub fn now() -> i64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |time| Duration::from(time).as_nanos() as i64)
}

/// The deadline this many milliseconds from now.
pub fn in_ms(ms: i64) -> i64 {
    now() + ms * 1_000_000
}

impl Client {
    /// SYNCOBJ_CREATE.
    pub fn syncobj(&self, flags: u32) -> Result<u32, Fail> {
        let mut arg = drm_syncobj_create { handle: 0, flags };
        self.call(request::DRM_IOCTL_SYNCOBJ_CREATE, &mut arg)?;
        Ok(arg.handle)
    }

    /// SYNCOBJ_DESTROY.
    pub fn syncobj_destroy(&self, handle: u32, pad: u32) -> Result<(), Fail> {
        self.call(
            request::DRM_IOCTL_SYNCOBJ_DESTROY,
            &mut drm_syncobj_destroy { handle, pad },
        )
    }

    /// TIMELINE_WAIT on (syncobj, point) pairs; `first_signaled` on return.
    pub fn timeline_wait(&self, waits: &[(u32, u64)], deadline: i64, flags: u32) -> Result<u32, Fail> {
        let handles = words(&waits.iter().map(|(handle, _)| *handle).collect::<Vec<_>>())?;
        let points = words(
            &waits
                .iter()
                .flat_map(|(_, point)| [*point as u32, (point >> 32) as u32])
                .collect::<Vec<_>>(),
        )?;
        let mut arg = drm_syncobj_timeline_wait {
            handles: handles.addr(),
            points: points.addr(),
            timeout_nsec: deadline,
            count_handles: waits.len() as u32,
            flags,
            ..Default::default()
        };
        self.call(request::DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &mut arg)?;
        Ok(arg.first_signaled)
    }

    /// SYNCOBJ_WAIT on binary syncobjs; `first_signaled` on return.
    pub fn syncobj_wait(&self, handles: &[u32], deadline: i64, flags: u32) -> Result<u32, Fail> {
        let list = words(handles)?;
        let count_handles = handles.len() as u32;
        let mut arg = drm_syncobj_wait {
            handles: list.addr(),
            timeout_nsec: deadline,
            count_handles,
            flags,
            ..Default::default()
        };
        self.call(request::DRM_IOCTL_SYNCOBJ_WAIT, &mut arg)?;
        Ok(arg.first_signaled)
    }

    /// SYNCOBJ_TIMELINE_SIGNAL.
    pub fn timeline_signal(&self, handle: u32, point: u64) -> Result<(), Fail> {
        let (handles, points) = (words(&[handle])?, words(&[point as u32, (point >> 32) as u32])?);
        let mut arg = drm_syncobj_timeline_array {
            handles: handles.addr(),
            points: points.addr(),
            count_handles: 1,
            flags: 0,
        };
        self.call(request::DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &mut arg)
    }

    /// SYNCOBJ_QUERY: the highest signalled point, or the last submitted one with flag 1.
    pub fn syncobj_query(&self, handle: u32, flags: u32) -> Result<u64, Fail> {
        let (handles, points) = (words(&[handle])?, words(&[u32::MAX; 2])?);
        let mut arg = drm_syncobj_timeline_array {
            handles: handles.addr(),
            points: points.addr(),
            count_handles: 1,
            flags,
        };
        self.call(request::DRM_IOCTL_SYNCOBJ_QUERY, &mut arg)?;
        Ok(points.long(0))
    }

    /// SYNCOBJ_RESET or SYNCOBJ_SIGNAL.
    pub fn syncobj_array(&self, request: u32, handle: u32) -> Result<(), Fail> {
        let handles = words(&[handle])?;
        self.call(
            request,
            &mut drm_syncobj_array {
                handles: handles.addr(),
                count_handles: 1,
                pad: 0,
            },
        )
    }

    /// SYNCOBJ_TRANSFER.
    pub fn syncobj_transfer(&self, from: (u32, u64), to: (u32, u64)) -> Result<(), Fail> {
        let mut arg = drm_syncobj_transfer {
            src_handle: from.0,
            src_point: from.1,
            dst_handle: to.0,
            dst_point: to.1,
            ..Default::default()
        };
        self.call(request::DRM_IOCTL_SYNCOBJ_TRANSFER, &mut arg)
    }

    /// SYNCOBJ_EVENTFD.
    pub fn syncobj_eventfd<F: AsFd>(&self, handle: u32, point: u64, flags: u32, fd: F) -> Result<(), Fail> {
        let fd = fd.as_fd().as_raw_fd();
        self.call(
            request::DRM_IOCTL_SYNCOBJ_EVENTFD,
            &mut drm_syncobj_eventfd {
                handle,
                flags,
                point,
                fd,
                pad: 0,
            },
        )
    }

    /// SYNCOBJ_HANDLE_TO_FD.
    pub fn syncobj_export(&self, handle: u32, flags: u32, point: u64) -> Result<OwnedFd, Fail> {
        let mut arg = drm_syncobj_handle {
            handle,
            flags,
            fd: -1,
            pad: 0,
            point,
        };
        self.call(request::DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &mut arg)?;
        Ok(sys::own(arg.fd))
    }

    /// SYNCOBJ_FD_TO_HANDLE: a new handle, or `into` when a sync file is imported.
    pub fn syncobj_import<F: AsFd>(&self, fd: F, flags: u32, into: u32) -> Result<u32, Fail> {
        let fd = fd.as_fd().as_raw_fd();
        let mut arg = drm_syncobj_handle {
            handle: into,
            flags,
            fd,
            pad: 0,
            point: 0,
        };
        self.call(request::DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &mut arg)?;
        Ok(arg.handle)
    }
}
