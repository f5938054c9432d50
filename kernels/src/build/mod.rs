//! From a design to files.

mod configuration;
mod container;
mod sequence;

pub(crate) use container::KERNEL;

use xdna_runtime::formats::TileKind;

use crate::{
    DesignError,
    design::{Channel, Direction, Tile},
};

/// Control register of a channel; its queue of descriptors is at +4.
pub(crate) fn control(tile: Tile, channel: Channel) -> Result<u32, DesignError> {
    let out = channel.direction == Direction::Out;
    let (base, outs, count) = match tile.kind() {
        TileKind::Shim => (0x1_d200, 0x10, 2),
        TileKind::Memory => (0xa_0600, 0x30, 6),
        TileKind::Core => (0x1_de00, 0x10, 2),
    };
    if channel.number >= count {
        let (what, number) = ("DMA channel", channel.number.into());
        return Err(DesignError::NoSuch { tile, what, number });
    }
    Ok(base + if out { outs } else { 0 } + 8 * u32::from(channel.number))
}

/// A word for the queue of a channel.
pub(crate) fn task(
    tile: Tile,
    channel: Channel,
    id: u8,
    times: u16,
    token: bool,
) -> Result<u32, DesignError> {
    let count = if tile.kind() == TileKind::Memory { 48 } else { 16 };
    // Channels of memory tiles with even numbers reach the lower half of the descriptors, the others the upper.
    let half = tile.kind() != TileKind::Memory || (channel.number % 2 == 1) == (id >= 24);
    if id >= count || !half {
        let channel = channel.number;
        return Err(DesignError::Unreachable { tile, channel, id });
    }
    if !(1..=256).contains(&times) {
        let (what, number) = ("task that is done this often:", times.into());
        return Err(DesignError::NoSuch { tile, what, number });
    }
    Ok(u32::from(id) | u32::from(times - 1) << 16 | u32::from(token) << 31)
}
