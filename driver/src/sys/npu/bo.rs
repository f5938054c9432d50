//! Buffer objects.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;

use xdna_uapi::{self as uapi, Flexible, request};

use crate::error::{Call, Error};
use crate::ids::BoHandle;
use crate::sys::drm::nonzero;
use crate::sys::retry;

nix::ioctl_readwrite_bad!(
    create_bo_ioctl,
    request::DRM_IOCTL_AMDXDNA_CREATE_BO,
    uapi::amdxdna_drm_create_bo
);
nix::ioctl_readwrite_bad!(
    get_bo_info_ioctl,
    request::DRM_IOCTL_AMDXDNA_GET_BO_INFO,
    uapi::amdxdna_drm_get_bo_info
);
nix::ioctl_readwrite_bad!(
    sync_bo_ioctl,
    request::DRM_IOCTL_AMDXDNA_SYNC_BO,
    uapi::amdxdna_drm_sync_bo
);

/// Creates a buffer object of `size` bytes, rounded up to pages.
///
/// # Errors
/// - `ENOMEM`, `ENOSPC`: no room, in the system or in the device heap.
/// - `EAGAIN`: a DEV buffer reaches past the mapped chunks of the heap (Linux 7.2 and later).
/// - `EINVAL`: the size or type is refused, or a DEV buffer has no heap (Linux to 7.1).
pub(crate) fn create_bo(
    fd: BorrowedFd<'_>,
    kind: uapi::amdxdna_bo_type,
    size: u64,
) -> Result<BoHandle, Error> {
    let mut arg = uapi::amdxdna_drm_create_bo {
        size,
        type_: kind,
        ..Default::default()
    };
    // SAFETY: `arg` is the struct this request encodes, outlives the call and holds no pointer (`vaddr` is 0).
    retry(Call::CreateBo, &mut arg, |arg| unsafe {
        create_bo_ioctl(fd.as_raw_fd(), arg)
    })?;
    nonzero(Call::CreateBo, "handle", arg.handle).map(BoHandle)
}

/// Creates a buffer object over `len` bytes of the caller's memory at `start`, which stay pinned with it.
///
/// # Safety
/// The range must stay mapped, and be accessed by the host as memory the device writes, until the handle is
/// closed and no command uses it.
///
/// # Errors
/// - `EINVAL`: not page-aligned, or before Linux 6.18.
/// - `ENOMEM`, `EPERM`: `RLIMIT_MEMLOCK`.
/// - `ENOMEM`, `EFAULT`: not mapped, or not writable.
pub(crate) unsafe fn create_user_bo(
    fd: BorrowedFd<'_>,
    start: NonNull<u8>,
    len: usize,
) -> Result<BoHandle, Error> {
    let head = uapi::amdxdna_drm_va_tbl {
        dmabuf_fd: -1,
        num_entries: 1,
        ..Default::default()
    };
    let entry = uapi::amdxdna_drm_va_entry {
        vaddr: start.as_ptr() as u64,
        len: len as u64,
    };
    let table = Flexible::<_, _, 1>::new(head, [entry]);
    let mut arg = uapi::amdxdna_drm_create_bo {
        vaddr: std::ptr::from_ref(&table) as u64,
        type_: uapi::AMDXDNA_BO_SHARE,
        ..Default::default()
    };
    // SAFETY: `vaddr` points to a live table of one entry, read during the call; that the memory it names stays
    // is the caller's promise.
    retry(Call::CreateBo, &mut arg, |arg| unsafe {
        create_bo_ioctl(fd.as_raw_fd(), arg)
    })?;
    nonzero(Call::CreateBo, "handle", arg.handle).map(BoHandle)
}

/// Asks whether the driver takes user pointers, by importing no dma-buf: nothing is created.
pub(crate) fn probe_user_bo(fd: BorrowedFd<'_>) -> Result<bool, Error> {
    let table = uapi::amdxdna_drm_va_tbl {
        dmabuf_fd: -1,
        num_entries: 0,
        ..Default::default()
    };
    let mut arg = uapi::amdxdna_drm_create_bo {
        vaddr: std::ptr::from_ref(&table) as u64,
        type_: uapi::AMDXDNA_BO_SHARE,
        ..Default::default()
    };
    // SAFETY: `vaddr` points to a live table without entries, read during the call.
    match retry(Call::CreateBo, &mut arg, |arg| unsafe {
        create_bo_ioctl(fd.as_raw_fd(), arg)
    }) {
        Ok(()) => Err(Error::Answer {
            call: Call::CreateBo,
            what: "handle",
            value: arg.handle.into(),
        }),
        Err(e) if e.errno() == Some(libc::EBADF) => Ok(true),
        Err(e) if e.errno() == Some(libc::EINVAL) => Ok(false),
        Err(e) => Err(e),
    }
}

/// Addresses of a buffer object, `None` where it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BoInfo {
    pub map_offset: Option<u64>,
    pub user_addr: Option<u64>,
    pub device_addr: Option<u64>,
}

/// Asks for the addresses of a buffer object.
///
/// # Errors
/// `ENOENT`: there is no such handle.
pub(crate) fn get_bo_info(fd: BorrowedFd<'_>, handle: BoHandle) -> Result<BoInfo, Error> {
    let mut arg = uapi::amdxdna_drm_get_bo_info {
        handle: handle.get(),
        ..Default::default()
    };
    // SAFETY: `arg` is the struct this request encodes, outlives the call and holds no pointer.
    retry(Call::GetBoInfo, &mut arg, |arg| unsafe {
        get_bo_info_ioctl(fd.as_raw_fd(), arg)
    })?;
    let valid = |addr| (addr != uapi::AMDXDNA_INVALID_ADDR).then_some(addr);
    Ok(BoInfo {
        map_offset: valid(arg.map_offset),
        user_addr: valid(arg.vaddr),
        device_addr: valid(arg.xdna_addr),
    })
}

/// Direction of [`sync_bo`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SyncDirection {
    /// Write CPU caches back and invalidate them: serves both directions.
    ToDevice,
    /// As before, after the firmware has dumped an attached debug buffer.
    FromDevice,
}

/// Flushes CPU caches for a range of a buffer object. The caller keeps the range inside it: Linux 6.17 to 7.1
/// does not check.
///
/// # Errors
/// - `ENOENT`: there is no such handle.
/// - `EINVAL`: out of range, or FROM_DEVICE on a buffer that is no attached debug buffer (Linux 6.19 and later).
/// - `EOPNOTSUPP`: an imported or user-pointer buffer.
pub(crate) fn sync_bo(
    fd: BorrowedFd<'_>,
    handle: BoHandle,
    direction: SyncDirection,
    offset: u64,
    size: u64,
) -> Result<(), Error> {
    let direction = match direction {
        SyncDirection::ToDevice => uapi::SYNC_DIRECT_TO_DEVICE,
        SyncDirection::FromDevice => uapi::SYNC_DIRECT_FROM_DEVICE,
    };
    let mut arg = uapi::amdxdna_drm_sync_bo {
        handle: handle.get(),
        direction,
        offset,
        size,
    };
    // SAFETY: `arg` is the struct this request encodes, outlives the call and holds no pointer.
    retry(Call::SyncBo, &mut arg, |arg| unsafe {
        sync_bo_ioctl(fd.as_raw_fd(), arg)
    })
}
