//! All unsafe code of this package: raw calls, memory that the kernel or a device may write, processes.
//!
//! The driver would refuse much of what the checks send, so nothing here validates what a request means.
//! Soundness rests on two facts. A request never tells the kernel to copy more than the argument it is given
//! (checked in [`ioctl`]). And addresses inside arguments come from [`Area::addr`] or are [`NOWHERE`]: no
//! other module turns a reference into an integer, so the kernel writes to no memory Rust knows about.
#![allow(unsafe_code)]

mod area;
mod process;

pub use area::{Area, Share};
pub use process::{fork, interrupt_every, stop_interrupting};

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use xdna_uapi::*;

/// An address in the kernel's half: no process has anything mapped there.
pub const NOWHERE: u64 = 0xffff_ffff_ffff_0000;

/// An argument of an ioctl.
///
/// # Safety
/// `repr(C)`, no padding, and every bit pattern is a value.
pub unsafe trait Plain: Copy {}

macro_rules! plain {
    ($($name:ty),* $(,)?) => {
        // SAFETY: structs of the kernel's interface: `repr(C)`, integers only, and their layout is asserted
        // by xdna-uapi, whose derives prove that there is no padding.
        $(unsafe impl Plain for $name {})*
    };
}

plain! {
    VersionWire, drm_gem_close, drm_get_cap, drm_prime_handle, drm_syncobj_create, drm_syncobj_destroy,
    drm_syncobj_handle, drm_syncobj_transfer, drm_syncobj_wait, drm_syncobj_timeline_wait,
    drm_syncobj_eventfd, drm_syncobj_array, drm_syncobj_timeline_array, drm_set_client_name,
    amdxdna_drm_create_hwctx, amdxdna_drm_destroy_hwctx, amdxdna_drm_config_hwctx, amdxdna_drm_create_bo,
    amdxdna_drm_get_bo_info, amdxdna_drm_sync_bo, amdxdna_drm_exec_cmd, amdxdna_drm_wait_cmd,
    amdxdna_drm_get_info, amdxdna_drm_set_state, amdxdna_drm_get_array,
}
// SAFETY: bytes.
unsafe impl<const N: usize> Plain for [u8; N] {}

/// An argument followed by bytes that a request with a larger size field covers too.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Long<T: Plain> {
    /// What the kernel knows.
    pub arg: T,
    /// What it must leave alone.
    pub tail: [u8; 16],
}

// SAFETY: no padding inside `T` (its own promise), none after it (`tail` has alignment 1 and a length that is a
// multiple of 8, the largest alignment of any `T`).
unsafe impl<T: Plain> Plain for Long<T> {}

/// One ioctl, never repeated.
///
/// # Panics
/// If the size field of `request` is larger than `T`.
pub fn ioctl<T: Plain>(fd: BorrowedFd<'_>, request: u32, arg: &mut T) -> nix::Result<()> {
    assert!(request::size(request) <= size_of::<T>());
    // SAFETY: the kernel reads and writes at most the size field's bytes of `arg`, which is that large (one line
    // up) and accepts any bytes (`Plain`).
    let answer = unsafe { nix::libc::ioctl(fd.as_raw_fd(), request.into(), std::ptr::from_mut(arg)) };
    Errno::result(answer).map(drop)
}

/// One ioctl whose argument lies [`NOWHERE`].
pub fn ioctl_nowhere(fd: BorrowedFd<'_>, request: u32) -> nix::Result<()> {
    // SAFETY: nothing is mapped at the address, so the kernel can neither read nor write there.
    let answer = unsafe { nix::libc::ioctl(fd.as_raw_fd(), request.into(), NOWHERE) };
    Errno::result(answer).map(drop)
}

/// Owns a descriptor that an ioctl has just made.
///
/// # Panics
/// If `raw` is no open descriptor.
pub fn own(raw: i32) -> OwnedFd {
    // SAFETY: F_GETFD takes no pointer.
    let flags = unsafe { nix::libc::fcntl(raw, nix::libc::F_GETFD) };
    assert!(flags >= 0, "descriptor {raw} is not open");
    // SAFETY: open (one line up), and the callers pass numbers straight from the ioctl that made them.
    unsafe { OwnedFd::from_raw_fd(raw) }
}
