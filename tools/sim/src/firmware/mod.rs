//! The firmware: contexts, and commands that complete, fail or hang.
//!
//! A command whose control code is well formed and reaches its buffers completes; no data move. Control code for
//! configurations that start cores ends in a firmware error, since nothing here executes a core.

mod control;
mod pdi;

use nix::errno::Errno;
use xdna_uapi::ert::{HealthRecord, opcode};

use crate::fault::CommandFault;
use crate::kmd::{ClientId, Kmd, Work};
use crate::profile::{Device, Profile};

/// The first register-map word of "run a transaction".
const TRANSACTION: u64 = 3;
/// Longest control code that is read.
const CODE_MAX: u64 = 64 << 20;
/// Firmware status: the first application error.
const APPLICATION_ERROR: u32 = 0x300_0001;
/// Firmware status: invalid instruction.
const INVALID_INSTRUCTION: u32 = 0x300_0002;
/// Firmware status for a command that names a compute unit nobody configured.
const INVALID_COMMAND: u32 = 0x400_0002;

use control::Run;
pub use pdi::Pdi;

/// Memory as the device reaches it.
pub trait DeviceMemory {
    /// Reads all of `into`.
    ///
    /// # Errors
    /// `EFAULT` where no buffer is.
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Errno>;

    /// Writes all of `from`.
    ///
    /// # Errors
    /// `EFAULT` where no buffer is, or none that may be written.
    fn write(&self, address: u64, from: &[u8]) -> Result<(), Errno>;
}

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
    pub cus: &'a [Pdi],
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
    pub fn run(
        &self,
        command: &Command<'_>,
        memory: &dyn DeviceMemory,
        fault: Option<CommandFault>,
    ) -> Verdict {
        let hang = |index, health| Verdict::Hang {
            health: Some(health),
            index,
        };
        match fault {
            Some(CommandFault::Error { index, status }) => return Verdict::Failed { index, status },
            Some(CommandFault::Hang { index, health: true }) => return hang(index, Kmd::health(u32::MAX)),
            Some(CommandFault::Hang { index, health: false }) => {
                return Verdict::Hang { health: None, index };
            }
            Some(CommandFault::Lost) => return Verdict::Lost,
            Some(CommandFault::Slow(_)) | None => {}
        }
        for (index, work) in command.works.iter().enumerate() {
            let index = index as u32;
            let cores = match work.cu {
                None => 0,
                Some(_) if command.broken => {
                    return Verdict::Failed {
                        index,
                        status: INVALID_COMMAND,
                    };
                }
                Some(cu) => match command.cus.get(cu as usize) {
                    Some(pdi) => pdi.cores,
                    None => {
                        return Verdict::Failed {
                            index,
                            status: INVALID_COMMAND,
                        };
                    }
                },
            };
            match execute(work, memory) {
                Ok(Run::Done) if cores > 0 => {
                    log::warn!(
                        "a command needs {cores} cores, and nothing here executes cores: firmware error"
                    );
                    return Verdict::Failed {
                        index,
                        status: APPLICATION_ERROR,
                    };
                }
                Ok(Run::Done) => {}
                Ok(Run::Endless(operation)) => return hang(index, Kmd::health(operation)),
                Err(status) => return Verdict::Failed { index, status },
            }
        }
        match fault {
            Some(CommandFault::Slow(ns)) => Verdict::Done(ns),
            _ => Verdict::Done(0),
        }
    }

    /// Reads the image of a compute unit.
    pub fn load(&self, image: &[u8]) -> Option<Pdi> {
        pdi::parse(image)
            .map_err(|e| log::info!("firmware refuses a PDI: {e}"))
            .ok()
    }
}

/// Runs the control code of one command. A place the device cannot reach is waited for without end: the IOMMU
/// serves no faults.
fn execute(work: &Work, memory: &dyn DeviceMemory) -> Result<Run, u32> {
    let word = |i: usize| work.payload.get(i).copied().map(u64::from).unwrap_or_default();
    let long = |i: usize| word(i) | word(i + 1) << 32;
    let (address, bytes, arguments) = match work.opcode {
        opcode::START_CU if word(0) == TRANSACTION && work.payload.len() >= 5 => {
            (long(2), 4 * word(4), Some(5))
        }
        // Other register maps belong to other kernels: what they mean is not known here.
        opcode::START_CU => return Ok(Run::Done),
        opcode::START_NPU => (long(0), word(2), None),
        _ => (long(0), word(6), None),
    };
    let mut code = vec![0; bytes.min(CODE_MAX) as usize];
    if memory.read(address, &mut code).is_err() {
        return Ok(Run::Endless(u32::MAX));
    }
    let control = control::run(&code).map_err(|e| {
        log::info!("firmware refuses control code: {e}");
        INVALID_INSTRUCTION
    })?;
    if let (Some(first), Run::Done) = (arguments, control.run) {
        for patch in &control.patches {
            let argument = long(first + 2 * patch.argument.min(0xffff) as usize);
            let target = argument.wrapping_add(patch.offset);
            if memory.read(target, &mut [0]).is_err() {
                return Ok(Run::Endless(patch.operation));
            }
        }
    }
    Ok(control.run)
}

/// The firmware's version as `fw_version` shows it.
pub fn version(profile: &Profile) -> [u32; 4] {
    match profile.device {
        Device::Npu1 => [1, 5, 2, 380],
        _ => [1, 0, 0, 100 + profile.protocol.minor],
    }
}
