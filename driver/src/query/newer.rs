//! Firmware log, event trace, coredump and tile access: staging and out-of-tree drivers, XDNA2 firmware from
//! protocol 6.19 (log, trace) and 6.24. Elsewhere the driver answers `EOPNOTSUPP`.

use xdna_uapi::newer::{self, AieCoredump, AieTileAccess, DptMetadata, GetDptState, SetDptState};
use zerocopy::{FromBytes, FromZeros, IntoBytes};

use crate::device::Device;
use crate::error::{Call, Error};
use crate::sys;
use crate::sys::npu::ArrayShape;

/// Bytes of a firmware log or event trace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogBytes {
    /// The bytes: records of the firmware's own format.
    pub bytes: Vec<u8>,
    /// Where to read on.
    pub next: u64,
}

/// Configuration of a firmware log or event trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogState {
    /// Version of the payload.
    pub version: u32,
    /// Whether it is on.
    pub on: bool,
    /// Log: level (1 error, 2 warning, 3 info, 4 debug); trace: category bits.
    pub config: u32,
}

/// Memories and registers of a context's tiles: 1 MiB for each, column by column, in a column row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Coredump {
    /// Rows of a column.
    pub rows: u16,
    /// The tiles' address spaces.
    pub bytes: Vec<u8>,
}

/// A register or memory of a tile of some context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileAddress {
    /// Process that owns the context.
    pub pid: u32,
    /// The context's handle.
    pub context: u32,
    /// Column, relative to the context.
    pub column: u32,
    /// Row of the array.
    pub row: u32,
    /// Registers or memory.
    pub space: TileSpace,
    /// Address in the tile.
    pub addr: u32,
}

/// What of a tile is accessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TileSpace {
    /// A register: 4 bytes.
    Register,
    /// Memory.
    Memory,
}

impl Device {
    /// Reads the firmware log from `offset` on, up to `max` bytes; root only. With `wait` it sleeps until there
    /// is something.
    ///
    /// # Errors
    /// `EPERM`: not root. `ESHUTDOWN`: not switched on. `EINVAL`: `offset` is ahead of the writer, begin at 0.
    pub fn firmware_log(&self, offset: u64, max: usize, wait: bool) -> Result<LogBytes, Error> {
        self.ring(newer::FW_LOG, offset, max, wait)
    }

    /// Reads the event trace; as [`firmware_log`](Self::firmware_log).
    ///
    /// # Errors
    /// As [`firmware_log`](Self::firmware_log).
    pub fn firmware_trace(&self, offset: u64, max: usize, wait: bool) -> Result<LogBytes, Error> {
        self.ring(newer::FW_TRACE, offset, max, wait)
    }

    /// Configuration of the firmware log.
    ///
    /// # Errors
    /// `EOPNOTSUPP`: no such firmware or driver.
    pub fn firmware_log_state(&self) -> Result<LogState, Error> {
        self.log_state(newer::FW_LOG_CONFIG)
    }

    /// Configuration of the event trace.
    ///
    /// # Errors
    /// `EOPNOTSUPP`: no such firmware or driver.
    pub fn firmware_trace_state(&self) -> Result<LogState, Error> {
        self.log_state(newer::FW_TRACE_CONFIG)
    }

    /// Switches the firmware log on at a level (1 error to 4 debug), or off; root only.
    ///
    /// # Errors
    /// `EACCES`: not root. `EOPNOTSUPP`: no such firmware or driver.
    pub fn set_firmware_log(&self, level: Option<u32>) -> Result<(), Error> {
        self.set_log(newer::SET_FW_LOG, level)
    }

    /// Switches the event trace on for some categories (bits), or off; root only.
    ///
    /// # Errors
    /// `EACCES`: not root. `EOPNOTSUPP`: no such firmware or driver.
    pub fn set_firmware_trace(&self, categories: Option<u32>) -> Result<(), Error> {
        self.set_log(newer::SET_FW_TRACE, categories)
    }

    /// Dumps the tiles of context `context` of process `pid`.
    ///
    /// # Errors
    /// `ENOENT`: no such context. `EPERM`: another user's. `EOPNOTSUPP`: no such firmware or driver.
    pub fn coredump(&self, pid: u32, context: u32) -> Result<Coredump, Error> {
        let request = AieCoredump {
            pid: pid.into(),
            context_id: context,
            pad: 0,
        };
        let mut size = size_of::<AieCoredump>();
        loop {
            let mut bytes = vec![0; size];
            bytes[..size_of::<AieCoredump>()].copy_from_slice(request.as_bytes());
            match sys::npu::get_array(self.fd()?, newer::AIE_COREDUMP, 1, &mut bytes) {
                Ok(_) => {
                    return Ok(Coredump {
                        rows: self.metadata().rows,
                        bytes,
                    });
                }
                // The first answer says how much it takes.
                Err((e, ArrayShape { element_size, .. }))
                    if e.errno() == Some(libc::ENOSPC) && element_size > size =>
                {
                    size = element_size;
                }
                Err((e, _)) => return Err(self.0.explain(e)),
            }
        }
    }

