//! What drivers newer than the header of the bindings add: the vendor's staging line (0.11 to 0.16) and its
//! out-of-tree driver (1.0). The mainline driver to Linux 7.3 answers `EOPNOTSUPP` or `EINVAL` to all of it.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{amdxdna_drm_hwctx_entry, amdxdna_qos_info};

/// GET_INFO: is the automatic coredump on ([`crate::amdxdna_drm_attribute_state`]); staging 0.16.
pub const GET_AUTO_COREDUMP: u32 = 15;
/// GET_ARRAY: the contexts of one process and id ([`HwctxEntry`]); staging 0.16.
pub const HW_CONTEXT_BY_ID: u32 = 1;
/// GET_ARRAY: bytes of the firmware log; staging 0.14.
pub const FW_LOG: u32 = 3;
/// GET_ARRAY: bytes of the firmware's event trace; staging 0.15.
pub const FW_TRACE: u32 = 4;
/// GET_ARRAY: the tile memories of a context; staging 0.11.
pub const AIE_COREDUMP: u32 = 5;
/// GET_ARRAY: configuration of the firmware log ([`GetDptState`]); staging 0.14.
pub const FW_LOG_CONFIG: u32 = 7;
/// GET_ARRAY: configuration of the event trace ([`GetDptState`]); staging 0.15.
pub const FW_TRACE_CONFIG: u32 = 8;
/// GET_ARRAY: reads a tile's register or memory ([`AieTileAccess`]); staging 0.13.
pub const AIE_TILE_READ: u32 = 9;
/// SET_STATE: switches the firmware log ([`SetDptState`]); staging 0.14.
pub const SET_FW_LOG: u32 = 5;
/// SET_STATE: switches the event trace ([`SetDptState`]); staging 0.15.
pub const SET_FW_TRACE: u32 = 6;
/// SET_STATE: writes a tile's register or memory ([`AieTileAccess`] and the data); staging 0.13.
pub const AIE_TILE_WRITE: u32 = 7;
/// SET_STATE: switches the automatic coredump ([`crate::amdxdna_drm_attribute_state`]); staging 0.16.
pub const SET_AUTO_COREDUMP: u32 = 9;
/// CONFIG_HWCTX: a time limit per opcode; out of tree.
pub const HWCTX_CONFIG_OPCODE_TIMEOUT: u32 = 3;
/// Sensor type: temperature; staging.
pub const SENSOR_TYPE_TEMPERATURE: u8 = 2;
/// `user_start_col` without a preference.
pub const NO_START_COL: u32 = 0xff;

/// QoS of the out-of-tree driver; mainline reads the first 24 bytes.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct QosInfo {
    /// What mainline reads.
    pub base: amdxdna_qos_info,
    /// First column wanted, or [`NO_START_COL`].
    pub user_start_col: u32,
    /// 0.
    pub reserved: u32,
}

/// A context entry of staging 0.16 and the out-of-tree driver: 160 bytes.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct HwctxEntry {
    /// What mainline writes.
    pub base: amdxdna_drm_hwctx_entry,
    /// Name of the process, NUL-padded.
    pub name: [u8; 16],
}

/// The last 16 bytes of a buffer for [`FW_LOG`] or [`FW_TRACE`].
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct DptMetadata {
    /// In: where to read on; out: where to go on.
    pub offset: u64,
    /// Out: bytes delivered.
    pub size: u32,
    /// Nonzero: sleep until there are data.
    pub watch: u8,
    /// 0.
    pub pad: [u8; 3],
}

/// Argument of [`SET_FW_LOG`] and [`SET_FW_TRACE`].
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct SetDptState {
    /// 1 on, 0 off.
    pub action: u32,
    /// Log: level 1 to 4; trace: category bits.
    pub config: u32,
    /// 0.
    pub pad: u64,
}

/// Answer of [`FW_LOG_CONFIG`] and [`FW_TRACE_CONFIG`].
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct GetDptState {
    /// Payload version.
    pub version: u32,
    /// 1 on, 0 off.
    pub status: u32,
    /// As in [`SetDptState`].
    pub config: u32,
    /// 0.
    pub pad: u32,
}

/// The first 16 bytes of a buffer for [`AIE_COREDUMP`].
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct AieCoredump {
    /// Process that owns the context.
    pub pid: u64,
    /// Its context handle.
    pub context_id: u32,
    /// 0.
    pub pad: u32,
}

/// The first 32 bytes of a buffer for [`AIE_TILE_READ`] and [`AIE_TILE_WRITE`].
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(C)]
pub struct AieTileAccess {
    /// Process that owns the context.
    pub pid: u64,
    /// Its context handle.
    pub context_id: u32,
    /// Column, relative to the context.
    pub col: u32,
    /// Row of the array.
    pub row: u32,
    /// Address in the tile.
    pub addr: u32,
    /// Bytes; 4 for a register.
    pub size: u32,
    /// 0 register, 1 memory.
    pub kind: u8,
    /// 0.
    pub pad: [u8; 3],
}
