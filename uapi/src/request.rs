//! Request numbers, built like the kernel's `_IOC` and pinned by test.
//!
//! The kernel looks a request up by its number alone; the direction bits decide what it copies.

use crate::*;

const WRITE: u32 = 1;
const READ: u32 = 2;

/// A DRM request: direction, argument size, type `'d'`, number.
const fn drm<T>(direction: u32, number: u32) -> u32 {
    assert!(size_of::<T>() < 1 << 14 && number < 256);
    direction << 30 | (size_of::<T>() as u32) << 16 | (b'd' as u32) << 8 | number
}

const fn iow<T>(number: u32) -> u32 {
    drm::<T>(WRITE, number)
}

const fn iowr<T>(number: u32) -> u32 {
    drm::<T>(WRITE | READ, number)
}

/// The number field of a request: 0x40 and up are the driver's own.
pub const fn number(request: u32) -> u32 {
    request & 0xff
}

/// The type byte of a request: `'d'` for DRM.
pub const fn kind(request: u32) -> u8 {
    (request >> 8) as u8
}

/// The argument size a request encodes, in bytes.
pub const fn size(request: u32) -> usize {
    (request >> 16 & 0x3fff) as usize
}

/// True if the request's argument is copied to the kernel.
pub const fn copies_in(request: u32) -> bool {
    request >> 30 & WRITE != 0
}

/// True if the request's argument is copied back from the kernel.
pub const fn copies_out(request: u32) -> bool {
    request >> 30 & READ != 0
}

