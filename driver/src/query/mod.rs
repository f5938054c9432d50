//! Everything the driver answers, as typed snapshots. Enum-like values this crate does not know survive as
//! numbers.

mod array;
mod contexts;
mod device;
mod newer;
mod sensors;
mod state;
mod telemetry;
mod tile_status;

pub use array::{AsyncError, BoUsage, ErrorKind, ErrorModule};
pub use contexts::{Context, ContextDetail, ContextState};
pub use device::{ClockMhz, Clocks, FirmwareVersion, Metadata, ResourceInfo, TileMetadata};
pub use newer::{Coredump, LogBytes, LogState, TileAddress, TileSpace};
pub use sensors::{Sensor, SensorKind};
pub use state::PowerMode;
pub use telemetry::{Counters, Telemetry};
pub use tile_status::{ColumnStatus, CoreStatus, CoreTile, DmaStatus, MemTile, ShimTile, TileStatus};

pub(crate) use array::{raw_async_error, raw_bo_usage};
pub(crate) use contexts::context_array;
pub(crate) use sensors::raw_sensors;
pub(crate) use telemetry::raw_telemetry;

/// Text in a fixed field: up to the first NUL, whatever is no UTF-8 replaced.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_ends_at_the_first_nul_or_the_field() {
        assert_eq!(text(b"H Clock\0\0\0"), "H Clock");
        assert_eq!(text(b"full"), "full");
        assert_eq!(text(&[0xff, 0]), "\u{fffd}");
    }
}
