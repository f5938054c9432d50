//! Registers and memories by address: what PDIs, control code and control packets read and write.

use xdna_runtime::formats::registers;

use super::channel::Channel;
use super::dma::{Direction, Register as DmaRegister};
use super::geometry::{Address, TileId};
use super::places::{Place, place};
use super::tiles::{set_word, word_at};
use super::{Array, dma};

/// An address where nothing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// Outside the partition.
    #[error("address {0:#x} is in column {column}, row {row}, outside the partition", column = .0 >> 25, row = .0 >> 20 & 0x1f)]
    Outside(u32),
    /// The shim's DMA of npu1's column 0.
    #[error("{0} has no DMA: column 0 of npu1")]
    NoDma(TileId),
}

impl Array {
    fn find(&self, address: Address) -> Result<(usize, Place), AccessError> {
        let tile = address.tile();
        let index = self.shape.index(tile).ok_or(AccessError::Outside(address.0))?;
        let place = place(tile.kind(), address.offset());
        let dma = matches!(place, Place::Descriptor(..) | Place::Channel(..));
        if dma && !self.shape.has_dma(tile) {
            return Err(AccessError::NoDma(tile));
        }
        Ok((index, place))
    }

    fn channel(&mut self, tile: usize, direction: Direction, number: u8) -> Option<&mut Channel> {
        let tile = self.shape.tile(tile);
        let is = |c: &&mut Channel| c.id.tile == tile && c.id.direction == direction && c.id.number == number;
        self.channels.iter_mut().find(is)
    }

