//! Command packets, taken apart: what trace and dump show of them.

use serde::Serialize;
use xdna_uapi::ert::{Header, opcode, state};

/// A command packet.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Packet {
    pub(crate) opcode: u32,
    pub(crate) name: &'static str,
    pub(crate) state: &'static str,
    /// Words behind the header.
    pub(crate) count: u32,
    /// Compute unit: the lowest bit of the mask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cu: Option<u32>,
    /// Named parts of the payload.
    pub(crate) fields: Vec<(&'static str, u64)>,
    /// Handles of a chain's commands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) chain: Vec<u32>,
    /// Words behind these: registers or arguments.
    pub(crate) words: Vec<u32>,
}

/// The name of an opcode.
pub(crate) fn opcode_name(number: u32) -> &'static str {
    match number {
        opcode::START_CU => "START_CU",
        opcode::START_DPU => "START_DPU",
        opcode::CMD_CHAIN => "CMD_CHAIN",
        opcode::START_NPU => "START_NPU",
        opcode::START_NPU_PREEMPT => "START_NPU_PREEMPT",
        opcode::START_NPU_PREEMPT_ELF => "START_NPU_PREEMPT_ELF",
        _ => "unknown opcode",
    }
}

/// The name of a state.
pub(crate) fn state_name(number: u32) -> &'static str {
    match number {
        state::INVALID => "INVALID",
        state::NEW => "NEW",
        state::QUEUED => "QUEUED",
        state::RUNNING => "RUNNING",
        state::COMPLETED => "COMPLETED",
        state::ERROR => "ERROR",
        state::ABORT => "ABORT",
        state::SUBMITTED => "SUBMITTED",
        state::TIMEOUT => "TIMEOUT",
        state::NORESPONSE => "NORESPONSE",
        _ => "unknown state",
    }
}

impl Packet {
    /// Takes the packet at the begin of `words` apart.
    ///
    /// # Errors
    /// How many words there should be, where there are fewer.
    pub(crate) fn parse(words: &[u32]) -> Result<Self, String> {
        let (&header, data) = words
            .split_first()
            .ok_or("a command packet has at least one word")?;
        let header = Header(header);
        let count = header.count();
        let data = data
            .get(..count as usize)
            .ok_or_else(|| format!("the header announces {count} words, {} follow it", data.len()))?;
        let mut packet = Self {
            opcode: header.opcode(),
            name: opcode_name(header.opcode()),
            state: state_name(header.state()),
            count,
            cu: None,
            fields: Vec::new(),
            chain: Vec::new(),
            words: Vec::new(),
        };
        if header.opcode() == opcode::CMD_CHAIN {
            packet.chain(data)?;
        } else {
            let masks = 1 + header.extra_cu_masks() as usize;
            let (mask, payload) = data
                .split_at_checked(masks)
                .ok_or_else(|| format!("{masks} mask words do not fit into {count}"))?;
            let mask = mask.iter().copied().find(|word| *word != 0);
            packet.cu = mask.map(u32::trailing_zeros);
            packet.payload(payload)?;
        }
        Ok(packet)
    }

    fn payload(&mut self, words: &[u32]) -> Result<(), String> {
        let layout: &[(&'static str, usize)] = match self.opcode {
            opcode::START_NPU => &[("instructions", 2), ("instruction bytes", 1), ("properties", 1)],
            opcode::START_NPU_PREEMPT | opcode::START_NPU_PREEMPT_ELF => &[
                ("instructions", 2),
                ("save", 2),
                ("restore", 2),
                ("instruction bytes", 1),
                ("save bytes", 1),
                ("restore bytes", 1),
                ("properties", 1),
            ],
            _ => &[],
        };
        self.fields(layout, words).map(|rest| self.words = rest.to_vec())
    }

    fn chain(&mut self, words: &[u32]) -> Result<(), String> {
        let layout = [("commands", 1), ("submit index", 1), ("error index", 1)];
        let rest = self.fields(&layout, words)?;
        let commands = words.first().copied().unwrap_or(0);
        // Three reserved words, then a handle in each pair.
        let handles = rest.get(3..).unwrap_or_default();
        if handles.len() / 2 < commands as usize {
            return Err(format!(
                "a chain of {commands} commands has room for {} handles",
                handles.len() / 2
            ));
        }
        self.chain = handles
            .chunks_exact(2)
            .take(commands as usize)
            .map(|pair| pair[0])
            .collect();
        Ok(())
    }

    fn fields<'w>(
        &mut self,
        layout: &[(&'static str, usize)],
        words: &'w [u32],
    ) -> Result<&'w [u32], String> {
        let mut rest = words;
        for (name, size) in layout {
            let (value, tail) = rest
                .split_at_checked(*size)
                .ok_or_else(|| format!("{} ends before `{name}`", self.name))?;
            let number = value
                .iter()
                .rev()
                .fold(0_u64, |sum, word| sum << 32 | u64::from(*word));
            self.fields.push((name, number));
            rest = tail;
        }
        Ok(rest)
    }

    /// On one line.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{} {}", self.name, self.state);
        if let Some(cu) = self.cu {
            text += &format!(" cu={cu}");
        }
        for (name, value) in &self.fields {
            text += &format!(" {}={value:#x}", name.replace(' ', "_"));
        }
        if !self.chain.is_empty() {
            text += &format!(" handles={:?}", self.chain);
        }
        if !self.words.is_empty() {
            let words: Vec<_> = self.words.iter().map(|word| format!("{word:#x}")).collect();
            text += &format!(" words=[{}]", words.join(" "));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_of_the_walk_through_are_taken_apart() {
        let words = [0x3000_C004, 2, 3, 0, 0x402_8000, 0, 0x100, 1, 0, 2, 0, 3, 0];
        let packet = Packet::parse(&words).unwrap();
        assert_eq!(
            (packet.name, packet.state, packet.cu),
            ("START_CU", "COMPLETED", Some(1))
        );
        assert_eq!(packet.words, words[2..]);
        let npu = Packet::parse(&[0x3A00_6001, 1, 0x10, 1, 0x40, 0, 7]).unwrap();
        assert_eq!(
            npu.fields,
            [
                ("instructions", 0x1_0000_0010),
                ("instruction bytes", 0x40),
                ("properties", 0)
            ]
        );
        assert_eq!(
            npu.text(),
            "START_NPU NEW cu=0 instructions=0x100000010 instruction_bytes=0x40 properties=0x0 words=[0x7]"
        );
        let chain = Packet::parse(&[0x3980_A001, 2, 0, 9, 0, 0, 0, 5, 0, 6, 0]).unwrap();
        assert_eq!((chain.name, chain.chain), ("CMD_CHAIN", vec![5, 6]));
    }

    #[test]
    fn packets_that_end_early_say_where() {
        assert!(Packet::parse(&[]).is_err());
        assert!(
            Packet::parse(&[0x3000_C001, 1])
                .unwrap_err()
                .contains("announces 12 words, 1 follow")
        );
        assert!(
            Packet::parse(&[0x3980_2001, 9, 0])
                .unwrap_err()
                .contains("error index")
        );
        assert!(
            Packet::parse(&[0x3A00_2001, 1, 5])
                .unwrap_err()
                .contains("instructions")
        );
    }
}
