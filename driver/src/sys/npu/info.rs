//! Queries and states.

use std::os::fd::{AsRawFd, BorrowedFd};

use xdna_uapi::{self as uapi, request};
use zerocopy::{FromBytes, IntoBytes};

use crate::error::{Call, Error};
use crate::sys::retry;

nix::ioctl_readwrite_bad!(
    get_info_ioctl,
    request::DRM_IOCTL_AMDXDNA_GET_INFO,
    uapi::amdxdna_drm_get_info
);
nix::ioctl_readwrite_bad!(
    set_state_ioctl,
    request::DRM_IOCTL_AMDXDNA_SET_STATE,
    uapi::amdxdna_drm_set_state
);
nix::ioctl_readwrite_bad!(
    get_array_ioctl,
    request::DRM_IOCTL_AMDXDNA_GET_ARRAY,
    uapi::amdxdna_drm_get_array
);

/// A struct `GET_INFO` fills, and the parameter that asks for it.
pub(crate) trait Fact: FromBytes + IntoBytes {
    const PARAM: uapi::amdxdna_drm_get_param;
}

impl Fact for uapi::amdxdna_drm_query_aie_metadata {
    const PARAM: u32 = uapi::DRM_AMDXDNA_QUERY_AIE_METADATA;
}
impl Fact for uapi::amdxdna_drm_query_aie_version {
    const PARAM: u32 = uapi::DRM_AMDXDNA_QUERY_AIE_VERSION;
}
impl Fact for uapi::amdxdna_drm_query_clock_metadata {
    const PARAM: u32 = uapi::DRM_AMDXDNA_QUERY_CLOCK_METADATA;
}
impl Fact for uapi::amdxdna_drm_query_firmware_version {
    const PARAM: u32 = uapi::DRM_AMDXDNA_QUERY_FIRMWARE_VERSION;
}
impl Fact for uapi::amdxdna_drm_get_power_mode {
    const PARAM: u32 = uapi::DRM_AMDXDNA_GET_POWER_MODE;
}
impl Fact for uapi::amdxdna_drm_get_resource_info {
    const PARAM: u32 = uapi::DRM_AMDXDNA_QUERY_RESOURCE_INFO;
}

/// Reads a fact of fixed size.
pub(crate) fn fact<T: Fact>(fd: BorrowedFd<'_>) -> Result<T, Error> {
    let mut value = T::new_zeroed();
    get_info(fd, T::PARAM, value.as_mut_bytes())?;
    Ok(value)
}

/// A switch that `GET_INFO` reads as one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    ForcePreempt,
    FrameBoundaryPreempt,
    AutoCoredump,
}

/// Reads the state of a switch: 0 off, 1 on.
pub(crate) fn switch(fd: BorrowedFd<'_>, switch: Switch) -> Result<u8, Error> {
    let param = match switch {
        Switch::ForcePreempt => uapi::DRM_AMDXDNA_GET_FORCE_PREEMPT_STATE,
        Switch::FrameBoundaryPreempt => uapi::DRM_AMDXDNA_GET_FRAME_BOUNDARY_PREEMPT_STATE,
        Switch::AutoCoredump => uapi::newer::GET_AUTO_COREDUMP,
    };
    let mut value = uapi::amdxdna_drm_attribute_state::default();
    get_info(fd, param, value.as_mut_bytes())?;
    Ok(value.state)
}

/// Reads sensor records; returns how many were written.
pub(crate) fn sensors(
    fd: BorrowedFd<'_>,
    records: &mut [uapi::amdxdna_drm_query_sensor],
) -> Result<usize, Error> {
    let written = get_info(fd, uapi::DRM_AMDXDNA_QUERY_SENSORS, records.as_mut_bytes())?;
    Ok((written as usize / size_of::<uapi::amdxdna_drm_query_sensor>()).min(records.len()))
}

/// Reads the contexts of all processes; returns the `buffer_size` the kernel leaves: the bytes required (Linux
/// to 6.17) or left over.
///
/// # Errors
/// `EINVAL`: too few records (Linux to 6.17).
pub(crate) fn hw_contexts(
    fd: BorrowedFd<'_>,
    records: &mut [uapi::amdxdna_drm_query_hwctx],
) -> Result<usize, Error> {
    get_info(fd, uapi::DRM_AMDXDNA_QUERY_HW_CONTEXTS, records.as_mut_bytes()).map(|size| size as usize)
}