    /// Reads `bytes.len()` bytes of a tile (4 of a register).
    ///
    /// # Errors
    /// `EINVAL`: no such tile or size. `EPERM`: another user's context. `EOPNOTSUPP`: no such firmware or driver.
    pub fn read_tile(&self, at: TileAddress, bytes: &mut [u8]) -> Result<(), Error> {
        let request = at.raw(bytes.len());
        let mut buffer = vec![0; bytes.len().max(size_of::<AieTileAccess>())];
        buffer[..size_of::<AieTileAccess>()].copy_from_slice(request.as_bytes());
        sys::npu::get_array(self.fd()?, newer::AIE_TILE_READ, 1, &mut buffer)
            .map_err(|(e, _)| self.0.explain(e))?;
        bytes.copy_from_slice(&buffer[..bytes.len()]);
        Ok(())
    }

    /// Writes bytes of a tile (4 of a register); root only.
    ///
    /// # Errors
    /// As [`read_tile`](Self::read_tile); `EACCES`: not root.
    pub fn write_tile(&self, at: TileAddress, bytes: &[u8]) -> Result<(), Error> {
        let request = at.raw(bytes.len());
        self.set(newer::AIE_TILE_WRITE, &[request.as_bytes(), bytes].concat())
    }

    /// The last 16 bytes of the buffer are the request and the answer, the rest takes the log.
    fn ring(&self, param: u32, offset: u64, max: usize, wait: bool) -> Result<LogBytes, Error> {
        const TAIL: usize = size_of::<DptMetadata>();
        let mut bytes = vec![0; max + TAIL];
        let request = DptMetadata {
            offset,
            size: 0,
            watch: wait.into(),
            pad: [0; 3],
        };
        bytes[max..].copy_from_slice(request.as_bytes());
        sys::npu::get_array(self.fd()?, param, 1, &mut bytes).map_err(|(e, _)| self.0.explain(e))?;
        let bad = |value| Error::Answer {
            call: Call::GetArray,
            what: "size",
            value,
        };
        let answer = DptMetadata::read_from_bytes(&bytes[max..]).map_err(|_| bad(max as u64))?;
        let delivered = answer.size as usize;
        if delivered > max {
            return Err(bad(answer.size.into()));
        }
        bytes.truncate(delivered);
        Ok(LogBytes {
            bytes,
            next: answer.offset,
        })
    }

    fn log_state(&self, param: u32) -> Result<LogState, Error> {
        let mut raw = GetDptState::new_zeroed();
        sys::npu::get_array(self.fd()?, param, 1, raw.as_mut_bytes()).map_err(|(e, _)| self.0.explain(e))?;
        Ok(LogState {
            version: raw.version,
            on: raw.status != 0,
            config: raw.config,
        })
    }

    fn set_log(&self, param: u32, config: Option<u32>) -> Result<(), Error> {
        let raw = SetDptState {
            action: config.is_some().into(),
            config: config.unwrap_or(0),
            pad: 0,
        };
        self.set(param, raw.as_bytes())
    }
}

impl Coredump {
    /// One tile's 1 MiB of address space; `column` is relative to the context.
    pub fn tile(&self, column: usize, row: usize) -> Option<&[u8]> {
        const TILE: usize = 1 << 20;
        let at = column
            .checked_mul(self.rows.into())?
            .checked_add(row)?
            .checked_mul(TILE)?;
        (row < self.rows.into())
            .then(|| self.bytes.get(at..at.checked_add(TILE)?))
            .flatten()
    }
}

impl TileAddress {
    fn raw(self, bytes: usize) -> AieTileAccess {
        AieTileAccess {
            pid: self.pid.into(),
            context_id: self.context,
            col: self.column,
            row: self.row,
            addr: self.addr,
            size: u32::try_from(bytes).unwrap_or(u32::MAX),
            kind: match self.space {
                TileSpace::Register => 0,
                TileSpace::Memory => 1,
            },
            pad: [0; 3],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coredump_is_column_by_column() {
        let mut bytes = vec![0; 12 << 20];
        bytes[(6 + 2) << 20] = 9;
        let dump = Coredump { rows: 6, bytes };
        assert_eq!(dump.tile(1, 2).unwrap()[0], 9);
        assert_eq!(dump.tile(2, 0), None);
        assert_eq!(dump.tile(0, 6), None);
        assert_eq!(dump.tile(usize::MAX, 0), None);
    }
}
