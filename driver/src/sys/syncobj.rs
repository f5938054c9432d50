//! Syncobjs: where completion is waited for.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use xdna_uapi::flags::{FdToHandleFlags, HandleToFdFlags, QueryFlags, WaitFlags};
use xdna_uapi::{self as uapi, request};

use super::drm::{nonzero, owned};
use super::{retry, retry_until};
use crate::deadline::Deadline;
use crate::error::{Call, Error};
use crate::ids::SyncobjHandle;

nix::ioctl_readwrite_bad!(
    create_ioctl,
    request::DRM_IOCTL_SYNCOBJ_CREATE,
    uapi::drm_syncobj_create
);
nix::ioctl_readwrite_bad!(
    destroy_ioctl,
    request::DRM_IOCTL_SYNCOBJ_DESTROY,
    uapi::drm_syncobj_destroy
);
nix::ioctl_readwrite_bad!(
    to_fd_ioctl,
    request::DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD,
    uapi::drm_syncobj_handle
);
nix::ioctl_readwrite_bad!(
    to_handle_ioctl,
    request::DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE,
    uapi::drm_syncobj_handle
);
nix::ioctl_readwrite_bad!(
    wait_ioctl,
    request::DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT,
    uapi::drm_syncobj_timeline_wait
);
nix::ioctl_readwrite_bad!(
    query_ioctl,
    request::DRM_IOCTL_SYNCOBJ_QUERY,
    uapi::drm_syncobj_timeline_array
);
nix::ioctl_readwrite_bad!(
    signal_ioctl,
    request::DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL,
    uapi::drm_syncobj_timeline_array
);
nix::ioctl_readwrite_bad!(
    transfer_ioctl,
    request::DRM_IOCTL_SYNCOBJ_TRANSFER,
    uapi::drm_syncobj_transfer
);
nix::ioctl_readwrite_bad!(
    eventfd_ioctl,
    request::DRM_IOCTL_SYNCOBJ_EVENTFD,
    uapi::drm_syncobj_eventfd
);

/// Creates an unsignalled syncobj.
pub(crate) fn create(fd: BorrowedFd<'_>) -> Result<SyncobjHandle, Error> {
    let mut arg = uapi::drm_syncobj_create::default();
    // SAFETY: `arg` is the struct this request encodes, outlives the call and holds no pointer.
    retry(Call::SyncobjCreate, &mut arg, |arg| unsafe {
        create_ioctl(fd.as_raw_fd(), arg)
    })?;
    nonzero(Call::SyncobjCreate, "handle", arg.handle).map(SyncobjHandle)
}

/// Destroys a syncobj's handle.
pub(crate) fn destroy(fd: BorrowedFd<'_>, syncobj: SyncobjHandle) -> Result<(), Error> {
    let mut arg = uapi::drm_syncobj_destroy {
        handle: syncobj.0.get(),
        pad: 0,
    };
    // SAFETY: `arg` is the struct this request encodes, outlives the call and holds no pointer.
    retry(Call::SyncobjDestroy, &mut arg, |arg| unsafe {
        destroy_ioctl(fd.as_raw_fd(), arg)
    })
}

/// Waits until `point` has signalled; `false` if the deadline passed before.
///
/// A point that has no fence yet is waited for. Point 0 means the latest fence. A signalled fence says that the
/// command ended, not how.
pub(crate) fn timeline_wait(
    fd: BorrowedFd<'_>,
    syncobj: SyncobjHandle,
    point: u64,
    deadline: Deadline,
) -> Result<bool, Error> {
    let (handles, points) = ([syncobj.0.get()], [point]);
    let mut arg = uapi::drm_syncobj_timeline_wait {
        handles: handles.as_ptr() as u64,
        points: points.as_ptr() as u64,
        timeout_nsec: deadline.monotonic_ns(),
        count_handles: 1,
        flags: WaitFlags::FOR_SUBMIT.bits(),
        ..Default::default()
    };
    let waited = retry_until(Some(deadline), Call::SyncobjTimelineWait, &mut arg, |arg| {
        // SAFETY: the pointers are those of two arrays of one element, as the count says, which outlive the call;
        // the kernel only reads them.
        unsafe { wait_ioctl(fd.as_raw_fd(), arg) }
    });
    match waited {
        Ok(()) => Ok(true),
        Err(e) if matches!(e.errno(), Some(libc::ETIME | libc::EINTR)) => Ok(false),
        Err(e) => Err(e),
    }
}

