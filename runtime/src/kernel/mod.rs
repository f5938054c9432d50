//! Kernels: an overlay, control code for it, and what it takes.

mod bind;
mod chain;
mod code;
mod prepared;
mod selftest;
mod sequence;
mod signature;

use std::sync::Arc;
use std::time::Instant;

use xdna_driver::{Bo, Command, CuIndex};

pub use bind::Arg;
pub use chain::Chain;
pub use prepared::Prepared;
pub use selftest::{Differs, Finding, Reference, SelfTest};
pub use sequence::Sequence;
pub use signature::{BufferUse, Direction, Parameter, ParameterKind};

use crate::error::{Error, Problem};
use crate::overlay::Overlay;
use crate::runtime::Runtime;
use crate::stats::{KernelStats, Meter};
use code::Code;
use signature::Signature;

/// The opcode that runs control code of the open tools.
const RUN: u64 = 3;

/// Something the NPU can run: a kernel of an xclbin with one control code. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Kernel(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub runtime: Runtime,
    pub name: String,
    pub overlay: Overlay,
    pub meter: Arc<Meter>,
    unit: CuIndex,
    code: Arc<Bo>,
    words: u32,
    signature: Signature,
}

/// What a kernel is made of.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct KernelBuilder<'a> {
    overlay: &'a Overlay,
    code: &'a [u8],
    name: Option<&'a str>,
    buffers: &'a [BufferUse],
}

impl<'a> KernelBuilder<'a> {
    /// The only kernel of `overlay`, run by `code` (bytes, or text of hexadecimal words); what it takes is what its table
    /// in the xclbin says.
    pub fn new(overlay: &'a Overlay, code: &'a [u8]) -> Self {
        Self {
            overlay,
            code,
            name: None,
            buffers: &[],
        }
    }

    /// Another kernel: `KERNEL`, or `KERNEL:INSTANCE`.
    pub fn name(self, name: &'a str) -> Self {
        Self {
            name: Some(name),
            ..self
        }
    }

    /// What is known about its buffers beyond the table, in the table's order.
    pub fn buffers(self, buffers: &'a [BufferUse]) -> Self {
        Self { buffers, ..self }
    }

    /// Copies the control code to device memory.
    ///
    /// # Errors
    /// [`Error::NoKernel`], [`Error::ControlCode`], [`Error::Argument`] (more buffers described than the kernel
    /// takes), or no memory.
    pub fn build(self, runtime: &Runtime) -> Result<Kernel, Error> {
        let Self {
            overlay,
            code,
            name,
            buffers,
        } = self;
        let (unit, described) = overlay.unit(name)?;
        let code = Code::read(code, runtime.device().generation(), overlay.columns())?;
        let name = described.kernel.clone();
        let mut signature = Signature::new(&described.arguments);
        if let Err(index) = signature.describe(buffers) {
            return Err(Error::Argument {
                kernel: name,
                index,
                name: String::new(),
                problem: Problem::Count {
                    given: buffers.len(),
                    wanted: index,
                },
            });
        }
        signature.buffers = code.buffers;
        let bo = runtime.device().create_dev_bo(code.bytes.len())?;
        bo.write(0, &code.bytes)?;
        Ok(Kernel(Arc::new(Inner {
            runtime: runtime.clone(),
            meter: runtime.meter(&name),
            name,
            overlay: overlay.clone(),
            unit,
            code: bo,
            words: code.bytes.len() as u32 / 4,
            signature,
        })))
    }
}

impl Kernel {
    /// Its name in the xclbin.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What a caller gives, in order.
    pub fn parameters(&self) -> &[Parameter] {
        &self.0.signature.parameters
    }

    /// Its overlay.
    pub fn overlay(&self) -> &Overlay {
        &self.0.overlay
    }

    /// Runs it once and waits for its end.
    ///
    /// # Errors
    /// [`Error::Argument`] before anything is submitted; [`Error::Failed`], [`Error::Late`], [`Error::ContextsTaken`].
    pub fn run(&self, args: &[Arg<'_>], deadline: Instant) -> Result<(), Error> {
        self.prepare(args)?.run(deadline)
    }

    /// Binds arguments once, for many runs.
    ///
    /// # Errors
    /// [`Error::Argument`], or no memory for the command.
    pub fn prepare(&self, args: &[Arg<'_>]) -> Result<Prepared, Error> {
        Ok(Prepared::new(self.clone(), self.command(args)?))
    }

    /// What has been run of all kernels of this name.
    pub fn stats(&self) -> KernelStats {
        self.0.meter.snapshot()
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    /// Checks and binds arguments.
    pub(crate) fn command(&self, args: &[Arg<'_>]) -> Result<Command, Error> {
        let Inner {
            name,
            signature,
            code,
            words,
            ..
        } = &*self.0;
        bind::check(name, signature, args)?;
        let mut command = Command::start_cu(self.0.runtime.device(), self.0.unit);
        if let Some(at) = signature.opcode {
            command = command.set_u64(at as usize, RUN);
        }
        if let Some(at) = signature.code {
            command = command.set_addr(at as usize, code, 0);
        }
        if let Some(at) = signature.words {
            command = command.set_u32(at as usize, *words);
        }
        Ok(bind::put(command, signature, args).build()?)
    }
}
