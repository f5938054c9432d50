//! What stands at an offset in a tile (npu-formats, section 8).

use super::dma::{Direction, Register as DmaRegister, register as dma_register};
use super::geometry::Kind;
use super::locks::{Request, signed7};
use super::tiles::{PROGRAM_BYTES, descriptor_at};

const PROGRAM: u32 = 0x2_0000;
const CORE_CONTROL: u32 = 0x3_2000;
const CORE_STATUS: u32 = 0x3_2004;
const SHIM_MUX: u32 = 0x1_f000;
const SHIM_DEMUX: u32 = 0x1_f004;
/// Bytes of a tile's switch registers.
const SWITCH_BYTES: u32 = 0x400;
/// Bytes between two locks' requests, and the bit that makes one an acquire.
const REQUEST_STRIDE: u32 = 0x400;
const REQUEST_ACQUIRE: u32 = 0x200;

/// What an offset in a tile of a kind is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A byte of data memory.
    Memory(usize),
    /// A byte of program memory.
    Program(usize),
    /// A word of a buffer descriptor.
    Descriptor(usize, usize),
    /// A register of a DMA channel.
    Channel(Direction, u8, DmaRegister),
    /// The value of a lock.
    Lock(u8),
    /// A lock request, made by reading; true to acquire.
    LockRequest(Request, bool),
    /// A register of the stream switch, by its offset there.
    Switch(u32),
    /// A shim's multiplexer of streams from the south.
    Mux,
    /// The same to the south.
    Demux,
    /// Errors of control packets.
    PacketStatus,
    /// Fills data memory with zeros.
    ZeroMemory,
    /// Enables and resets the core.
    CoreControl,
    /// What the core is at.
    CoreStatus,
    /// Flags of locks that left their range.
    LockFlags {
        /// Overflows rather than underflows.
        above: bool,
        /// Which 32 of them.
        word: u32,
    },
    /// A register without a model.
    Other,
}

/// What an offset in a tile of `kind` is.
pub fn place(kind: Kind, offset: u32) -> Place {
    if (offset as usize) < kind.memory_bytes() {
        return Place::Memory(offset as usize);
    }
    if let Some((descriptor, word)) = descriptor_at(kind, offset) {
        return Place::Descriptor(descriptor, word);
    }
    if let Some((direction, channel, register)) = dma_register(kind, offset) {
        return Place::Channel(direction, channel, register);
    }
    let (lock, window, switch, packet_status, zero, flags) = match kind {
        Kind::Shim => (0x1_4000, 0x4_0000, 0x3_f000, 0x3_ff30, None, 0x1_4120),
        Kind::Memory => (0xc_0000, 0xd_0000, 0xb_0000, 0xb_0f30, Some(0x9_6048), 0xc_0420),
        Kind::Core => (0x1_f000, 0x4_0000, 0x3_f000, 0x3_ff30, Some(0x3_6070), 0x1_f120),
    };
    let locks = kind.locks() as u32;
    if (lock..lock + 0x10 * locks).contains(&offset) {
        return Place::Lock(((offset - lock) / 0x10) as u8);
    }
    if (window..window + REQUEST_STRIDE * locks).contains(&offset) {
        let at = offset - window;
        let request = Request {
            lock: (at / REQUEST_STRIDE) as u8,
            value: signed7((at / 4) & 0x7f),
        };
        return Place::LockRequest(request, at & REQUEST_ACQUIRE != 0);
    }
    if (switch..switch + SWITCH_BYTES).contains(&offset) {
        return Place::Switch(offset - switch);
    }
    // Eight bytes of overflows, then eight of underflows.
    let word = offset % 8 / 4;
    if (flags..flags + 16).contains(&offset) && word < locks.div_ceil(32) {
        let above = offset < flags + 8;
        return Place::LockFlags { above, word };
    }
    if offset == packet_status {
        return Place::PacketStatus;
    }
    if Some(offset) == zero {
        return Place::ZeroMemory;
    }
    match (kind, offset) {
        (Kind::Shim, SHIM_MUX) => Place::Mux,
        (Kind::Shim, SHIM_DEMUX) => Place::Demux,
        (Kind::Core, CORE_CONTROL) => Place::CoreControl,
        (Kind::Core, CORE_STATUS) => Place::CoreStatus,
        (Kind::Core, _) if (PROGRAM..PROGRAM + PROGRAM_BYTES as u32).contains(&offset) => {
            Place::Program((offset - PROGRAM) as usize)
        }
        _ => Place::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_requests_are_in_the_address() {
        let request = |kind, offset| match place(kind, offset) {
            Place::LockRequest(request, acquire) => (request.lock, request.value, acquire),
            other => panic!("{other:?}"),
        };
        assert_eq!(request(Kind::Core, 0x4_3bfc), (14, -1, true));
        assert_eq!(request(Kind::Core, 0x4_3c04), (15, 1, false));
        assert_eq!(request(Kind::Memory, 0xd_0604), (1, 1, true));
    }

    #[test]
    fn each_kind_has_its_own_map() {
        assert_eq!(place(Kind::Core, 0x1_f000), Place::Lock(0));
        assert_eq!(place(Kind::Shim, 0x1_f000), Place::Mux);
        assert_eq!(place(Kind::Shim, 0x1_40f0), Place::Lock(15));
        assert_eq!(place(Kind::Core, 0x1_4000), Place::Other);
        assert_eq!(place(Kind::Memory, 0xc_03f0), Place::Lock(63));
        assert_eq!(place(Kind::Memory, 0x7_ffff), Place::Memory(0x7_ffff));
        assert_eq!(place(Kind::Core, 0x2_3ffc), Place::Program(0x3ffc));
        let flags = |above, word| Place::LockFlags { above, word };
        assert_eq!(place(Kind::Core, 0x1_f128), flags(false, 0));
        assert_eq!(place(Kind::Memory, 0xc_0424), flags(true, 1));
    }
}
