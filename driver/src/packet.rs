//! Command packets, and how much of them each kernel and firmware takes.

use xdna_uapi::ert::{Header, MAX_COUNT, StartNpu, StartNpuPreempt, opcode};
use xdna_uapi::{CHAIN_SLOT_BYTES, MAX_CUS};

use crate::device::DriverVersion;
use crate::error::Error;

/// Bytes of a command buffer: 32 KiB is the kernel's limit up to 7.0, a page is enough for everything.
pub(crate) const COMMAND_BYTES: usize = 4096;
/// Sub-commands whose handles fit into a command buffer.
pub(crate) const MAX_CHAIN: usize = (COMMAND_BYTES - 4 - 24) / 8;

/// What a command does, by opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    StartCu,
    StartNpu,
    StartNpuPreempt,
    StartNpuElf,
    Chain,
}

impl Operation {
    pub(crate) fn opcode(self) -> u32 {
        match self {
            Operation::StartCu => opcode::START_CU,
            Operation::StartNpu => opcode::START_NPU,
            Operation::StartNpuPreempt => opcode::START_NPU_PREEMPT,
            Operation::StartNpuElf => opcode::START_NPU_PREEMPT_ELF,
            Operation::Chain => opcode::CMD_CHAIN,
        }
    }

    /// Words of the payload before the arguments.
    pub(crate) fn head_words(self) -> usize {
        match self {
            Operation::StartCu => 0,
            Operation::StartNpu => size_of::<StartNpu>() / 4,
            Operation::StartNpuPreempt | Operation::StartNpuElf => size_of::<StartNpuPreempt>() / 4,
            Operation::Chain => 6,
        }
    }

    /// Argument words one command may have when it is submitted by itself (`chained` false) or in a chain.
    ///
    /// Whether a single command travels as a direct message (19 words of START_CU) or as a list of one depends
    /// on a module parameter that only root can read, so the smaller limit counts. Levels 0 and 1 cut longer
    /// messages silently; the firmware of later ones decides between 34 and 26 words of START_NPU.
    pub(crate) fn max_arguments(self, version: DriverVersion, chained: bool) -> usize {
        match self {
            Operation::StartCu if chained => (CHAIN_SLOT_BYTES - 52) / 4,
            Operation::StartCu => 19,
            Operation::StartNpu if version.level() >= 6 => 26,
            Operation::StartNpu if chained => 34,
            Operation::StartNpu => 35,
            Operation::StartNpuPreempt | Operation::StartNpuElf => 26,
            Operation::Chain => MAX_COUNT as usize,
        }
    }

    /// Bytes of the command list this command fills in a chain, with `arguments` words of arguments.
    ///
    /// From level 6 on the firmware decides between two slot layouts and can't be asked which it uses; the one
    /// with the larger slots counts.
    pub(crate) fn slot_bytes(self, version: DriverVersion, arguments: usize) -> usize {
        let legacy = version.level() < 6;
        match self {
            Operation::StartCu if legacy => 8 + 4 * arguments,
            Operation::StartNpu if legacy => 24 + 4 * arguments,
            Operation::StartNpuElf => 56,
            _ => 52 + 4 * arguments,
        }
    }

    /// Refuses operations that no firmware under this driver can execute.
    pub(crate) fn check(self, version: DriverVersion) -> Result<(), Error> {
        let preempt = matches!(self, Operation::StartNpuPreempt | Operation::StartNpuElf);
        if preempt && version.level() < 6 {
            return Err(Error::Unsupported {
                what: "preemptible control code",
                needs: "Linux 6.19",
            });
        }
        Ok(())
    }
}

/// Index of a compute unit of a context, in the order they were configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CuIndex(u8);

impl CuIndex {
    /// The `index`th compute unit, of at most 32.
    pub fn new(index: usize) -> Option<Self> {
        (index < MAX_CUS).then_some(Self(index as u8))
    }

    /// The number.
    pub fn get(self) -> usize {
        self.0.into()
    }

    fn mask(self) -> u32 {
        1 << self.0
    }
}

/// The words of a packet: header, mask, head, arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub operation: Operation,
    words: Vec<u32>,
}

