//! The firmware: contexts, and commands that complete, fail or hang.
//!
//! Commands do not move data yet: a command whose packet and buffers are well formed completes.

use nix::errno::Errno;
use xdna_uapi::ert::{HealthRecord, opcode};

use crate::fault::CommandFault;
use crate::kmd::{ClientId, Heap, Kmd, Work};
use crate::profile::{Device, Profile};

/// Firmware status for a command that names a compute unit nobody configured.
const INVALID_COMMAND: u32 = 0x400_0002;

/// What a context is created with.
#[derive(Clone, Copy, Debug)]
pub struct CreateContext {
    /// Whose it is.
    pub owner: ClientId,
    /// 1 realtime to 4 low.
    pub priority: u32,
    /// False to create more contexts than the device has.
    pub limited: bool,
}

/// A command as firmware sees it.
#[derive(Clone, Copy, Debug)]
pub struct Command<'a> {
    /// The commands: one, or those of a chain.
    pub works: &'a [Work],
    /// Configured compute units.
    pub cus: usize,
    /// The configuration was refused.
    pub broken: bool,
}

/// How a command ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It completes, after so many nanoseconds more than usual.
    Done(u64),
    /// It fails: index in a chain, and firmware's status.
    Failed {
        /// Index in a chain.
        index: u32,
        /// Firmware's status.
        status: u32,
    },
    /// It never ends.
    Hang {
        /// What firmware reports about it.
        health: Option<HealthRecord>,
        /// Index in a chain.
        index: u32,
    },
    /// It ended, and the driver was not told.
    Lost,
}

impl Verdict {
    /// Nanoseconds the command takes longer than usual.
    pub fn extra_ns(&self) -> u64 {
        if let Self::Done(extra) = self { *extra } else { 0 }
    }
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    handle: u32,
}

/// The firmware of one device.
#[derive(Debug)]
pub struct Firmware {
    slots: Vec<Option<Slot>>,
}

impl Firmware {
    /// Freshly booted.
    pub fn new(device: Device) -> Self {
        Self {
            slots: vec![None; device.context_limit()],
        }
    }

    /// Creates a context and returns its number.
    ///
    /// # Errors
    /// `EINVAL` if all are taken: this is where the context limit shows.
    pub fn create(&mut self, create: CreateContext) -> Result<usize, Errno> {
        log::debug!(
            "firmware creates a context of priority {} for {:?}",
            create.priority,
            create.owner
        );
        let free = self.slots.iter().position(Option::is_none);
        let index = match free {
            Some(index) => index,
            None if create.limited => return Err(Errno::EINVAL),
            None => {
                self.slots.push(None);
                self.slots.len() - 1
            }
        };
        self.slots[index] = Some(Slot { handle: 0 });
        Ok(index)
    }

    /// Tells firmware the driver's handle of a context.
    pub fn name(&mut self, index: usize, handle: u32) {
        if let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) {
            slot.handle = handle;
        }
    }

    /// Ends a context.
    pub fn destroy(&mut self, index: usize) {
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = None;
        }
    }

    /// Context handles by firmware context number, 0 where there is none.
    pub fn handles(&self) -> Vec<u32> {
        self.slots.iter().map(|s| s.map_or(0, |s| s.handle)).collect()
    }

    /// How `command` ends; `fault` is what the script has for it.
    pub fn run(&self, command: &Command<'_>, heap: Option<&Heap>, fault: Option<CommandFault>) -> Verdict {
        let hang = |index| Verdict::Hang {
            health: Some(Kmd::plain_health()),
            index,
        };
        match fault {
            Some(CommandFault::Error { index, status }) => return Verdict::Failed { index, status },
            Some(CommandFault::Hang { index, health: true }) => return hang(index),
            Some(CommandFault::Hang { index, health: false }) => {
                return Verdict::Hang { health: None, index };
            }
            Some(CommandFault::Lost) => return Verdict::Lost,
            Some(CommandFault::Slow(_)) | None => {}
        }
        for (index, work) in command.works.iter().enumerate() {
            let index = index as u32;
            let configured = work.cu.is_none_or(|cu| (cu as usize) < command.cus);
            if !configured || (command.broken && work.cu.is_some()) {
                return Verdict::Failed {
                    index,
                    status: INVALID_COMMAND,
                };
            }
            if !instructions_reachable(work, heap) {
                return hang(index);
            }
        }
        match fault {
            Some(CommandFault::Slow(ns)) => Verdict::Done(ns),
            _ => Verdict::Done(0),
        }
    }
}

/// True if the control code a packet names lies in the client's heap: anything else faults in the IOMMU.
fn instructions_reachable(work: &Work, heap: Option<&Heap>) -> bool {
    if !matches!(
        work.opcode,
        opcode::START_NPU | opcode::START_NPU_PREEMPT | opcode::START_NPU_PREEMPT_ELF
    ) {
        return true;
    }
    let word = |i: usize| work.payload.get(i).copied().map(u64::from).unwrap_or_default();
    let (address, head) = (
        word(0) | word(1) << 32,
        if work.opcode == opcode::START_NPU { 2 } else { 6 },
    );
    let size = word(head);
    let base = xdna_uapi::DEV_HEAP_BASE;
    let end = base + heap.map_or(0, |h| h.total.get());
    address >= base && address.checked_add(size).is_some_and(|last| last <= end)
}

/// The firmware's version as `fw_version` shows it.
pub fn version(profile: &Profile) -> [u32; 4] {
    match profile.device {
        Device::Npu1 => [1, 5, 2, 380],
        _ => [1, 0, 0, 100 + profile.protocol.minor],
    }
}
