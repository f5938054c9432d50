//! The firmware: contexts, and commands that complete, fail or hang.
//!
//! Each context has the array of its columns; the image of a command's compute unit configures it, and the control code
//! runs on it and moves the bytes. An enabled core ends a command in a firmware error, since core programs do not
//! execute, unless a closure stands in for it; what waits without end hangs, and the log says who waits for whom.

mod execute;
mod inspect;
mod pdi;
mod run;

use std::cell::{Cell, RefCell, RefMut};

use nix::errno::Errno;
use xdna_uapi::ert::HealthRecord;

use crate::array::{Program, Shape, TileId};
use crate::kmd::{ClientId, Given};
use crate::profile::{Device, Profile};

/// Firmware status: the first application error.
const APPLICATION_ERROR: u32 = 0x300_0001;
/// Firmware status: invalid instruction.
const INVALID_INSTRUCTION: u32 = 0x300_0002;
/// Firmware status for a command that names a compute unit nobody configured.
const INVALID_COMMAND: u32 = 0x400_0002;

use execute::Partition;
pub use inspect::Spot;
pub use pdi::Pdi;
pub use run::{Command, Run};

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

#[derive(Debug, Default)]
struct Slot {
    handle: u32,
    /// Made when the first command comes.
    partition: RefCell<Option<Partition>>,
}

/// The firmware of one device.
#[derive(Debug)]
pub struct Firmware {
    slots: Vec<Option<Slot>>,
    shape: Shape,
    cores: Vec<(TileId, Program)>,
    limit: u64,
    /// The context that ran last: its columns are the ones that are loaded.
    last: Cell<usize>,
}

impl Firmware {
    /// Freshly booted; closures stand in for the programs of these cores of every context.
    /// An operation of control code that waits longer than `limit` cycles is taken for endless.
    pub fn new(device: Device, cores: Vec<(TileId, Program)>, limit: u64) -> Self {
        Self {
            slots: (0..device.context_limit()).map(|_| None).collect(),
            shape: match device {
                Device::Npu1 => Shape::npu1(),
                _ => Shape::npu4(),
            },
            cores,
            limit,
            last: Cell::default(),
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
        self.slots[index] = Some(Slot::default());
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
        let handle = |s: &Option<Slot>| s.as_ref().map_or(0, |s| s.handle);
        self.slots.iter().map(handle).collect()
    }

    /// The array of a context, made when it is first asked for.
    fn partition(&self, context: usize, columns: Given) -> Option<RefMut<'_, Partition>> {
        let shape = self.shape.partition(columns.start as u8, columns.width as u8)?;
        let slot = self.slots.get(context)?.as_ref()?;
        let made = RefMut::map(slot.partition.borrow_mut(), |partition| {
            partition.get_or_insert_with(|| Partition::new(shape, &self.cores, self.limit))
        });
        Some(made)
    }

    /// Reads the image of a compute unit.
    pub fn load(&self, image: &[u8]) -> Option<Pdi> {
        pdi::parse(image)
            .map_err(|e| log::info!("firmware refuses a PDI: {e}"))
            .ok()
    }
}

/// The firmware's version as `fw_version` shows it.
pub fn version(profile: &Profile) -> [u32; 4] {
    match profile.device {
        Device::Npu1 => [1, 5, 2, 380],
        _ => [1, 0, 0, 100 + profile.protocol.minor],
    }
}
