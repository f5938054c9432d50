use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// [`crate::drm_version`] with its pointers as integers: the same bytes, without `unsafe` to build or read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct VersionWire {
    /// Major version: 0 in the kernel tree, 1 out of tree.
    pub version_major: i32,
    /// Minor version: the driver level.
    pub version_minor: i32,
    /// Patch level: 0.
    pub version_patchlevel: i32,
    /// Padding the C struct has here.
    pub pad: u32,
    /// In: bytes at `name`; out: the name's length.
    pub name_len: u64,
    /// Address of the buffer for the name, or 0.
    pub name: u64,
    /// In: bytes at `date`; out: the date's length.
    pub date_len: u64,
    /// Address of the buffer for the date, or 0.
    pub date: u64,
    /// In: bytes at `desc`; out: the description's length.
    pub desc_len: u64,
    /// Address of the buffer for the description, or 0.
    pub desc: u64,
}
