//! Integers that must not be mixed up.

use std::fmt;
use std::num::NonZeroU32;

/// A buffer object's GEM handle, valid for the open device that created it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BoHandle(pub(crate) NonZeroU32);

/// A hardware context's handle, 1 to 255, unique within one open device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ContextId(pub(crate) NonZeroU32);

/// A DRM syncobj's handle, valid for the open device that created it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SyncobjHandle(pub(crate) NonZeroU32);

/// A command's place in its context's order of submission; the first is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seq(pub(crate) u64);

/// An address as the NPU sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceAddr(pub(crate) u64);

impl BoHandle {
    /// The kernel's number.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl ContextId {
    /// The kernel's number.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl Seq {
    /// The kernel's number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl DeviceAddr {
    /// The number that goes into command packets and instruction streams.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ContextId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for DeviceAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}
