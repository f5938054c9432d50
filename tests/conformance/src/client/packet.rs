//! Command packets (driver-abi 7.1 to 7.4).

use std::fmt;

use xdna_uapi::ert::{opcode, state};

/// A packet's state, the low four bits of its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State(pub u32);

impl State {
    /// What the client writes.
    pub const NEW: Self = Self(state::NEW);

    /// True when the job has ended.
    pub fn terminal(self) -> bool {
        state::is_terminal(self.0)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            "INVALID",
            "NEW",
            "QUEUED",
            "RUNNING",
            "COMPLETED",
            "ERROR",
            "ABORT",
            "SUBMITTED",
            "TIMEOUT",
            "NORESPONSE",
        ];
        match names.get(self.0 as usize) {
            Some(name) => f.write_str(name),
            None => write!(f, "state {}", self.0),
        }
    }
}

/// The words of a packet, header first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet(pub Vec<u32>);

impl Packet {
    /// A packet of `opcode` whose data words, masks included, are `data`.
    pub fn new(opcode: u32, data: &[u32]) -> Self {
        let count = data.len() as u32 & 0x7ff;
        let mut words = vec![State::NEW.0 | count << 12 | opcode << 23 | 3 << 28];
        words.extend_from_slice(data);
        Self(words)
    }

    /// A packet that the driver drops when the job starts: it names no compute unit, so the firmware never sees it.
    pub fn dropped() -> Self {
        Self::new(opcode::START_CU, &[0; 8])
    }

    /// A START_CU packet for compute unit 0 with `payload` words.
    pub fn start_cu(payload: &[u32]) -> Self {
        let mut data = vec![1];
        data.extend_from_slice(payload);
        Self::new(opcode::START_CU, &data)
    }

    /// A START_NPU packet for compute unit 0: control code, then `args` words.
    pub fn start_npu(code: u64, bytes: u32, args: &[u32]) -> Self {
        let mut data = vec![1, code as u32, (code >> 32) as u32, bytes, 0];
        data.extend_from_slice(args);
        Self::new(opcode::START_NPU, &data)
    }

    /// A START_NPU_PREEMPT packet: control code alone, without save or restore, then `args` words.
    pub fn preempt(code: u64, bytes: u32, args: &[u32]) -> Self {
        let mut data = vec![1, code as u32, (code >> 32) as u32, 0, 0, 0, 0, bytes, 0, 0, 0];
        data.extend_from_slice(args);
        Self::new(opcode::START_NPU_PREEMPT, &data)
    }

    /// The same packet with another count in its header.
    pub fn claiming(mut self, count: u32) -> Self {
        self.0[0] = self.0[0] & !(0x7ff << 12) | count << 12;
        self
    }
}

/// A CMD_CHAIN of these buffer objects.
pub fn chain(handles: &[u32]) -> Packet {
    let mut data = vec![handles.len() as u32, 0, 0, 0, 0, 0];
    data.extend(handles.iter().flat_map(|handle| [*handle, 0]));
    Packet::new(opcode::CMD_CHAIN, &data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_those_of_section_18() {
        assert_eq!(Packet::start_cu(&[0; 11]).0[0], 0x3000_C001);
        assert_eq!(chain(&[1, 2]).0[0], 0x3980_A001);
        assert_eq!(Packet::start_npu(0, 0, &[0; 5]).0[0], 0x3A00_A001);
    }

    #[test]
    fn only_the_states_of_7_3_are_terminal() {
        let terminal: Vec<_> = (0..10).filter(|state| State(*state).terminal()).collect();
        assert_eq!(terminal, [4, 5, 6, 8, 9]);
    }
}
