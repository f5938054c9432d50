//! One command on the array of its context.

use std::rc::Rc;

use xdna_runtime::formats::cdo::Command as Configure;
use xdna_uapi::ert::opcode;

use super::{APPLICATION_ERROR, DeviceMemory, INVALID_INSTRUCTION, Pdi};
use crate::array::{
    Arguments, Array, Execution, HostMemory, Interrupted, Program, Shape, Stop, TileId, Timing, Unmapped,
    Window,
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
    /// The control code of the command that runs.
    running: Option<Execution>,
    /// Control code that ended too early was pointed out.
    warned: bool,
}

impl Partition {
    /// As power-on leaves the columns; closures stand in for core programs. An operation that waits longer than
    /// `limit` cycles is taken for endless.
    pub fn new(shape: Shape, cores: &[(TileId, Program)], limit: u64) -> Self {
        let timing = Timing {
            limit,
            ..Timing::default()
        };
        let mut array = Array::new(shape, timing);
        for (tile, program) in cores {
            if !array.stand_in(*tile, program.clone()) {
                log::debug!("no core at {tile} in a partition of {} columns", shape.columns);
            }
        }
        Self {
            array,
            loaded: None,
            running: None,
            warned: false,
        }
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
            End::Failed(APPLICATION_ERROR)
        })
    }

    /// Goes on with a command, or begins it after the configuration of its compute unit if it has one. Returns the
    /// cycles it took if it came to its end, before `steps` cycles in which something happens were used up.
    pub fn proceed(
        &mut self,
        work: &Work,
        pdi: Option<&Pdi>,
        memory: &dyn DeviceMemory,
        steps: &mut u64,
    ) -> Result<Option<u64>, End> {
        let begun = match self.running.take() {
            Some(running) => Ok(Some(running)),
            None => pdi
                .map_or(Ok(()), |p| self.configure(p))
                .and_then(|()| self.begin(work, memory)),
        };
        let ended = begun.and_then(|execution| match execution {
            None => Ok(Some(0)),
            Some(execution) => self.control(execution, work, memory, steps),
        });
        let ended = ended.and_then(|ended| {
            if ended.is_some() {
                self.needs_no_core()?;
            }
            Ok(ended)
        });
        if ended.is_err() {
            // Whatever is left of it must not reach the next command.
            self.loaded = None;
        }
        ended
    }

    /// Reads the control code of a command that has one that is understood.
    fn begin(&self, work: &Work, memory: &dyn DeviceMemory) -> Result<Option<Execution>, End> {
        let Some(code) = ControlCode::of(work) else {
            return Ok(None);
        };
        let mut bytes = vec![0; code.bytes.min(CODE_MAX) as usize];
        if memory.read(code.address, &mut bytes).is_err() {
            return Err(End::Endless(u32::MAX));
        }
        let begun = self.array.begin(&bytes).map_err(|e| {
            log::warn!("the command fails: firmware refuses its control code: {e}");
            End::Failed(INVALID_INSTRUCTION)
        });
        begun.map(Some)
    }

    fn control(
        &mut self,
        mut execution: Execution,
        work: &Work,
        memory: &dyn DeviceMemory,
        steps: &mut u64,
    ) -> Result<Option<u64>, End> {
        let buffers: Vec<u64> = (0..BUFFERS)
            .map(|i| long(&work.payload, BEFORE_BUFFERS + 2 * i))
            .collect();
        let arguments = match work.opcode {
            opcode::START_CU => Arguments::Host(&buffers),
            _ => Arguments::Written,
        };
        let mut host = Host(memory);
        let mut window = Window::new(&mut host);
        let ended = self.array.resume(&mut execution, arguments, &mut window, steps);
        let ended = ended.map_err(|e| end(&e))?;
        match ended {
            None => self.running = Some(execution),
            Some(_) => self.check_end(),
        }
        Ok(ended)
    }

    /// Warns, once, of what the host does not wait for: firmware reports a command done at the end of its control code
    /// (npu-formats, section 12.5).
    fn check_end(&mut self) {
        let left: Vec<String> = self.array.unfinished().map(|c| c.to_string()).collect();
        if !left.is_empty() && !self.warned {
            self.warned = true;
            log::warn!(
                "a command ended with {} at work, which its control code does not wait for: what the host reads now may be \
                 old",
                left.join(", ")
            );
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
}

/// How a command ends whose control code does not.
fn end(interrupted: &Interrupted) -> End {
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
        Stop::Deadlock { .. } | Stop::Endless { .. } | Stop::Host(_) => {
            log::warn!("the command hangs: {interrupted}");
            End::Endless(interrupted.operation)
        }
    }
}

/// Where the control code of a command is.
struct ControlCode {
    address: u64,
    bytes: u64,
}

impl ControlCode {
    /// `None` for a register map of another kernel: what it means is not known here.
    fn of(work: &Work) -> Option<Self> {
        let payload = &work.payload;
        let word = |i: usize| payload.get(i).copied().map_or(0, u64::from);
        let (address, bytes) = match work.opcode {
            opcode::START_CU if word(0) == TRANSACTION && payload.len() >= BEFORE_BUFFERS => {
                (long(payload, 2), 4 * word(4))
            }
            opcode::START_CU => return None,
            opcode::START_NPU => (long(payload, 0), word(2)),
            _ => (long(payload, 0), word(6)),
        };
        Some(Self { address, bytes })
    }
}

/// Two words of a payload, or zeros.
fn long(payload: &[u32], at: usize) -> u64 {
    let word = |i: usize| payload.get(i).copied().map_or(0, u64::from);
    word(at) | word(at + 1) << 32
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