impl Packet {
    /// A packet without arguments. The mask of an operation without compute unit is zero.
    pub(crate) fn new(operation: Operation, cu: Option<CuIndex>, head: &[u8]) -> Self {
        let mut words = vec![0, cu.map_or(0, CuIndex::mask)];
        words.extend(
            head.chunks_exact(4)
                .map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]])),
        );
        let mut packet = Self { operation, words };
        packet.set_header();
        packet
    }

    /// A chain of the command buffers with these handles.
    pub(crate) fn chain(handles: &[u32], error_index: u32) -> Self {
        let mut words = vec![0, handles.len() as u32, 0, error_index, 0, 0, 0];
        words.extend(handles.iter().flat_map(|handle| [*handle, 0]));
        let mut packet = Self {
            operation: Operation::Chain,
            words,
        };
        packet.set_header();
        packet
    }

    fn set_header(&mut self) {
        self.words[0] = Header::new(self.operation.opcode(), self.words.len() as u32 - 1).0;
    }

    pub(crate) fn words(&self) -> &[u32] {
        &self.words
    }

    /// Word where the arguments begin.
    fn first_argument(&self) -> usize {
        2 + self.operation.head_words()
    }

    /// Number of argument words.
    pub(crate) fn arguments(&self) -> usize {
        self.words.len() - self.first_argument().min(self.words.len())
    }

    /// Writes `value` at byte `at` of the arguments, which grow with zeros as needed.
    pub(crate) fn set(&mut self, at: usize, value: &[u32]) -> Result<(), Error> {
        if !at.is_multiple_of(4) {
            return Err(Error::Misaligned {
                what: "argument offset",
                value: at,
                align: 4,
            });
        }
        let start = self.first_argument() + at / 4;
        let limit = COMMAND_BYTES / 4;
        let end = start.saturating_add(value.len());
        if end > limit {
            return Err(Error::TooLarge {
                what: "words of a command",
                len: end,
                limit,
            });
        }
        if self.words.len() < end {
            self.words.resize(end, 0);
            self.set_header();
        }
        self.words[start..end].copy_from_slice(value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn mainline(minor: i32) -> DriverVersion {
        DriverVersion { major: 0, minor }
    }

    #[test]
    fn start_cu_is_the_walk_through_packet() {
        let mut packet = Packet::new(Operation::StartCu, CuIndex::new(0), &[]);
        packet.set(0, &[3, 0]).unwrap();
        packet.set(8, &[0x0402_8000, 0]).unwrap();
        packet.set(0x10, &[0x100]).unwrap();
        for (i, address) in [0x7f00_0000_1000_u64, 0x7f00_0000_2000, 0x7f00_0000_3000]
            .iter()
            .enumerate()
        {
            packet
                .set(0x14 + 8 * i, &[*address as u32, (address >> 32) as u32])
                .unwrap();
        }
        assert_eq!(
            packet.words(),
            [
                0x3000_C001,
                1,
                3,
                0,
                0x0402_8000,
                0,
                0x100,
                0x1000,
                0x7f00,
                0x2000,
                0x7f00,
                0x3000,
                0x7f00
            ]
        );
        assert_eq!(packet.arguments(), 11);
    }

    #[test]
    fn arguments_can_be_set_in_any_order_and_twice() {
        let mut packet = Packet::new(Operation::StartCu, CuIndex::new(5), &[]);
        packet.set(8, &[7]).unwrap();
        packet.set(0, &[1]).unwrap();
        packet.set(8, &[9]).unwrap();
        assert_eq!(packet.words()[1..], [1 << 5, 1, 0, 9]);
        assert!(packet.set(2, &[0]).is_err());
        assert!(packet.set(COMMAND_BYTES, &[0]).is_err());
        assert!(packet.set(usize::MAX & !3, &[0]).is_err());
    }

    #[test]
    fn a_chain_of_two_has_the_header_of_the_examples() {
        let packet = Packet::chain(&[5, 9], 0);
        assert_eq!(packet.words(), [0x3980_A001, 2, 0, 0, 0, 0, 0, 5, 0, 9, 0]);
    }

    #[test]
    fn nineteen_words_is_the_limit_of_a_single_start_cu() {
        for minor in [0, 1, 6, 8, 10] {
            assert_eq!(Operation::StartCu.max_arguments(mainline(minor), false), 19);
            assert!(Operation::StartCu.max_arguments(mainline(minor), true) >= 900);
        }
        assert_eq!(Operation::StartNpu.max_arguments(mainline(1), false), 35);
        assert_eq!(Operation::StartNpu.max_arguments(mainline(1), true), 34);
        assert_eq!(Operation::StartNpu.max_arguments(mainline(6), false), 26);
    }

    #[test]
    fn as_many_equal_commands_fit_a_chain_as_the_slot_table_says() {
        let fit = |op: Operation, minor, words| CHAIN_SLOT_BYTES / op.slot_bytes(mainline(minor), words);
        assert_eq!(fit(Operation::StartCu, 1, 15), 60);
        assert_eq!(fit(Operation::StartCu, 1, 19), 48);
        assert_eq!(fit(Operation::StartNpu, 1, 34), 25);
        assert_eq!(fit(Operation::StartCu, 10, 15), 36);
        assert_eq!(fit(Operation::StartCu, 10, 19), 32);
        assert_eq!(fit(Operation::StartNpu, 10, 26), 26);
        assert_eq!(fit(Operation::StartNpuElf, 10, 5), 73);
        // The vendor's cap of 24 is safe for up to 29 words.
        assert!(fit(Operation::StartCu, 10, 29) >= 24);
    }

    #[test]
    fn the_largest_chain_fits_a_command_buffer() {
        let handles = vec![1; MAX_CHAIN];
        assert!(Packet::chain(&handles, 0).words().len() * 4 <= COMMAND_BYTES);
    }

    #[test]
    fn preemptible_code_needs_level_6() {
        assert!(Operation::StartNpuElf.check(mainline(1)).is_err());
        assert!(Operation::StartNpuPreempt.check(mainline(6)).is_ok());
        assert!(Operation::StartNpu.check(mainline(0)).is_ok());
    }

    #[test]
    fn there_are_32_compute_units() {
        assert_eq!(CuIndex::new(31).map(CuIndex::mask), Some(0x8000_0000));
        assert_eq!(CuIndex::new(32), None);
    }
}
