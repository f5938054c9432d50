//! Words as a DMA channel reaches them: in tiles, in host memory, and those of padding.

use super::channel::{Channel, Failure};
use super::descriptor::Descriptor;
use super::geometry::Kind;
use super::mover::Surroundings;
use super::tiles::{set_word, word_at};

impl Surroundings<'_, '_> {
    /// The word that a channel finds at an address of its tile's, or of host memory.
    pub(super) fn load(&mut self, channel: &Channel, address: u64) -> Result<u32, Failure> {
        let tile = channel.id.tile;
        let word = if tile.kind() == Kind::Shim {
            self.host.load(address).ok()
        } else {
            let place = self.tiles.dma_memory(tile, address);
            place.and_then(|(t, at)| word_at(&self.tiles.at(t).memory, at))
        };
        word.ok_or(out_of_memory(channel, address))
    }

    /// Stores a word there.
    pub(super) fn store(&mut self, channel: &Channel, address: u64, word: u32) -> Result<(), Failure> {
        let tile = channel.id.tile;
        let stored = if tile.kind() == Kind::Shim {
            self.host.store(address, word).is_ok()
        } else {
            let place = self.tiles.dma_memory(tile, address);
            place.is_some_and(|(t, at)| set_word(&mut self.tiles.at_mut(t).memory, at, word))
        };
        stored.then_some(()).ok_or(out_of_memory(channel, address))
    }

    /// What a memory tile sends for padding: zero, or from AIE2P on the channel's constant.
    pub(super) fn padding(&self, channel: &Channel) -> u32 {
        let register = 0xa_06e0 + 4 * u32::from(channel.id.number);
        let tile = self.tiles.shape.index(channel.id.tile);
        let other = tile.and_then(|t| self.tiles.at(t).other.get(&register));
        other.copied().unwrap_or_default()
    }
}

/// The byte address of a word of a descriptor.
pub(super) fn address(descriptor: &Descriptor, offset: u64) -> u64 {
    let iteration = u64::from(descriptor.iteration.current) * u64::from(descriptor.iteration.step);
    descriptor.base + 4 * (offset + iteration)
}

fn out_of_memory(channel: &Channel, address: u64) -> Failure {
    Failure::Memory {
        descriptor: channel.current,
        address,
    }
}
