//! ERT command packets: what a command buffer object holds.
//!
//! A packet is one header word ([`Header`]) and `count` data words. For every opcode but
//! [`CMD_CHAIN`](opcode::CMD_CHAIN) the first data word is a mask whose lowest set bit names the compute unit;
//! the payload follows it at byte 8, and its 64-bit fields are aligned with exactly one mask word.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Byte of the command buffer object where the data words begin.
pub const DATA_OFFSET: usize = 4;
/// Byte where the payload begins: header and one mask word.
pub const PAYLOAD_OFFSET: usize = 8;
/// Largest value of a header's `count`.
pub const MAX_COUNT: u32 = 0x7ff;

/// Opcodes of the header word.
pub mod opcode {
    /// Runs a compute unit with register-map words.
    pub const START_CU: u32 = 0;
    /// AIE4 devices only.
    pub const START_DPU: u32 = 18;
    /// Runs the commands of other command buffer objects, in order.
    pub const CMD_CHAIN: u32 = 19;
    /// Runs control code: [`StartNpu`](super::StartNpu) and argument words.
    pub const START_NPU: u32 = 20;
    /// Runs preemptible control code: [`StartNpuPreempt`](super::StartNpuPreempt) and argument words.
    pub const START_NPU_PREEMPT: u32 = 21;
    /// Runs preemptible control code that carries its own configuration; needs no compute unit.
    pub const START_NPU_PREEMPT_ELF: u32 = 22;
}

/// States of the header word.
pub mod state {
    /// Not a state.
    pub const INVALID: u32 = 0;
    /// Written by the client before it submits, and by the kernel when the job starts.
    pub const NEW: u32 = 1;
    /// Not used by the mainline driver.
    pub const QUEUED: u32 = 2;
    /// Not used by the mainline driver.
    pub const RUNNING: u32 = 3;
    /// Success.
    pub const COMPLETED: u32 = 4;
    /// The firmware reported failure.
    pub const ERROR: u32 = 5;
    /// The context was stopped, or the firmware's reply was unusable.
    pub const ABORT: u32 = 6;
    /// Not used by the mainline driver.
    pub const SUBMITTED: u32 = 7;
    /// Timeout detection hit this command.
    pub const TIMEOUT: u32 = 8;
    /// Not used by the mainline driver.
    pub const NORESPONSE: u32 = 9;

    /// True for a state that no later one follows: 4 and above, but not [`SUBMITTED`].
    pub const fn is_terminal(state: u32) -> bool {
        state >= COMPLETED && state != SUBMITTED
    }
}

/// Packet types of the header word; the kernel ignores them.
pub mod kind {
    /// No type.
    pub const DEFAULT: u32 = 0;
    /// What the vendor's runtime writes for commands to compute units.
    pub const CU: u32 = 3;
    /// Scheduler commands.
    pub const SCU: u32 = 4;
}

/// The header word of a packet.
///
/// Bits: 3:0 state, 11:10 number of mask words after the first, 22:12 number of words behind the header,
/// 27:23 opcode, 31:28 type; 9:4 stay zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable)]
#[repr(transparent)]
pub struct Header(pub u32);

impl Header {
    /// A header in state NEW and of type CU with `count` data words (mask included).
    ///
    /// `opcode` is cut to five bits, `count` to eleven.
    pub const fn new(opcode: u32, count: u32) -> Self {
        Self(state::NEW | (count & MAX_COUNT) << 12 | (opcode & 0x1f) << 23 | kind::CU << 28)
    }

    /// The state: one of [`state`].
    pub const fn state(self) -> u32 {
        self.0 & 0xf
    }

    /// The same header in another state.
    pub const fn with_state(self, state: u32) -> Self {
        Self(self.0 & !0xf | state & 0xf)
    }

    /// Number of mask words after the first.
    pub const fn extra_cu_masks(self) -> u32 {
        self.0 >> 10 & 3
    }

    /// Number of words behind the header.
    pub const fn count(self) -> u32 {
        self.0 >> 12 & MAX_COUNT
    }

