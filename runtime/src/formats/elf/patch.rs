//! How an address is put into control code.

use crate::formats::{
    error::{Format, Reason, Result},
    view::{View, words},
};

/// What host memory is seen at by an array, beyond its address.
const ARRAY: u64 = 0x8000_0000;

/// A way to patch. All but those of shim descriptors of 48 bits and of plain addresses come from a description alone:
/// no file that has them was at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patch {
    /// 57 bits of a shim descriptor of later generations. Unverified.
    Shim57,
    /// A word, under the mask that the symbol's size is. Unverified.
    Scalar,
    /// 48 bits in a control packet. Unverified.
    ControlPacket48,
    /// 48 bits of a shim descriptor; the place is that of its first word.
    Shim48,
    /// As 48 bits, for an address that is as the array sees it. Unverified.
    ControlPacket57,
    /// An address of 64 bits.
    Address64,
    /// One that is not known.
    Unknown(u8),
}

impl From<u8> for Patch {
    fn from(number: u8) -> Self {
        match number {
            2 => Self::Shim57,
            3 => Self::Scalar,
            4 => Self::ControlPacket48,
            5 => Self::Shim48,
            7 => Self::ControlPacket57,
            8 => Self::Address64,
            other => Self::Unknown(other),
        }
    }
}

impl Patch {
    /// Words that it reads and writes.
    fn reach(self) -> usize {
        match self {
            Self::Shim57 => 9,
            Self::Scalar | Self::Unknown(_) => 1,
            Self::Shim48 => 3,
            Self::ControlPacket48 | Self::ControlPacket57 => 4,
            Self::Address64 => 2,
        }
    }

    /// Adds `value` and `addend` to what is stored at `offset`; `mask` is the size of the symbol.
    ///
    /// # Errors
    /// The place lies outside, or the way is not known.
    pub(super) fn apply(
        self,
        bytes: &mut [u8],
        offset: usize,
        value: u64,
        addend: u64,
        mask: u32,
    ) -> Result<()> {
        let v = View::new(Format::Elf, bytes);
        if let Self::Unknown(number) = self {
            let (what, found) = ("type of a patch", number.into());
            return Err(v.error(offset, Reason::Value { what, found }));
        }
        let size = 4 * self.reach();
        let mut w: Vec<u32> = words(v.take("patch", offset, size)?).collect();
        let sum = value.wrapping_add(addend);
        match self {
            Self::Shim48 => {
                let base = u64::from(w[2] & 0xffff) << 32 | u64::from(w[1]);
                let base = base.wrapping_add(sum).wrapping_add(ARRAY);
                w[1] = base as u32 & !3;
                w[2] = w[2] & 0xffff_0000 | (base >> 32) as u32 & 0xffff;
            }
            Self::Shim57 => {
                let base = u64::from(w[8] & 0x1ff) << 48 | u64::from(w[2] & 0xffff) << 32 | u64::from(w[1]);
                let base = base.wrapping_add(sum);
                w[1] = base as u32;
                w[2] = w[2] & 0xffff_0000 | (base >> 32) as u32 & 0xffff;
                w[8] = w[8] & !0x1ff | (base >> 48) as u32 & 0x1ff;
            }
            Self::ControlPacket48 | Self::ControlPacket57 => {
                let base = u64::from(w[3] & 0xfff) << 32 | u64::from(w[2]);
                let more = if self == Self::ControlPacket48 { ARRAY } else { 0 };
                let base = base.wrapping_add(sum).wrapping_add(more);
                w[2] = base as u32 & !3;
                w[3] = w[3] & 0xffff_0000 | (base >> 32) as u32 & 0xffff;
            }
            Self::Scalar => w[0] = w[0] & !mask | value as u32 & mask,
            Self::Address64 => (w[0], w[1]) = (sum as u32, (sum >> 32) as u32),
            Self::Unknown(_) => {}
        }
        for (place, word) in bytes[offset..offset + size].chunks_exact_mut(4).zip(w) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        Ok(())
    }
}