/// Reads header, context map and counters of the firmware; the header's type is in `buffer` already.
///
/// # Errors
/// `EINVAL`: the buffer holds no more than the header, or (Linux to 7.0) less than the firmware writes.
pub(crate) fn telemetry(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<(), Error> {
    get_info(fd, uapi::DRM_AMDXDNA_QUERY_TELEMETRY, buffer).map(|_| ())
}

/// Reads the tile status of all columns into `dump`; returns the bitmap of the columns it holds.
///
/// # Errors
/// `EINVAL`: `dump` is not exactly columns x column size (Linux to 7.0).
pub(crate) fn aie_status(fd: BorrowedFd<'_>, dump: &mut [u8]) -> Result<u32, Error> {
    let mut status = uapi::amdxdna_drm_query_aie_status {
        buffer: dump.as_mut_ptr() as u64,
        buffer_size: length(dump.len())?,
        cols_filled: 0,
    };
    // The kernel writes `dump` through the pointer in `status`: the borrow of `dump` lasts for the call.
    get_info(fd, uapi::DRM_AMDXDNA_QUERY_AIE_STATUS, status.as_mut_bytes())?;
    Ok(status.cols_filled)
}

/// Reads a fact into `buffer`; returns the `buffer_size` the kernel leaves, whose meaning varies. Private,
/// because a buffer may hold a pointer the kernel follows, and because kernels to 7.0 write whole structs
/// whatever the size says: each function above passes what its parameter takes.
fn get_info(fd: BorrowedFd<'_>, param: u32, buffer: &mut [u8]) -> Result<u32, Error> {
    let mut arg = uapi::amdxdna_drm_get_info {
        param,
        buffer_size: length(buffer.len())?,
        buffer: buffer.as_mut_ptr() as u64,
    };
    // SAFETY: `buffer` is borrowed mutably for the call, `buffer_size` is its length, and it is as large as the
    // struct of its parameter (see above).
    retry(Call::GetInfo, &mut arg, |arg| unsafe {
        get_info_ioctl(fd.as_raw_fd(), arg)
    })?;
    Ok(arg.buffer_size)
}

/// Changes a state of the device.
///
/// # Errors
/// - `EACCES`: not root.
/// - `EINVAL`: a value the kernel refuses; `EOPNOTSUPP`: one it does not know.
pub(crate) fn set_state(fd: BorrowedFd<'_>, param: u32, value: &[u8]) -> Result<(), Error> {
    let mut arg = uapi::amdxdna_drm_set_state {
        param,
        buffer_size: length(value.len())?,
        buffer: value.as_ptr() as u64,
    };
    // SAFETY: `buffer` points to `buffer_size` live bytes, which the kernel only reads, during the call.
    retry(Call::SetState, &mut arg, |arg| unsafe {
        set_state_ioctl(fd.as_raw_fd(), arg)
    })
}

/// Size and number of the elements `GET_ARRAY` returned, or (with `ENOSPC`) would need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ArrayShape {
    pub element_size: usize,
    pub elements: usize,
}

/// Reads an array of facts into `buffer`, room for `elements` elements of equal size.
pub(crate) fn get_array(
    fd: BorrowedFd<'_>,
    param: u32,
    elements: usize,
    buffer: &mut [u8],
) -> Result<ArrayShape, (Error, ArrayShape)> {
    let none = ArrayShape {
        element_size: 0,
        elements: 0,
    };
    let mut arg = uapi::amdxdna_drm_get_array {
        param,
        element_size: length(buffer.len() / elements.max(1)).map_err(|e| (e, none))?,
        num_element: length(elements).map_err(|e| (e, none))?,
        pad: 0,
        buffer: buffer.as_mut_ptr() as u64,
    };
    // SAFETY: `buffer` is borrowed mutably for the call and holds at least `element_size` x `num_element` bytes,
    // by the division above.
    let done = retry(Call::GetArray, &mut arg, |arg| unsafe {
        get_array_ioctl(fd.as_raw_fd(), arg)
    });
    let shape = ArrayShape {
        element_size: arg.element_size as usize,
        elements: arg.num_element as usize,
    };
    done.map(|()| shape).map_err(|e| (e, shape))
}

fn length(len: usize) -> Result<u32, Error> {
    u32::try_from(len).map_err(|_| Error::TooLarge {
        what: "query buffer",
        len,
        limit: u32::MAX as usize,
    })
}
