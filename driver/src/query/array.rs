//! Hardware errors and memory use.

use xdna_uapi as uapi;
use zerocopy::IntoBytes;

use crate::device::{Device, DeviceInner};
use crate::error::Error;
use crate::sys;

/// The last hardware error of the device. It stays until another one overwrites it or the driver is reloaded:
/// compare timestamps to see news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AsyncError {
    /// Kind of error.
    pub kind: ErrorKind,
    /// Where on a tile.
    pub module: ErrorModule,
    /// Column of the tile.
    pub column: u8,
    /// Row of the tile.
    pub row: u8,
    /// Microseconds since 1970, wall clock.
    pub timestamp_us: u64,
    /// The error code as the driver gives it.
    pub code: u64,
}

/// Kind of a hardware error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names are the driver's")]
pub enum ErrorKind {
    Saturation,
    FloatingPoint,
    Stream,
    Access,
    Bus,
    Instruction,
    Ecc,
    Lock,
    Dma,
    MemoryParity,
    Unknown,
    /// A number this crate does not know.
    Other(u16),
}

/// Part of a tile, or of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorModule {
    /// A core.
    Core,
    /// A memory.
    Memory,
    /// An interface tile.
    Shim,
    /// The network on chip.
    Noc,
    /// Programmable logic; the driver uses it for events of the interface row.
    Pl,
    /// The driver does not know.
    Unknown,
    /// A number this crate does not know.
    Other(u8),
}

/// Memory of one process on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BoUsage {
    /// Bytes of all buffers: internal and external ones.
    pub total_bytes: u64,
    /// Bytes of the device heap and of command buffers.
    pub internal_bytes: u64,
    /// Bytes in use inside the device heap.
    pub heap_bytes: u64,
}

impl Device {
    /// The last hardware error, if there was any; Linux 6.19 and later.
    ///
    /// # Errors
    /// `EOPNOTSUPP` before.
    pub fn last_async_error(&self) -> Result<Option<AsyncError>, Error> {
        let raw = raw_async_error(&self.0).map_err(|e| self.0.explain(e))?;
        let none = raw.err_code == 0 && raw.ts_us == 0 && raw.ex_err_code == 0;
        Ok((!none).then(|| AsyncError::from(raw)))
    }

    /// Memory that process `pid` has on the device; zeros for one that has none. Linux 7.1 and later.
    ///
    /// # Errors
    /// `EOPNOTSUPP` before.
    pub fn bo_usage(&self, pid: u32) -> Result<BoUsage, Error> {
        let raw = raw_bo_usage(&self.0, pid.into()).map_err(|e| self.0.explain(e))?;
        Ok(BoUsage {
            total_bytes: raw.total_usage,
            internal_bytes: raw.internal_usage,
            heap_bytes: raw.heap_usage,
        })
    }
}

pub(crate) fn raw_async_error(dev: &DeviceInner) -> Result<uapi::amdxdna_async_error, Error> {
    let mut raw = uapi::amdxdna_async_error::default();
    sys::npu::get_array(
        dev.checked_fd()?,
        uapi::DRM_AMDXDNA_HW_LAST_ASYNC_ERR,
        1,
        raw.as_mut_bytes(),
    )
    .map_err(|(e, _)| e)?;
    Ok(raw)
}

pub(crate) fn raw_bo_usage(dev: &DeviceInner, pid: i64) -> Result<uapi::amdxdna_drm_bo_usage, Error> {
    let mut raw = uapi::amdxdna_drm_bo_usage {
        pid,
        ..Default::default()
    };
    sys::npu::get_array(
        dev.checked_fd()?,
        uapi::DRM_AMDXDNA_BO_USAGE,
        1,
        raw.as_mut_bytes(),
    )
    .map_err(|(e, _)| e)?;
    Ok(raw)
}

impl From<uapi::amdxdna_async_error> for AsyncError {
    fn from(raw: uapi::amdxdna_async_error) -> Self {
        Self {
            kind: (raw.err_code as u16).into(),
            module: ((raw.err_code >> 32) as u8).into(),
            column: raw.ex_err_code as u8,
            row: (raw.ex_err_code >> 8) as u8,
            timestamp_us: raw.ts_us,
            code: raw.err_code,
        }
    }
}

impl From<u16> for ErrorKind {
    fn from(raw: u16) -> Self {
        match raw {
            3 => ErrorKind::Saturation,
            4 => ErrorKind::FloatingPoint,
            5 => ErrorKind::Stream,
            6 => ErrorKind::Access,
            7 => ErrorKind::Bus,
            8 => ErrorKind::Instruction,
            9 => ErrorKind::Ecc,
            10 => ErrorKind::Lock,
            11 => ErrorKind::Dma,
            12 => ErrorKind::MemoryParity,
            15 => ErrorKind::Unknown,
            other => ErrorKind::Other(other),
        }
    }
}

impl From<u8> for ErrorModule {
    fn from(raw: u8) -> Self {
        match raw {
            3 => ErrorModule::Core,
            4 => ErrorModule::Memory,
            5 => ErrorModule::Shim,
            6 => ErrorModule::Noc,
            7 => ErrorModule::Pl,
            8 => ErrorModule::Unknown,
            other => ErrorModule::Other(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_code_is_taken_apart() {
        let code = 8 | 4 << 16 | 3 << 24 | 3 << 32 | 2 << 40;
        let error = AsyncError::from(uapi::amdxdna_async_error {
            err_code: code,
            ts_us: 77,
            ex_err_code: 0x0203,
        });
        assert_eq!(
            (error.kind, error.module),
            (ErrorKind::Instruction, ErrorModule::Core)
        );
        assert_eq!((error.column, error.row, error.timestamp_us), (3, 2, 77));
    }

    #[test]
    fn numbers_unknown_to_us_survive() {
        assert_eq!(ErrorKind::from(99), ErrorKind::Other(99));
        assert_eq!(ErrorModule::from(0), ErrorModule::Other(0));
    }
}
