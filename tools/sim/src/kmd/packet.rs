//! Command packets as the driver reads them when a job starts.

use nix::errno::Errno;
use xdna_uapi::ert::{Header, opcode};

use super::bo::Bo;
use crate::profile::{Feature, Kernel, Level, Profile, Rule, Rules};

/// Bytes of command-list slots in one context message.
const SLOT_BYTES: usize = xdna_uapi::CHAIN_SLOT_BYTES;
/// Words of a direct START_CU message.
const DIRECT_CU_WORDS: usize = 19;
/// Argument words of a direct START_NPU message.
const DIRECT_NPU_WORDS: usize = 35;
/// Argument words of a START_NPU slot without and with NPU_COMMAND firmware.
const LEGACY_NPU_WORDS: usize = 34;
const NPU_COMMAND_WORDS: usize = 26;
/// Words of the head before a START_NPU's and a START_NPU_PREEMPT's arguments.
const NPU_HEAD: usize = 4;
const PREEMPT_HEAD: usize = 10;

/// One command, as it goes to firmware.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// The packet's opcode.
    pub opcode: u32,
    /// Index of the compute unit; `None` for packets that carry their own configuration.
    pub cu: Option<u32>,
    /// Payload words behind the mask.
    pub payload: Vec<u32>,
}

/// How commands reach firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// One message per command.
    Direct,
    /// Slots of a command list.
    List,
}

/// What the packet rules depend on.
#[derive(Clone, Copy, Debug)]
pub struct PacketRules<'a> {
    /// The profile.
    pub profile: &'a Profile,
    /// The rules that hold.
    pub rules: &'a Rules,
}