    /// The opcode: one of [`opcode`].
    pub const fn opcode(self) -> u32 {
        self.0 >> 23 & 0x1f
    }

    /// The type: one of [`kind`].
    pub const fn kind(self) -> u32 {
        self.0 >> 28
    }
}

/// Payload head of START_NPU, before its argument words: 16 bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct StartNpu {
    /// Device address of the control code.
    pub instruction_buffer: U64,
    /// Its size in bytes.
    pub instruction_buffer_size: U32,
    /// Number of property words that follow.
    pub instruction_prop_count: U32,
}

/// Payload head of START_NPU_PREEMPT and START_NPU_PREEMPT_ELF, before the argument words: 40 bytes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct StartNpuPreempt {
    /// Device address of the control code.
    pub instruction_buffer: U64,
    /// Device address of the code that saves the array.
    pub save_buffer: U64,
    /// Device address of the code that restores it.
    pub restore_buffer: U64,
    /// Bytes of the control code.
    pub instruction_buffer_size: U32,
    /// Bytes of the save code.
    pub save_buffer_size: U32,
    /// Bytes of the restore code.
    pub restore_buffer_size: U32,
    /// Number of property words that follow.
    pub instruction_prop_count: U32,
}

/// Head of a CMD_CHAIN, at [`DATA_OFFSET`]: 24 bytes, then one 64-bit handle per sub-command.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct ChainHead {
    /// Number of sub-commands.
    pub command_count: U32,
    /// Written 0 by the client.
    pub submit_index: U32,
    /// On failure: index of the first sub-command that did not succeed.
    pub error_index: U32,
    /// 0.
    pub reserved: [U32; 3],
}

/// What the firmware reports about a context after a timeout, at [`DATA_OFFSET`]: 32 bytes.
///
/// Linux 7.1 and later with firmware that has APP_HEALTH; all ones where there was no report.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct HealthRecord {
    /// 1.
    pub version: U32,
    /// 0 for AIE2.
    pub npu_gen: U32,
    /// Index of the last transaction opcode that was started; all ones before the first and after the last.
    pub txn_op_idx: U32,
    /// Program counter of the context.
    pub ctx_pc: U32,
    /// Kind of fatal error.
    pub fatal_error_type: U32,
    /// Exception of a fatal error.
    pub fatal_error_exception_type: U32,
    /// Program counter of that exception.
    pub fatal_error_exception_pc: U32,
    /// Module the error happened in.
    pub fatal_error_app_module: U32,
}

impl HealthRecord {
    /// [`version`](Self::version) of the records this struct describes.
    pub const VERSION: u32 = 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_the_words_of_the_examples() {
        let start_cu = Header::new(opcode::START_CU, 12);
        assert_eq!(start_cu.0, 0x3000_C001);
        assert_eq!(start_cu.with_state(state::COMPLETED).0, 0x3000_C004);
        assert_eq!(Header::new(opcode::CMD_CHAIN, 10).0, 0x3980_A001);
        assert_eq!(Header::new(opcode::START_NPU, 10).0, 0x3A00_A001);
    }

    #[test]
    fn a_header_reads_back_what_it_was_made_of() {
        for op in [0, 18, 19, 20, 21, 22] {
            for count in [0, 1, 12, MAX_COUNT] {
                let h = Header::new(op, count);
                assert_eq!(
                    (h.opcode(), h.count(), h.state(), h.kind()),
                    (op, count, state::NEW, kind::CU)
                );
                assert_eq!(h.extra_cu_masks(), 0);
            }
        }
        assert_eq!(Header(0xFFFF_FFFF).extra_cu_masks(), 3);
    }

    #[test]
    fn terminal_states_are_four_and_above_without_submitted() {
        let terminal: [bool; 16] = core::array::from_fn(|s| state::is_terminal(s as u32));
        assert_eq!(terminal[..4], [false; 4]);
        assert!(terminal[4] && terminal[5] && terminal[6] && !terminal[7]);
        assert_eq!(terminal[8..], [true; 8]);
    }
}