/// Reads the highest signalled point, or the last submitted one.
pub(crate) fn query(fd: BorrowedFd<'_>, syncobj: SyncobjHandle, flags: QueryFlags) -> Result<u64, Error> {
    let handles = [syncobj.0.get()];
    let mut points = [0_u64];
    let mut arg = uapi::drm_syncobj_timeline_array {
        handles: handles.as_ptr() as u64,
        points: points.as_mut_ptr() as u64,
        count_handles: 1,
        flags: flags.bits(),
    };
    // SAFETY: the pointers are those of two arrays of one element, as the count says, which outlive the call;
    // `points`, which the kernel writes, is borrowed mutably for it.
    retry(Call::SyncobjQuery, &mut arg, |arg| unsafe {
        query_ioctl(fd.as_raw_fd(), arg)
    })?;
    Ok(points[0])
}

/// Signals `point` from the host.
pub(crate) fn timeline_signal(fd: BorrowedFd<'_>, syncobj: SyncobjHandle, point: u64) -> Result<(), Error> {
    let (handles, points) = ([syncobj.0.get()], [point]);
    let mut arg = uapi::drm_syncobj_timeline_array {
        handles: handles.as_ptr() as u64,
        points: points.as_ptr() as u64,
        count_handles: 1,
        flags: 0,
    };
    // SAFETY: the pointers are those of two arrays of one element, as the count says, which outlive the call;
    // the kernel only reads them.
    retry(Call::SyncobjTimelineSignal, &mut arg, |arg| unsafe {
        signal_ioctl(fd.as_raw_fd(), arg)
    })
}

/// Copies the fence of one syncobj's point to another's.
pub(crate) fn transfer(
    fd: BorrowedFd<'_>,
    from: (SyncobjHandle, u64),
    to: (SyncobjHandle, u64),
) -> Result<(), Error> {
    let mut arg = uapi::drm_syncobj_transfer {
        src_handle: from.0.0.get(),
        dst_handle: to.0.0.get(),
        src_point: from.1,
        dst_point: to.1,
        ..Default::default()
    };
    // SAFETY: `arg` is the struct this request encodes, outlives the call and holds no pointer.
    retry(Call::SyncobjTransfer, &mut arg, |arg| unsafe {
        transfer_ioctl(fd.as_raw_fd(), arg)
    })
}

/// Arms `event` to be written once `point` has signalled.
pub(crate) fn eventfd(
    fd: BorrowedFd<'_>,
    syncobj: SyncobjHandle,
    point: u64,
    event: BorrowedFd<'_>,
) -> Result<(), Error> {
    let mut arg = uapi::drm_syncobj_eventfd {
        handle: syncobj.0.get(),
        flags: 0,
        point,
        fd: event.as_raw_fd(),
        pad: 0,
    };
    // SAFETY: `arg` is the struct this request encodes, outlives the call and holds no pointer; the kernel
    // takes its own reference to the eventfd.
    retry(Call::SyncobjEventfd, &mut arg, |arg| unsafe {
        eventfd_ioctl(fd.as_raw_fd(), arg)
    })
}

/// Exports the syncobj itself, for another process.
pub(crate) fn to_fd(fd: BorrowedFd<'_>, syncobj: SyncobjHandle) -> Result<OwnedFd, Error> {
    export(fd, syncobj, HandleToFdFlags::empty())
}

/// Exports the current fence as a sync file.
pub(crate) fn to_sync_file(fd: BorrowedFd<'_>, syncobj: SyncobjHandle) -> Result<OwnedFd, Error> {
    export(fd, syncobj, HandleToFdFlags::EXPORT_SYNC_FILE)
}

fn export(fd: BorrowedFd<'_>, syncobj: SyncobjHandle, flags: HandleToFdFlags) -> Result<OwnedFd, Error> {
    let mut arg = uapi::drm_syncobj_handle {
        handle: syncobj.0.get(),
        flags: flags.bits(),
        fd: -1,
        ..Default::default()
    };
    // SAFETY: `arg` is the struct this request encodes, outlives the call and holds no pointer.
    retry(Call::SyncobjHandleToFd, &mut arg, |arg| unsafe {
        to_fd_ioctl(fd.as_raw_fd(), arg)
    })?;
    owned(Call::SyncobjHandleToFd, arg.fd)
}

/// Imports a syncobj another process exported.
pub(crate) fn from_fd(fd: BorrowedFd<'_>, syncobj: BorrowedFd<'_>) -> Result<SyncobjHandle, Error> {
    let flags = FdToHandleFlags::empty().bits();
    let mut arg = uapi::drm_syncobj_handle {
        flags,
        fd: syncobj.as_raw_fd(),
        ..Default::default()
    };
    // SAFETY: `arg` is the struct this request encodes, outlives the call and holds no pointer.
    retry(Call::SyncobjFdToHandle, &mut arg, |arg| unsafe {
        to_handle_ioctl(fd.as_raw_fd(), arg)
    })?;
    nonzero(Call::SyncobjFdToHandle, "handle", arg.handle).map(SyncobjHandle)
}
