//! DMA channels: their names and where their registers are (npu-formats, section 8).

use std::fmt;

use super::geometry::{Kind, TileId};

/// Which way words go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// From a stream to memory.
    S2mm,
    /// From memory to a stream.
    Mm2s,
}

/// A DMA channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChannelId {
    /// Its tile.
    pub tile: TileId,
    /// Its direction.
    pub direction: Direction,
    /// Its number.
    pub number: u8,
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = match self.direction {
            Direction::S2mm => "S2MM",
            Direction::Mm2s => "MM2S",
        };
        write!(f, "{} {direction} {}", self.tile, self.number)
    }
}

/// A register of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Register {
    /// Control.
    Control,
    /// Start or task queue.
    Queue,
    /// Status.
    Status,
}

/// The channel and the register at an offset in a tile of `kind`.
pub fn register(kind: Kind, offset: u32) -> Option<(Direction, u8, Register)> {
    let (control, status) = match kind {
        Kind::Shim => (0x1_d200, 0x1_d220),
        Kind::Memory => (0xa_0600, 0xa_0660),
        Kind::Core => (0x1_de00, 0x1_df00),
    };
    let channels = u32::from(kind.channels());
    let name = |index: u32, register| {
        let direction = if index < channels {
            Direction::S2mm
        } else {
            Direction::Mm2s
        };
        (direction, (index % channels) as u8, register)
    };
    // Control and queue alternate. Memory tiles leave a gap after six statuses, core tiles after two.
    let mm2s_control = control + if kind == Kind::Memory { 0x30 } else { 0x10 };
    let mm2s_status = status
        + match kind {
            Kind::Shim => 0x8,
            Kind::Memory => 0x20,
            Kind::Core => 0x10,
        };
    for (first, base) in [(0, control), (channels, mm2s_control)] {
        if (base..base + 8 * channels).contains(&offset) {
            let register = if offset % 8 < 4 {
                Register::Control
            } else {
                Register::Queue
            };
            return Some(name(first + (offset - base) / 8, register));
        }
    }
    for (first, base) in [(0, status), (channels, mm2s_status)] {
        if (base..base + 4 * channels).contains(&offset) {
            return Some(name(first + (offset - base) / 4, Register::Status));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_are_where_the_map_says() {
        use Direction::{Mm2s, S2mm};
        use Register::{Control, Queue, Status};
        for (kind, offset, expected) in [
            (Kind::Shim, 0x1_d204, (S2mm, 0, Queue)),
            (Kind::Shim, 0x1_d21c, (Mm2s, 1, Queue)),
            (Kind::Shim, 0x1_d22c, (Mm2s, 1, Status)),
            (Kind::Core, 0x1_de08, (S2mm, 1, Control)),
            (Kind::Core, 0x1_de14, (Mm2s, 0, Queue)),
            (Kind::Core, 0x1_df14, (Mm2s, 1, Status)),
            (Kind::Memory, 0xa_062c, (S2mm, 5, Queue)),
            (Kind::Memory, 0xa_0630, (Mm2s, 0, Control)),
            (Kind::Memory, 0xa_0694, (Mm2s, 5, Status)),
        ] {
            assert_eq!(register(kind, offset), Some(expected), "{offset:#x}");
        }
        assert_eq!(register(Kind::Core, 0x1_df08), None);
        assert_eq!(register(Kind::Memory, 0xa_0678), None);
    }
}