    /// Writes a word where an address says.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn write(&mut self, address: Address, word: u32) -> Result<(), AccessError> {
        let (index, place) = self.find(address)?;
        let tile = self.tiles.at_mut(index);
        match place {
            Place::Memory(at) => {
                set_word(&mut tile.memory, at & !3, word);
            }
            Place::Program(at) => {
                set_word(&mut tile.program, at & !3, word);
            }
            Place::Descriptor(descriptor, at) => tile.descriptors[descriptor][at] = word,
            Place::Channel(direction, number, register) => {
                if let Some(channel) = self.channel(index, direction, number) {
                    match register {
                        DmaRegister::Control => channel.set_control(word),
                        DmaRegister::Queue => channel.enqueue(word),
                        DmaRegister::Status => {}
                    }
                }
            }
            Place::Lock(lock) => tile.locks.set(lock, word),
            Place::Switch(offset) => match self.fabric.switch(index).register(offset) {
                Some(register) => self.fabric.write(index, register, word),
                None => self.keep(index, address, word),
            },
            Place::Mux => {
                let (_, demux) = self.fabric.shim_ports(index);
                self.fabric.join_shim(index, word, demux);
            }
            Place::Demux => {
                let (mux, _) = self.fabric.shim_ports(index);
                self.fabric.join_shim(index, mux, word);
            }
            Place::ZeroMemory => {
                if word & 1 != 0 {
                    tile.memory.fill(0);
                }
                tile.other.insert(address.offset(), word & !1);
            }
            Place::CoreControl => {
                self.cores[index].set_control(word);
                self.cores_changed = true;
            }
            // Written to clear.
            Place::PacketStatus => self.handlers[index].errors &= !word,
            Place::LockFlags { above, word: at } => {
                tile.locks.clear_flags(above, u64::from(word) << (32 * at))
            }
            Place::LockRequest(..) | Place::CoreStatus => {}
            Place::Other => self.keep(index, address, word),
        }
        Ok(())
    }

    /// Keeps a word of a register without a model.
    fn keep(&mut self, tile: usize, address: Address, word: u32) {
        if registers::locate(self.shape.generation, address.0.into()).is_none() {
            log::warn!("a write of {word:#x} to {:#x}, where no register is", address.0);
        }
        self.tiles.at_mut(tile).other.insert(address.offset(), word);
    }

    /// Writes words from an address on; memories take them as they are.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn write_words(
        &mut self,
        address: Address,
        words: impl IntoIterator<Item = u32>,
    ) -> Result<(), AccessError> {
        for (i, word) in (0u32..).zip(words) {
            self.write(Address(address.0.wrapping_add(4 * i)), word)?;
        }
        Ok(())
    }

    /// Writes the bits of a word that a mask selects.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn write_masked(&mut self, address: Address, mask: u32, word: u32) -> Result<(), AccessError> {
        let now = self.peek(address)?;
        self.write(address, now & !mask | word & mask)
    }

    /// Reads a word; in the windows of lock requests, makes the request.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn read(&mut self, address: Address) -> Result<u32, AccessError> {
        if let (index, Place::LockRequest(request, acquire)) = self.find(address)? {
            let locks = &mut self.tiles.at_mut(index).locks;
            if acquire {
                return Ok(u32::from(locks.acquire(request)));
            }
            locks.release(request);
            return Ok(1);
        }
        self.peek(address)
    }

    /// Reads a word without any effect.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn peek(&self, address: Address) -> Result<u32, AccessError> {
        let (index, place) = self.find(address)?;
        let tile = self.tiles.at(index);
        let other = || tile.other.get(&address.offset()).copied().unwrap_or_default();
        Ok(match place {
            Place::Memory(at) => word_at(&tile.memory, at & !3).unwrap_or_default(),
            Place::Program(at) => word_at(&tile.program, at & !3).unwrap_or_default(),
            Place::Descriptor(descriptor, at) => tile.descriptors[descriptor][at],
            Place::Channel(direction, number, register) => {
                let id = dma::ChannelId {
                    tile: tile.id,
                    direction,
                    number,
                };
                let channel = self.channels.iter().find(|c| c.id == id);
                channel.map_or(0, |channel| match register {
                    DmaRegister::Control => channel.control,
                    DmaRegister::Queue => 0,
                    DmaRegister::Status => channel.status(),
                })
            }
            Place::Lock(lock) => tile.locks.value(lock) as u32,
            Place::Switch(offset) => {
                let switch = self.fabric.switch(index);
                switch.register(offset).map_or_else(other, |r| switch.read(r))
            }
            Place::Mux => self.fabric.shim_ports(index).0,
            Place::Demux => self.fabric.shim_ports(index).1,
            Place::CoreControl => self.cores[index].control,
            Place::CoreStatus => self.cores[index].status(),
            Place::PacketStatus => self.handlers[index].errors,
            Place::LockFlags { above, word } => {
                let (over, under) = tile.locks.out_of_range();
                ((if above { over } else { under }) >> (32 * word)) as u32
            }
            Place::LockRequest(..) => 0,
            Place::ZeroMemory | Place::Other => other(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Shape, Timing};
    use super::*;

    fn array() -> Array {
        Array::new(Shape::npu1(), Timing::default())
    }

    #[test]
    fn addresses_outside_are_refused() {
        let mut array = array();
        assert_eq!(
            array.write(Address(5 << 25), 0),
            Err(AccessError::Outside(5 << 25))
        );
        assert_eq!(
            array.write(Address(6 << 20), 0),
            Err(AccessError::Outside(6 << 20))
        );
        let column0 = TileId::new(0, 0);
        assert_eq!(
            array.write(Address::new(column0, 0x1_d204), 0),
            Err(AccessError::NoDma(column0))
        );
        assert_eq!(array.write(Address::new(TileId::new(1, 0), 0x1_d204), 0), Ok(()));
    }

    #[test]
    fn lock_requests_are_reads() {
        let mut array = array();
        let tile = TileId::new(1, 2);
        let acquire_14 = Address::new(tile, 0x4_3bfc);
        let release_15 = Address::new(tile, 0x4_3c04);
        assert_eq!(array.read(acquire_14), Ok(0));
        array.write(Address::new(tile, 0x1_f0e0), 1).unwrap();
        assert_eq!(array.read(acquire_14), Ok(1));
        assert_eq!(array.peek(Address::new(tile, 0x1_f0e0)), Ok(0));
        assert_eq!(array.read(release_15), Ok(1));
        assert_eq!(array.peek(Address::new(tile, 0x1_f0f0)), Ok(1));
    }

    #[test]
    fn what_is_written_is_read() {
        let mut array = array();
        for (row, offset) in [
            (2, 0x400),
            (2, 0x2_0000),
            (2, 0x1_d014),
            (2, 0x3_4000),
            (1, 0x7_fffc),
            (1, 0xa_05fc),
            (1, 0xb_0000),
            (0, 0x1_f000),
            (0, 0x3_f200),
        ] {
            let address = Address::new(TileId::new(2, row), offset);
            array.write(address, 0x8000_0501).unwrap();
            array.write_masked(address, 0xff, 0x7e).unwrap();
            assert_eq!(array.peek(address), Ok(0x8000_057e), "{row} {offset:#x}");
        }
    }

    #[test]
    fn memory_is_zeroed_on_request() {
        let mut array = array();
        let tile = TileId::new(2, 1);
        array.write(Address::new(tile, 64), 5).unwrap();
        array.write(Address::new(tile, 0x9_6048), 1).unwrap();
        assert_eq!(array.peek(Address::new(tile, 64)), Ok(0));
    }
}
