//! Queries and settings.

mod array;
mod contexts;
pub(super) mod dpt;
mod info;
mod set_state;
mod telemetry;
mod tile_access;
mod tile_status;
mod users;

use nix::errno::Errno;
use zerocopy::{Immutable, IntoBytes};

use super::Kmd;
use super::caller::{Caller, UserMemory};
use crate::profile::{Level, Rule};

/// Bytes of tile status per column.
pub(super) const COLUMN_BYTES: u32 = 504;

impl Kmd {
    /// Writes a fixed struct: older kernels all of it, newer ones no more than there is room for.
    fn put<T: IntoBytes + Immutable>(
        &self,
        memory: &dyn UserMemory,
        buffer: u64,
        size: u32,
        value: &T,
    ) -> Result<(), Errno> {
        let bytes = value.as_bytes();
        let whole = self.profile.kernel.level() <= Level::L6;
        let len = if whole {
            bytes.len()
        } else {
            bytes.len().min(size as usize)
        };
        memory.write(buffer, &bytes[..len])
    }

    /// Refuses a parameter that this kernel does not know.
    fn since(&self, level: Level) -> Result<(), Errno> {
        self.deny(
            Rule::QuerySince,
            self.profile.kernel.level() < level,
            Errno::EOPNOTSUPP,
        )
    }

    /// Wakes the device for a query.
    fn wake(&mut self, caller: &dyn Caller) -> Result<u64, Errno> {
        log::trace!("query by {}", caller.thread());
        self.power_up(super::ClientId(0))
    }
}
