//! What the device is: array, versions, clocks, limits.

use std::fmt;

use xdna_uapi as uapi;

use super::text;
use crate::device::Device;
use crate::error::Error;
use crate::sys;

/// Shape of the array, as the firmware reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// Bytes of one column's tile status.
    pub column_bytes: u32,
    /// Columns.
    pub columns: u16,
    /// Rows of all kinds of tiles.
    pub rows: u16,
    /// Version of the array interface: major, minor.
    pub version: (u32, u32),
    /// Core tiles.
    pub core: TileMetadata,
    /// Memory tiles.
    pub mem: TileMetadata,
    /// Interface tiles.
    pub shim: TileMetadata,
}

/// Shape of one kind of tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TileMetadata {
    /// Rows of it in a column.
    pub rows: u16,
    /// The first of them.
    pub first_row: u16,
    /// DMA channels each way.
    pub dma_channels: u16,
    /// Locks.
    pub locks: u16,
    /// Event registers.
    pub event_registers: u16,
}

impl Metadata {
    /// The array that all known firmware reports, of interface version 1.1, with this many columns.
    pub fn version_1_1(columns: u16) -> Self {
        let tile = |rows, first_row, dma_channels, locks, event_registers| TileMetadata {
            rows,
            first_row,
            dma_channels,
            locks,
            event_registers,
        };
        Self {
            column_bytes: 504,
            columns,
            rows: 6,
            version: (1, 1),
            core: tile(4, 2, 2, 16, 4),
            mem: tile(1, 1, 6, 64, 6),
            shim: tile(1, 0, 2, 16, 4),
        }
    }
}

/// Version of the firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the four parts of a version")]
pub struct FirmwareVersion {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
    pub build: u32,
}

impl fmt::Display for FirmwareVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}.{}", self.major, self.minor, self.patch, self.build)
    }
}

/// A clock and its current frequency in MHz.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockMhz {
    /// The driver's name for it.
    pub name: String,
    /// Frequency in MHz.
    pub mhz: u32,
}

/// The clocks of the device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Clocks {
    /// Clock of the controller.
    pub controller: ClockMhz,
    /// Clock of the array.
    pub array: ClockMhz,
}

/// Limits of the device and their current use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourceInfo {
    /// Top frequency of the array in MHz.
    pub clock_max_mhz: u64,
    /// Top throughput in TOPS.
    pub tops_max: u64,
    /// Hardware contexts, of all processes together.
    pub contexts_max: u64,
    /// Throughput at the current clock in TOPS.
    pub tops_now: u64,
    /// Hardware contexts that live now.
    pub contexts_now: u64,
}

impl Device {
    /// Shape of the array; read when the device was opened.
    pub fn metadata(&self) -> Metadata {
        let raw = &self.0.metadata;
        Metadata {
            column_bytes: raw.col_size,
            columns: raw.cols,
            rows: raw.rows,
            version: (raw.version.major, raw.version.minor),
            core: raw.core.into(),
            mem: raw.mem.into(),
            shim: raw.shim.into(),
        }
    }

    /// Version of the array interface: major, minor.
    ///
    /// # Errors
    /// What the driver answers.
    pub fn aie_version(&self) -> Result<(u32, u32), Error> {
        let raw: uapi::amdxdna_drm_query_aie_version = self.fact()?;
        Ok((raw.major, raw.minor))
    }

    /// Version of the firmware.
    ///
    /// # Errors
    /// What the driver answers.
    pub fn firmware_version(&self) -> Result<FirmwareVersion, Error> {
        let raw: uapi::amdxdna_drm_query_firmware_version = self.fact()?;
        Ok(FirmwareVersion {
            major: raw.major,
            minor: raw.minor,
            patch: raw.patch,
            build: raw.build,
        })
    }

    /// Current clocks.
    ///
    /// # Errors
    /// What the driver answers.
    pub fn clocks(&self) -> Result<Clocks, Error> {
        let raw: uapi::amdxdna_drm_query_clock_metadata = self.fact()?;
        let clock = |raw: uapi::amdxdna_drm_query_clock| ClockMhz {
            name: text(&raw.name),
            mhz: raw.freq_mhz,
        };
        Ok(Clocks {
            controller: clock(raw.mp_npu_clock),
            array: clock(raw.h_clock),
        })
    }

    /// Limits and their use; Linux 6.19 and later.
    ///
    /// # Errors
    /// `EOPNOTSUPP` before.
    pub fn resource_info(&self) -> Result<ResourceInfo, Error> {
        let raw: uapi::amdxdna_drm_get_resource_info = self.fact()?;
        Ok(ResourceInfo {
            clock_max_mhz: raw.npu_clk_max,
            tops_max: raw.npu_tops_max,
            contexts_max: raw.npu_task_max,
            tops_now: raw.npu_tops_curr,
            contexts_now: raw.npu_task_curr,
        })
    }

    pub(super) fn fact<T: sys::npu::Fact>(&self) -> Result<T, Error> {
        sys::npu::fact(self.fd()?).map_err(|e| self.0.explain(e))
    }
}

impl From<uapi::amdxdna_drm_query_aie_tile_metadata> for TileMetadata {
    fn from(raw: uapi::amdxdna_drm_query_aie_tile_metadata) -> Self {
        Self {
            rows: raw.row_count,
            first_row: raw.row_start,
            dma_channels: raw.dma_channel_count,
            locks: raw.lock_count,
            event_registers: raw.event_reg_count,
        }
    }
}