impl PacketRules<'_> {
    /// Reads the packet in `bo`, not a chain, for `path`.
    ///
    /// # Errors
    /// What makes the driver reject the job; no caller sees the number.
    pub fn parse(&self, bo: &Bo, path: Path) -> Result<Work, Errno> {
        let header = Header(bo.word(0)?);
        let op = self.opcode(header)?;
        let masks = header.extra_cu_masks() as usize + 1;
        let count = header.count() as usize;
        // The driver reads all mask words that the header names, whatever the count (driver-abi 7.1).
        let cu = self.compute_unit(bo, masks);
        if cu.is_none() && op != opcode::START_NPU_PREEMPT_ELF && self.rules.on(Rule::CuMask) {
            return Err(Errno::EINVAL);
        }
        let checked = self.profile.kernel >= Kernel::V7_0 && self.rules.on(Rule::PacketBound);
        let too_long = 4 + 4 * count as u64 > bo.size;
        let payload = if count <= masks || (checked && too_long) {
            // Absent: START_CU goes on without arguments from level 6 on.
            if op != opcode::START_CU || self.profile.kernel.level() <= Level::L1 {
                return Err(Errno::EINVAL);
            }
            Vec::new()
        } else {
            (masks..count)
                .map(|i| bo.word(4 + 4 * i as u64).unwrap_or(0))
                .collect()
        };
        let mut work = Work {
            opcode: op,
            cu: cu.filter(|_| op != opcode::START_NPU_PREEMPT_ELF),
            payload,
        };
        match path {
            Path::Direct => self.direct(&mut work)?,
            Path::List => {
                self.slot_bytes(&work)?;
            }
        }
        Ok(work)
    }

    /// The opcode; with the rule off, what is unknown counts as START_CU.
    fn opcode(&self, header: Header) -> Result<u32, Errno> {
        match header.opcode() {
            known @ (opcode::START_CU
            | opcode::START_NPU
            | opcode::START_NPU_PREEMPT
            | opcode::START_NPU_PREEMPT_ELF) => Ok(known),
            _ if self.rules.on(Rule::Opcode) => Err(Errno::EOPNOTSUPP),
            _ => Ok(opcode::START_CU),
        }
    }

    /// The lowest bit of the first mask word that has one.
    fn compute_unit(&self, bo: &Bo, masks: usize) -> Option<u32> {
        let words = (0..masks).map(|i| bo.word(4 + 4 * i as u64).unwrap_or(0));
        words.into_iter().find(|&w| w != 0).map(u32::trailing_zeros)
    }

    fn direct(&self, work: &mut Work) -> Result<(), Errno> {
        let (head, limit) = match work.opcode {
            opcode::START_CU => (0, DIRECT_CU_WORDS),
            opcode::START_NPU => (NPU_HEAD, DIRECT_NPU_WORDS),
            _ if !self.rules.on(Rule::PreemptFeature) => (PREEMPT_HEAD, DIRECT_NPU_WORDS),
            _ => return Err(Errno::EOPNOTSUPP),
        };
        let unusable = work.opcode == opcode::START_NPU && self.profile.kernel == Kernel::V6_14;
        if work.payload.len() < head || (unusable && self.rules.on(Rule::DirectNpu)) {
            return Err(Errno::EINVAL);
        }
        if work.payload.len() > head + limit && self.rules.on(Rule::DirectWords) {
            if self.profile.kernel.level() > Level::L1 {
                return Err(Errno::EINVAL);
            }
            work.payload.truncate(head + limit);
        }
        Ok(())
    }

    /// Bytes of the slot that `work` fills in a command list.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn slot_bytes(&self, work: &Work) -> Result<usize, Errno> {
        let uniform = self.profile.has(Feature::NpuCommand);
        let head = match work.opcode {
            opcode::START_CU => 0,
            opcode::START_NPU => NPU_HEAD,
            _ if uniform && self.profile.has(Feature::Preempt) => PREEMPT_HEAD,
            _ if !self.rules.on(Rule::PreemptFeature) => PREEMPT_HEAD,
            _ => return Err(Errno::EOPNOTSUPP),
        };
        let args = work.payload.len().checked_sub(head).ok_or(Errno::EINVAL)?;
        let (fixed, most) = match (work.opcode, uniform) {
            (opcode::START_CU, false) => (8, usize::MAX),
            (opcode::START_CU, true) => (52, usize::MAX),
            (opcode::START_NPU, false) => (24, LEGACY_NPU_WORDS),
            (opcode::START_NPU_PREEMPT_ELF, _) => return Ok(56),
            (_, _) => (52, NPU_COMMAND_WORDS),
        };
        if args > most && self.rules.on(Rule::SlotWords) {
            return Err(Errno::EINVAL);
        }
        let bytes = fixed + 4 * args;
        if bytes > SLOT_BYTES && self.rules.on(Rule::SlotBytes) {
            return Err(Errno::ENOSPC);
        }
        Ok(bytes)
    }

    /// Reads a chain: its sub-commands by `lookup`, which knows the client's handles.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_chain(
        &self,
        bo: &Bo,
        lookup: impl Fn(u32) -> Option<std::rc::Rc<Bo>>,
    ) -> Result<Vec<(std::rc::Rc<Bo>, Work)>, Errno> {
        let payload = 4 * u64::from(Header(bo.word(0)?).count());
        let count = u64::from(bo.word(4)?);
        let shaped = payload >= 24 && count > 0 && payload >= 24 + 8 * count;
        if !shaped && self.rules.on(Rule::ChainShape) {
            return Err(Errno::EINVAL);
        }
        let (mut subs, mut used) = (Vec::new(), 0);
        for i in 0..count {
            let handle = bo.word(4 + 24 + 8 * i)?;
            let sub = match lookup(handle) {
                Some(sub) => sub,
                None if self.rules.on(Rule::ChainHandle) => return Err(Errno::ENOENT),
                None => continue,
            };
            let work = self.parse(&sub, Path::List)?;
            let mixed = subs
                .first()
                .is_some_and(|(_, first): &(_, Work)| first.opcode != work.opcode);
            if mixed && self.rules.on(Rule::ChainOpcode) {
                return Err(Errno::EINVAL);
            }
            used += self.slot_bytes(&work)?;
            if used > SLOT_BYTES && self.rules.on(Rule::ChainBytes) {
                return Err(Errno::ENOSPC);
            }
            subs.push((sub, work));
        }
        Ok(subs)
    }
}
