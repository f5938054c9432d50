//! Flag words of the DRM requests.

use bitflags::bitflags;

use crate::*;

bitflags! {
    /// `drm_prime_handle::flags`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct PrimeFlags: u32 {
        /// Close the descriptor on exec (`O_CLOEXEC`).
        const CLOEXEC = 0o2000000;
        /// Allow writable mappings of the descriptor (`O_RDWR`).
        const RDWR = 2;
    }

    /// `drm_syncobj_create::flags`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct SyncobjCreateFlags: u32 {
        /// Created with a signalled fence.
        const SIGNALED = DRM_SYNCOBJ_CREATE_SIGNALED;
    }

    /// `drm_syncobj_handle::flags` of `DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct HandleToFdFlags: u32 {
        /// Export the fence as a sync file, not the syncobj itself.
        const EXPORT_SYNC_FILE = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE;
        /// Take the fence of `point`.
        const TIMELINE = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_TIMELINE;
    }

    /// `drm_syncobj_handle::flags` of `DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct FdToHandleFlags: u32 {
        /// The descriptor is a sync file.
        const IMPORT_SYNC_FILE = DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE;
        /// Store the fence at `point`.
        const TIMELINE = DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_TIMELINE;
    }

    /// `flags` of `drm_syncobj_wait` and `drm_syncobj_timeline_wait`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct WaitFlags: u32 {
        /// Wait for all handles instead of the first.
        const ALL = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL;
        /// A point without a fence is waited for instead of refused.
        const FOR_SUBMIT = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT;
        /// Wait for the fence to appear, not for its signal.
        const AVAILABLE = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE;
        /// `deadline_nsec` is a hint for the fence.
        const DEADLINE = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_DEADLINE;
    }

    /// `drm_syncobj_timeline_array::flags` of `DRM_IOCTL_SYNCOBJ_QUERY`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct QueryFlags: u32 {
        /// The last submitted point instead of the last signalled one.
        const LAST_SUBMITTED = DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED;
    }

    /// `DRM_CAP_PRIME`'s value.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct PrimeCaps: u64 {
        /// dma-bufs can be imported.
        const IMPORT = DRM_PRIME_CAP_IMPORT as u64;
        /// Buffer objects can be exported.
        const EXPORT = DRM_PRIME_CAP_EXPORT as u64;
    }

    /// `drm_syncobj_eventfd::flags`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct EventfdFlags: u32 {
        /// Signal when the fence appears, not when it signals.
        const AVAILABLE = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_the_headers() {
        assert_eq!(PrimeFlags::all().bits(), 0x80002);
        assert_eq!(WaitFlags::all().bits(), 15);
        assert_eq!(WaitFlags::FOR_SUBMIT.bits(), 2);
        assert_eq!(HandleToFdFlags::all().bits(), 3);
        assert_eq!(FdToHandleFlags::IMPORT_SYNC_FILE.bits(), 1);
        assert_eq!(PrimeCaps::all().bits(), 3);
        assert_eq!(QueryFlags::LAST_SUBMITTED.bits(), 1);
        assert_eq!(EventfdFlags::AVAILABLE.bits(), 4);
    }
}
