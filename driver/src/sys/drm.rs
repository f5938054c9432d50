//! Requests every DRM driver answers.

use std::ffi::c_int;
use std::num::NonZeroU32;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use xdna_uapi::flags::PrimeFlags;
use xdna_uapi::{self as uapi, VersionWire, request};

use super::retry;
use crate::error::{Call, Error};
use crate::ids::BoHandle;

nix::ioctl_readwrite_bad!(version_ioctl, request::DRM_IOCTL_VERSION, VersionWire);
nix::ioctl_readwrite_bad!(get_cap_ioctl, request::DRM_IOCTL_GET_CAP, uapi::drm_get_cap);
nix::ioctl_readwrite_bad!(
    set_client_name_ioctl,
    request::DRM_IOCTL_SET_CLIENT_NAME,
    uapi::drm_set_client_name
);
nix::ioctl_readwrite_bad!(gem_close_ioctl, request::DRM_IOCTL_GEM_CLOSE, uapi::drm_gem_close);
nix::ioctl_readwrite_bad!(
    to_fd_ioctl,
    request::DRM_IOCTL_PRIME_HANDLE_TO_FD,
    uapi::drm_prime_handle
);
nix::ioctl_readwrite_bad!(
    to_handle_ioctl,
    request::DRM_IOCTL_PRIME_FD_TO_HANDLE,
    uapi::drm_prime_handle
);

/// What `VERSION` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Version {
    pub major: i32,
    pub minor: i32,
    pub patch: i32,
    pub name: String,
    pub date: String,
    pub description: String,
}

/// Asks for the driver's name and version: two calls, the first for the lengths.
pub(crate) fn version(fd: BorrowedFd<'_>) -> Result<Version, Error> {
    let mut arg = VersionWire::default();
    // SAFETY: `arg` has the layout of drm_version and outlives the call; its lengths are 0, so the kernel
    // writes through none of its pointers.
    retry(Call::Version, &mut arg, |arg| unsafe {
        version_ioctl(fd.as_raw_fd(), arg)
    })?;
    // A driver's strings are short; a length that is not would be a broken answer, not a reason to allocate it.
    let room = |len: u64| vec![0_u8; len.min(4096) as usize];
    let (mut name, mut date, mut desc) = (room(arg.name_len), room(arg.date_len), room(arg.desc_len));
    let mut arg = VersionWire {
        name_len: name.len() as u64,
        name: name.as_mut_ptr() as u64,
        date_len: date.len() as u64,
        date: date.as_mut_ptr() as u64,
        desc_len: desc.len() as u64,
        desc: desc.as_mut_ptr() as u64,
        ..Default::default()
    };
    // SAFETY: the pointers are those of three live vectors and the lengths theirs; the kernel copies at most that.
    retry(Call::Version, &mut arg, |arg| unsafe {
        version_ioctl(fd.as_raw_fd(), arg)
    })?;
    let text = |mut bytes: Vec<u8>, len: u64| {
        bytes.truncate(len as usize);
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Ok(Version {
        major: arg.version_major,
        minor: arg.version_minor,
        patch: arg.version_patchlevel,
        name: text(name, arg.name_len),
        date: text(date, arg.date_len),
        description: text(desc, arg.desc_len),
    })
}

/// Reads one generic capability.
pub(crate) fn get_cap(fd: BorrowedFd<'_>, capability: u32) -> Result<u64, Error> {
    let mut arg = uapi::drm_get_cap {
        capability: capability.into(),
        value: 0,
    };
    // SAFETY: `arg` is the struct this request encodes, outlives the call and holds no pointer.
    retry(Call::GetCap, &mut arg, |arg| unsafe {
        get_cap_ioctl(fd.as_raw_fd(), arg)
    })?;
    Ok(arg.value)
}

/// Names this client in fdinfo and debugfs.
///
/// # Errors
/// `EINVAL`: the name is too long or not printable, or (kernels before the call) it does not exist.
pub(crate) fn set_client_name(fd: BorrowedFd<'_>, name: &str) -> Result<(), Error> {
    let mut arg = uapi::drm_set_client_name {
        name_len: name.len() as u64,
        name: name.as_ptr() as u64,
    };
    // SAFETY: the pointer and length are those of `name`, which outlives the call; the kernel only reads them.
    retry(Call::SetClientName, &mut arg, |arg| unsafe {
        set_client_name_ioctl(fd.as_raw_fd(), arg)
    })
}

/// Closes a buffer object's handle.
///
/// # Errors
/// `EINVAL`: there is no such handle.
pub(crate) fn gem_close(fd: BorrowedFd<'_>, handle: BoHandle) -> Result<(), Error> {
    let mut arg = uapi::drm_gem_close {
        handle: handle.get(),
        pad: 0,
    };
    // SAFETY: `arg` is the struct this request encodes, outlives the call and holds no pointer.
    retry(Call::GemClose, &mut arg, |arg| unsafe {
        gem_close_ioctl(fd.as_raw_fd(), arg)
    })
}

/// Exports a buffer object as a dma-buf, writable and close-on-exec.
///
/// # Errors
/// - `ENOENT`: there is no such handle.
/// - `EOPNOTSUPP`: its kind can't be exported.
pub(crate) fn prime_handle_to_fd(fd: BorrowedFd<'_>, handle: BoHandle) -> Result<OwnedFd, Error> {
    let flags = PrimeFlags::CLOEXEC | PrimeFlags::RDWR;
    let mut arg = uapi::drm_prime_handle {
        handle: handle.get(),
        flags: flags.bits(),
        fd: -1,
    };
    // SAFETY: `arg` is the struct this request encodes, outlives the call and holds no pointer.
    retry(Call::PrimeHandleToFd, &mut arg, |arg| unsafe {
        to_fd_ioctl(fd.as_raw_fd(), arg)
    })?;
    owned(Call::PrimeHandleToFd, arg.fd)
}

/// Imports a dma-buf; the handle is an existing one if this device holds the buffer already.
///
/// # Errors
/// `EINVAL`: the descriptor is no dma-buf.
pub(crate) fn prime_fd_to_handle(fd: BorrowedFd<'_>, dma_buf: BorrowedFd<'_>) -> Result<BoHandle, Error> {
    let mut arg = uapi::drm_prime_handle {
        handle: 0,
        flags: 0,
        fd: dma_buf.as_raw_fd(),
    };
    // SAFETY: `arg` is the struct this request encodes, outlives the call and holds no pointer.
    retry(Call::PrimeFdToHandle, &mut arg, |arg| unsafe {
        to_handle_ioctl(fd.as_raw_fd(), arg)
    })?;
    nonzero(Call::PrimeFdToHandle, "handle", arg.handle).map(BoHandle)
}

/// A handle the kernel returned: 0 would be a broken answer.
pub(in crate::sys) fn nonzero(call: Call, what: &'static str, value: u32) -> Result<NonZeroU32, Error> {
    NonZeroU32::new(value).ok_or(Error::Answer { call, what, value: 0 })
}

/// Takes over a descriptor the kernel just created for `call`.
pub(in crate::sys) fn owned(call: Call, fd: c_int) -> Result<OwnedFd, Error> {
    if fd < 0 {
        return Err(Error::Answer {
            call,
            what: "fd",
            value: fd as u64,
        });
    }
    // SAFETY: the kernel created this descriptor in the call that just succeeded; nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
