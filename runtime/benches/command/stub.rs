//! Stands in for `ioctl` and `mmap` of the C library: passes calls on, and answers those of the hot path when asked to.

use std::ffi::{c_int, c_long, c_ulong, c_void};
use std::ptr::{null_mut, without_provenance_mut};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};

use xdna_uapi::ert::state::COMPLETED;
use xdna_uapi::request::{
    DRM_IOCTL_AMDXDNA_EXEC_CMD, DRM_IOCTL_AMDXDNA_GET_BO_INFO, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT,
};
use xdna_uapi::{amdxdna_drm_exec_cmd, amdxdna_drm_get_bo_info, drm_syncobj_timeline_wait};

/// Handles there may be.
const HANDLES: usize = 1 << 14;

static ANSWERS: AtomicBool = AtomicBool::new(false);
static SEQ: AtomicU64 = AtomicU64::new(0);
/// Header words of buffers, by handle.
static HEADERS: [AtomicPtr<AtomicU32>; HANDLES] = [const { AtomicPtr::new(null_mut()) }; HANDLES];
/// Offsets that buffers are mapped at, and their handles.
static OFFSETS: Mutex<Vec<(u64, u32)>> = Mutex::new(Vec::new());

/// While this lives, commands complete at once.
pub struct Stubbed(());

/// Begins to answer.
pub fn begin() -> Stubbed {
    SEQ.store(1 << 32, Ordering::Relaxed);
    ANSWERS.store(true, Ordering::Relaxed);
    Stubbed(())
}

impl Stubbed {
    /// The two calls of a run, without anything around them.
    pub fn bare(&self) {
        let mut command = amdxdna_drm_exec_cmd::default();
        let mut wait = drm_syncobj_timeline_wait::default();
        // SAFETY: both are the structs that the requests stand for; both calls are answered here.
        unsafe { libc::ioctl(-1, DRM_IOCTL_AMDXDNA_EXEC_CMD as _, &raw mut command) };
        // SAFETY: as above.
        unsafe { libc::ioctl(-1, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT as _, &raw mut wait) };
    }
}

impl Drop for Stubbed {
    fn drop(&mut self) {
        ANSWERS.store(false, Ordering::Relaxed);
    }
}

/// In place of the C library's.
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ioctl(fd: c_int, request: c_ulong, arg: *mut c_void) -> c_int {
    let number = request as u32;
    if ANSWERS.load(Ordering::Relaxed) {
        if number == DRM_IOCTL_AMDXDNA_EXEC_CMD {
            // SAFETY: the request's struct, which the caller owns.
            let command = unsafe { &mut *arg.cast::<amdxdna_drm_exec_cmd>() };
            let header = HEADERS[command.cmd_handles as usize % HANDLES].load(Ordering::Relaxed);
            // SAFETY: the first word of a mapped command buffer: the caller holds it.
            if let Some(header) = unsafe { header.as_ref() } {
                header.store(
                    header.load(Ordering::Relaxed) & !0xf | COMPLETED,
                    Ordering::Release,
                );
            }
            command.seq = SEQ.fetch_add(1, Ordering::Relaxed);
            return 0;
        }
        if number == DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT {
            return 0;
        }
    }
    // SAFETY: the caller's call.
    let done = unsafe { libc::syscall(libc::SYS_ioctl, fd, request, arg) };
    if number == DRM_IOCTL_AMDXDNA_GET_BO_INFO && done == 0 {
        // SAFETY: the request's struct, which the caller owns.
        let info = unsafe { &*arg.cast::<amdxdna_drm_get_bo_info>() };
        let mut offsets = OFFSETS.lock().expect("nobody panics with it");
        offsets.retain(|(offset, _)| *offset != info.map_offset);
        offsets.push((info.map_offset, info.handle));
    }
    done as c_int
}

/// In place of the C library's.
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mmap(
    at: *mut c_void,
    len: usize,
    protection: c_int,
    flags: c_int,
    fd: c_int,
    offset: i64,
) -> *mut c_void {
    // SAFETY: the caller's call.
    let start: c_long = unsafe { libc::syscall(libc::SYS_mmap, at, len, protection, flags, fd, offset) };
    if start == -1 {
        return libc::MAP_FAILED;
    }
    let start = without_provenance_mut::<c_void>(start as usize);
    if fd >= 0 {
        let offsets = OFFSETS.lock().expect("nobody panics with it");
        if let Some((_, handle)) = offsets.iter().find(|(o, _)| *o == offset as u64) {
            HEADERS[*handle as usize % HANDLES].store(start.cast(), Ordering::Relaxed);
        }
    }
    start
}