macro_rules! requests {
    ($($(#[$doc:meta])* $name:ident = $make:ident::<$arg:ty>($number:expr), $pinned:literal;)*) => {
        $($(#[$doc])* pub const $name: u32 = $make::<$arg>($number);)*

        /// Every request of this module: name and value.
        pub const ALL: &[(&str, u32)] = &[$((stringify!($name), $name)),*];

        #[cfg(test)]
        mod tests {
            #[test]
            fn numbers_are_the_kernels() {
                $(assert_eq!(super::$name, $pinned, stringify!($name));)*
            }
        }
    };
}

requests! {
    /// Driver name and version.
    DRM_IOCTL_VERSION = iowr::<drm_version>(0x00), 0xC040_6400;
    /// Closes a buffer object's handle.
    DRM_IOCTL_GEM_CLOSE = iow::<drm_gem_close>(0x09), 0x4008_6409;
    /// One generic capability.
    DRM_IOCTL_GET_CAP = iowr::<drm_get_cap>(0x0c), 0xC010_640C;
    /// Exports a buffer object as a dma-buf descriptor.
    DRM_IOCTL_PRIME_HANDLE_TO_FD = iowr::<drm_prime_handle>(0x2d), 0xC00C_642D;
    /// Imports a dma-buf descriptor.
    DRM_IOCTL_PRIME_FD_TO_HANDLE = iowr::<drm_prime_handle>(0x2e), 0xC00C_642E;
    /// Creates a syncobj.
    DRM_IOCTL_SYNCOBJ_CREATE = iowr::<drm_syncobj_create>(0xbf), 0xC008_64BF;
    /// Destroys a syncobj.
    DRM_IOCTL_SYNCOBJ_DESTROY = iowr::<drm_syncobj_destroy>(0xc0), 0xC008_64C0;
    /// Exports a syncobj, or a sync file of its fence.
    DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD = iowr::<drm_syncobj_handle>(0xc1), 0xC018_64C1;
    /// Imports a syncobj, or a sync file into one.
    DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE = iowr::<drm_syncobj_handle>(0xc2), 0xC018_64C2;
    /// Waits for binary syncobjs.
    DRM_IOCTL_SYNCOBJ_WAIT = iowr::<drm_syncobj_wait>(0xc3), 0xC028_64C3;
    /// Drops the fences of syncobjs.
    DRM_IOCTL_SYNCOBJ_RESET = iowr::<drm_syncobj_array>(0xc4), 0xC010_64C4;
    /// Signals binary syncobjs.
    DRM_IOCTL_SYNCOBJ_SIGNAL = iowr::<drm_syncobj_array>(0xc5), 0xC010_64C5;
    /// Waits for points of timeline syncobjs.
    DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT = iowr::<drm_syncobj_timeline_wait>(0xca), 0xC030_64CA;
    /// Highest signalled points of timeline syncobjs.
    DRM_IOCTL_SYNCOBJ_QUERY = iowr::<drm_syncobj_timeline_array>(0xcb), 0xC018_64CB;
    /// Copies a fence from one syncobj to another.
    DRM_IOCTL_SYNCOBJ_TRANSFER = iowr::<drm_syncobj_transfer>(0xcc), 0xC020_64CC;
    /// Signals points of timeline syncobjs.
    DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL = iowr::<drm_syncobj_timeline_array>(0xcd), 0xC018_64CD;
    /// Arms an eventfd for a point of a timeline syncobj.
    DRM_IOCTL_SYNCOBJ_EVENTFD = iowr::<drm_syncobj_eventfd>(0xcf), 0xC018_64CF;
    /// Names the client in fdinfo.
    DRM_IOCTL_SET_CLIENT_NAME = iowr::<drm_set_client_name>(0xd1), 0xC010_64D1;
    /// Creates a hardware context.
    DRM_IOCTL_AMDXDNA_CREATE_HWCTX =
        iowr::<amdxdna_drm_create_hwctx>(DRM_COMMAND_BASE + DRM_AMDXDNA_CREATE_HWCTX), 0xC038_6440;
    /// Destroys a hardware context.
    DRM_IOCTL_AMDXDNA_DESTROY_HWCTX =
        iowr::<amdxdna_drm_destroy_hwctx>(DRM_COMMAND_BASE + DRM_AMDXDNA_DESTROY_HWCTX), 0xC008_6441;
    /// Configures a hardware context.
    DRM_IOCTL_AMDXDNA_CONFIG_HWCTX =
        iowr::<amdxdna_drm_config_hwctx>(DRM_COMMAND_BASE + DRM_AMDXDNA_CONFIG_HWCTX), 0xC018_6442;
    /// Creates a buffer object.
    DRM_IOCTL_AMDXDNA_CREATE_BO =
        iowr::<amdxdna_drm_create_bo>(DRM_COMMAND_BASE + DRM_AMDXDNA_CREATE_BO), 0xC020_6443;
    /// Addresses of a buffer object.
    DRM_IOCTL_AMDXDNA_GET_BO_INFO =
        iowr::<amdxdna_drm_get_bo_info>(DRM_COMMAND_BASE + DRM_AMDXDNA_GET_BO_INFO), 0xC030_6444;
    /// Flushes CPU caches for a range of a buffer object.
    DRM_IOCTL_AMDXDNA_SYNC_BO = iowr::<amdxdna_drm_sync_bo>(DRM_COMMAND_BASE + DRM_AMDXDNA_SYNC_BO), 0xC018_6445;
    /// Submits a command.
    DRM_IOCTL_AMDXDNA_EXEC_CMD = iowr::<amdxdna_drm_exec_cmd>(DRM_COMMAND_BASE + DRM_AMDXDNA_EXEC_CMD), 0xC038_6446;
    /// Reads a fact about the device.
    DRM_IOCTL_AMDXDNA_GET_INFO = iowr::<amdxdna_drm_get_info>(DRM_COMMAND_BASE + DRM_AMDXDNA_GET_INFO), 0xC010_6447;
    /// Changes a state of the device; root only.
    DRM_IOCTL_AMDXDNA_SET_STATE =
        iowr::<amdxdna_drm_set_state>(DRM_COMMAND_BASE + DRM_AMDXDNA_SET_STATE), 0xC010_6448;
    /// Waits for a command; out-of-tree driver only.
    DRM_IOCTL_AMDXDNA_WAIT_CMD = iow::<amdxdna_drm_wait_cmd>(DRM_COMMAND_BASE + DRM_AMDXDNA_WAIT_CMD), 0x4010_6449;
    /// Reads an array of facts about the device; Linux 6.18 and later.
    DRM_IOCTL_AMDXDNA_GET_ARRAY =
        iowr::<amdxdna_drm_get_array>(DRM_COMMAND_BASE + DRM_AMDXDNA_GET_ARRAY), 0xC018_644A;
}
