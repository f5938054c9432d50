//! Control packets: register writes that travel through the array as stream packets.

use super::{
    error::{Format, Reason, Result},
    view::{View, words},
};

/// The word that routes a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketHeader {
    /// Id by which switches route it.
    pub id: u8,
    /// Type.
    pub kind: u8,
    /// Row of its origin.
    pub row: u8,
    /// Column of its origin.
    pub column: u8,
}

/// Sets the top bit so that the number of ones is odd.
fn with_parity(word: u32) -> u32 {
    let word = word & !(1 << 31);
    word | u32::from(word.count_ones().is_multiple_of(2)) << 31
}

impl PacketHeader {
    /// The fields of a word, and whether its parity is odd.
    pub fn decode(word: u32) -> (Self, bool) {
        let header = Self {
            id: (word & 0x1f) as u8,
            kind: (word >> 12 & 7) as u8,
            row: (word >> 16 & 0x1f) as u8,
            column: (word >> 21 & 0x7f) as u8,
        };
        (header, word.count_ones() % 2 == 1)
    }

    /// The word, its parity odd.
    pub fn encode(self) -> u32 {
        let id = u32::from(self.id & 0x1f) | u32::from(self.kind & 7) << 12;
        with_parity(id | u32::from(self.row & 0x1f) << 16 | u32::from(self.column & 0x7f) << 21)
    }
}

/// What a packet does in its tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Writes its words.
    Write,
    /// Reads; the answer is a packet.
    Read,
    /// Writes its words to consecutive addresses.
    WriteIncrement,
    /// The fourth code.
    Reserved,
}

/// A packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlPacket {
    /// How it is routed.
    pub header: PacketHeader,
    /// Offset inside the tile.
    pub offset: u32,
    /// What it does.
    pub access: Access,
    /// Words to be read or written, 1 to 4.
    pub length: u8,
    /// Id of the packet that answers.
    pub response: u8,
    /// The words, of a write.
    pub data: Vec<u32>,
    /// Whether both of its parities are odd.
    pub parity_holds: bool,
}

impl ControlPacket {
    /// The word behind the header, without its parity.
    fn control(&self) -> u32 {
        let access = match self.access {
            Access::Write => 0,
            Access::Read => 1,
            Access::WriteIncrement => 2,
            Access::Reserved => 3,
        };
        let length = u32::from(self.length.wrapping_sub(1) & 3);
        self.offset & 0xf_ffff | length << 20 | access << 22 | u32::from(self.response & 0x1f) << 24
    }

    /// The words of the packet, both parities odd.
    pub fn encode(&self) -> Vec<u32> {
        [
            &[self.header.encode(), with_parity(self.control())],
            &self.data[..],
        ]
        .concat()
    }
}

/// Reads packets to the end of `bytes`.
///
/// # Errors
/// The last one is cut off.
pub fn read_control_packets(bytes: &[u8]) -> Result<Vec<ControlPacket>> {
    let v = View::new(Format::ControlPackets, bytes);
    let mut packets = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let (header, odd) = PacketHeader::decode(v.u32("header", at)?);
        let control = v.u32("control word", at + 4)?;
        let length = (control >> 20 & 3) as u8 + 1;
        let access = match control >> 22 & 3 {
            0 => Access::Write,
            1 => Access::Read,
            2 => Access::WriteIncrement,
            _ => Access::Reserved,
        };
        if access == Access::Reserved {
            let (what, found) = ("operation", 3);
            return Err(v.error(at + 4, Reason::Value { what, found }));
        }
        let size = if access == Access::Read {
            0
        } else {
            4 * usize::from(length)
        };
        let data = words(v.take("data", at + 8, size)?).collect();
        packets.push(ControlPacket {
            header,
            offset: control & 0xf_ffff,
            access,
            length,
            response: (control >> 24 & 0x1f) as u8,
            data,
            parity_holds: odd && control.count_ones() % 2 == 1,
        });
        at += 8 + size;
    }
    Ok(packets)
}
