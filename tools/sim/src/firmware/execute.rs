//! One command on the array of its context.

use std::rc::Rc;

use xdna_runtime::formats::cdo::Command as Configure;
use xdna_uapi::ert::opcode;

use super::{APPLICATION_ERROR, DeviceMemory, INVALID_INSTRUCTION, Pdi};
use crate::array::{
    Arguments, Array, HostMemory, Program, RunError, Shape, Stop, TileId, Timing, Unmapped, Window,
};
use crate::kmd::Work;

/// The first register-map word of "run a transaction".
const TRANSACTION: u64 = 3;
/// Longest control code that is read.
const CODE_MAX: u64 = 64 << 20;
/// Words of a register map before its first buffer: opcode, instructions and their number.
const BEFORE_BUFFERS: usize = 5;
/// Buffers whose addresses are read; what no packet named counts as zero.
const BUFFERS: usize = 16;

/// How a command ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With this status.
    Failed(u32),
    /// It waits in this operation for what never comes; all ones before the first.
    Endless(u32),
}

/// The array of a context, and what configured it.
#[derive(Debug)]
pub struct Partition {
    pub(super) array: Array,
    loaded: Option<Rc<[Configure]>>,
    /// Cycles of control code that ended, since they were asked for.
    cycles: Option<u64>,
}

impl Partition {
    /// As power-on leaves the columns; closures stand in for core programs.
    pub fn new(shape: Shape, cores: &[(TileId, Program)]) -> Self {
        let mut array = Array::new(shape, Timing::default());
        for (tile, program) in cores {
            if !array.stand_in(*tile, program.clone()) {
                log::debug!("no core at {tile} in a partition of {} columns", shape.columns);
            }
        }
        Self {
            array,
            loaded: None,
            cycles: None,
        }
    }

    /// Cycles that control code took since this was asked last: an estimate.
    pub fn take_cycles(&mut self) -> Option<u64> {
        self.cycles.take()
    }

    /// Configures the array unless `pdi` did so last.
    fn configure(&mut self, pdi: &Pdi) -> Result<(), End> {
        if self.loaded.as_ref().is_some_and(|l| Rc::ptr_eq(l, &pdi.commands)) {
            return Ok(());
        }
        self.array.reset();
        self.loaded = Some(pdi.commands.clone());
        self.array.configure(&pdi.commands).map_err(|stop| {
            log::warn!("the configuration of the array fails: {stop}");
            self.loaded = None;
            End::Failed(APPLICATION_ERROR)
        })
    }

    /// Runs a command, after the configuration of its compute unit if it has one.
    pub fn run(&mut self, work: &Work, pdi: Option<&Pdi>, memory: &dyn DeviceMemory) -> Result<(), End> {
        if let Some(pdi) = pdi {
            self.configure(pdi)?;
        }
        let ended = self.control(work, memory);
        if ended.is_err() {
            // Whatever is left of it must not reach the next command.
            self.loaded = None;
        }
        ended
    }

    fn control(&mut self, work: &Work, memory: &dyn DeviceMemory) -> Result<(), End> {
        let word = |i: usize| work.payload.get(i).copied().map(u64::from).unwrap_or_default();
        let long = |i: usize| word(i) | word(i + 1) << 32;
        // Where the code is, its bytes, and whether it names buffers by number.
        let (address, bytes, by_number) = match work.opcode {
            opcode::START_CU if word(0) == TRANSACTION && work.payload.len() >= BEFORE_BUFFERS => {
                (long(2), 4 * word(4), true)
            }
            // Other register maps belong to other kernels: what they mean is not known here.
            opcode::START_CU => return self.needs_no_core(),
            opcode::START_NPU => (long(0), word(2), false),
            _ => (long(0), word(6), false),
        };
        let mut code = vec![0; bytes.min(CODE_MAX) as usize];
        if memory.read(address, &mut code).is_err() {
            return Err(End::Endless(u32::MAX));
        }
        let buffers: Vec<u64> = (0..BUFFERS).map(|i| long(BEFORE_BUFFERS + 2 * i)).collect();
        let arguments = if by_number {
            Arguments::Host(&buffers)
        } else {
            Arguments::Written
        };
        let mut host = Host(memory);
        let mut window = Window::new(&mut host);
        match self.array.run(&code, arguments, &mut window) {
            Ok(cycles) => {
                *self.cycles.get_or_insert(0) += cycles;
                self.needs_no_core()
            }
            Err(e) => Err(self.end(e)),
        }
    }

    /// Fails if a core is enabled that nothing stands in for.
    fn needs_no_core(&self) -> Result<(), End> {
        match self.array.core_without_program() {
            None => Ok(()),
            Some(tile) => {
                log::warn!("the command fails: {}", Stop::CoreProgram(tile));
                Err(End::Failed(APPLICATION_ERROR))
            }
        }
    }

    fn end(&self, error: RunError) -> End {
        let interrupted = match error {
            RunError::Damaged(e) => {
                log::warn!("the command fails: firmware refuses its control code: {e}");
                return End::Failed(INVALID_INSTRUCTION);
            }
            RunError::Interrupted(interrupted) => interrupted,
        };
        match &interrupted.stop {
            Stop::CoreProgram(_) | Stop::Access(_) => {
                log::warn!("the command fails: {interrupted}");
                End::Failed(APPLICATION_ERROR)
            }
            Stop::Control(_) => {
                log::warn!("the command fails: {interrupted}");
                End::Failed(INVALID_INSTRUCTION)
            }
            // The IOMMU serves no faults: what is not there is waited for.
            Stop::Deadlock { .. } | Stop::Endless(_) | Stop::Host(_) => {
                log::warn!("the command hangs: {interrupted}");
                End::Endless(interrupted.operation)
            }
        }
    }
}

/// Host memory as a shim's DMA reaches it.
struct Host<'a>(&'a dyn DeviceMemory);

impl HostMemory for Host<'_> {
    fn read(&mut self, address: u64, into: &mut [u8]) -> Result<(), Unmapped> {
        self.0.read(address, into).map_err(|_| Unmapped(address))
    }

    fn write(&mut self, address: u64, from: &[u8]) -> Result<(), Unmapped> {
        self.0.write(address, from).map_err(|_| Unmapped(address))
    }
}
