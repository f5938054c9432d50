//! The dump of AIE_STATUS (driver-abi 9.5).

use crate::kmd::Kmd;

impl Kmd {
    /// The columns that live contexts own, as bits, and a block for each of them: of several contexts that share a
    /// column in time, the one that ran last is what is loaded.
    pub(super) fn tile_status(&self) -> (u32, Vec<u8>) {
        let last = self.firmware.last();
        let contexts = || self.clients.values().flat_map(|c| c.contexts.values());
        let (mut filled, mut dump) = (0, Vec::new());
        for column in 0..self.profile.device.columns() {
            let owners = contexts().filter(|c| {
                let given = c.columns;
                (given.start..given.start + given.width).contains(&column)
            });
            let Some(owner) = owners.max_by_key(|c| c.firmware_id == last) else {
                continue;
            };
            filled |= 1 << column;
            let relative = column - owner.columns.start;
            let block = self
                .firmware
                .column_status(owner.firmware_id, owner.columns, relative as u8);
            dump.extend(block);
        }
        (filled, dump)
    }
}
