//! Looking into the array of a context from outside: tile access, coredumps, tile status.

use super::Firmware;
use crate::array::{Address, Generation, TileId};
use crate::kmd::Given;

/// Bytes of a tile's address space.
const TILE_BYTES: u32 = 1 << 20;
const ROWS: u8 = 6;
const FIRST_CORE_ROW: u8 = 2;

/// A place in the array of a context.
#[derive(Clone, Copy, Debug)]
pub struct Spot {
    /// Firmware's number of the context.
    pub context: usize,
    /// The context's columns.
    pub columns: Given,
    /// Column relative to them, and row.
    pub tile: TileId,
    /// Offset in the tile.
    pub offset: u32,
}

/// Registers that a block of tile status copies: first offset, step, number.
type Copied = (u32, u32, u32);

impl Firmware {
    /// The context that ran last.
    pub fn last(&self) -> usize {
        self.last.get()
    }

    fn peek(&self, spot: Spot) -> u32 {
        let address = Address::new(spot.tile, spot.offset & !3);
        let partition = self.partition(spot.context, spot.columns);
        // Where nothing is, zeros are read.
        partition.map_or(0, |p| p.array.peek(address).unwrap_or_default())
    }

    /// Reads bytes of a tile.
    pub fn read_tile(&self, spot: Spot, into: &mut [u8]) {
        for (byte, offset) in into.iter_mut().zip(spot.offset..) {
            *byte = (self.peek(Spot { offset, ..spot }) >> (8 * (offset % 4))) as u8;
        }
    }

    /// Writes bytes of a tile, whole words at a time.
    pub fn write_tile(&self, spot: Spot, from: &[u8]) {
        let end = spot.offset + from.len() as u32;
        for offset in (spot.offset & !3..end).step_by(4) {
            let mut bytes = self.peek(Spot { offset, ..spot }).to_le_bytes();
            for (byte, at) in bytes.iter_mut().zip(offset..) {
                if let Some(&new) = at.checked_sub(spot.offset).and_then(|i| from.get(i as usize)) {
                    *byte = new;
                }
            }
            let address = Address::new(spot.tile, offset);
            if let Some(mut partition) = self.partition(spot.context, spot.columns)
                && let Err(e) = partition.array.write(address, u32::from_le_bytes(bytes))
            {
                log::warn!("tile access: {e}");
            }
        }
    }

    /// All tiles of a context, column by column, in a column row by row, 1 MiB each.
    pub fn dump(&self, context: usize, columns: Given) -> Vec<u8> {
        let Some(partition) = self.partition(context, columns) else {
            return Vec::new();
        };
        let tiles = (0..columns.width as u8).flat_map(|c| (0..ROWS).map(move |r| TileId::new(c, r)));
        let words = tiles.flat_map(|tile| (0..TILE_BYTES).step_by(4).map(move |o| Address::new(tile, o)));
        words
            .flat_map(|at| partition.array.peek(at).unwrap_or_default().to_le_bytes())
            .collect()
    }

    /// The block of a column, relative to a context's, in the tile status of AIE_STATUS.
    pub fn column_status(&self, context: usize, columns: Given, column: u8) -> Vec<u8> {
        let mut block = Vec::new();
        let mut copy = |row, registers: &[Copied], locks: Copied| {
            let at = |offset| Spot {
                context,
                columns,
                tile: TileId::new(column, row),
                offset,
            };
            for &(first, step, number) in registers {
                for i in 0..number {
                    block.extend(self.peek(at(first + step * i)).to_le_bytes());
                }
            }
            let (first, step, number) = locks;
            block.extend((0..number).map(|i| self.peek(at(first + step * i)) as u8 & 0x3f));
        };
        let core = match self.shape.generation {
            Generation::Npu1 => 0x3_1100,
            Generation::Npu4 => 0x3_0e00,
        };
        for row in FIRST_CORE_ROW..ROWS {
            // DMA status of both directions by channel, events of core and memory, core status, pc, sp, lr.
            let registers = [
                (0x1_df00, 0x10, 2),
                (0x1_df04, 0x10, 2),
                (0x3_4200, 4, 4),
                (0x1_4200, 4, 4),
                (0x3_2004, 4, 1),
                (core, 0x20, 1),
                (core + 0x20, 0x10, 2),
            ];
            copy(row, &registers, (0x1_f000, 0x10, 16));
        }
        let channels = |n: u32| (0..n).map(|c| (0xa_0660 + 4 * c, 0x20, 2));
        let memory: Vec<Copied> = channels(6).chain([(0x9_4200, 4, 6)]).collect();
        copy(1, &memory, (0xc_0000, 0x10, 64));
        let shim = [(0x1_d220, 8, 2), (0x1_d224, 8, 2), (0x3_4200, 4, 4)];
        copy(0, &shim, (0x1_4000, 0x10, 16));
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firmware::CreateContext;
    use crate::kmd::ClientId;
    use crate::profile::Device;

    const ALL: Given = Given { start: 0, width: 8 };

    fn firmware() -> Firmware {
        let mut firmware = Firmware::new(Device::Npu4, Vec::new(), u64::MAX);
        let create = CreateContext {
            owner: ClientId(1),
            priority: 2,
            limited: true,
        };
        firmware.create(create).unwrap();
        firmware
    }

    fn spot(column: u8, row: u8, offset: u32) -> Spot {
        Spot {
            context: 0,
            columns: ALL,
            tile: TileId::new(column, row),
            offset,
        }
    }

    #[test]
    fn bytes_of_tiles_are_read_as_written() {
        let firmware = firmware();
        firmware.write_tile(spot(3, 2, 0x401), b"words");
        let mut bytes = [9; 7];
        firmware.read_tile(spot(3, 2, 0x400), &mut bytes);
        assert_eq!(&bytes, b"\0words\0");
        let dump = firmware.dump(0, ALL);
        let at = ((3 * 6 + 2) << 20) + 0x401;
        assert_eq!((dump.len(), &dump[at..at + 5]), (48 << 20, &b"words"[..]));
    }

    #[test]
    fn the_status_of_a_column_has_its_size_and_its_locks() {
        let firmware = firmware();
        for (row, offset) in [(3, 0x1_f050), (1, 0xc_0000 + 63 * 16), (0, 0x1_4000)] {
            firmware.write_tile(spot(2, row, offset), &[0x2a, 0, 0, 0]);
        }
        let block = firmware.column_status(0, ALL, 2);
        assert_eq!(block.len(), 504);
        let places: Vec<usize> = (0..block.len()).filter(|&i| block[i] == 0x2a).collect();
        assert_eq!(places, [80 + 64 + 5, 320 + 72 + 63, 456 + 32]);
    }
}
