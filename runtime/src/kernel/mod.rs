//! Kernels: an overlay, control code for it, and what it takes.

mod bind;
mod builder;
mod chain;
mod code;
mod extent;
mod link;
mod prepared;
mod resend;
mod selftest;
mod sequence;
mod signature;
mod trust;

use std::sync::Arc;
use std::time::Instant;

use xdna_driver::{Bo, Command, CuIndex};

pub use bind::Arg;
pub use builder::KernelBuilder;
pub use chain::Chain;
pub(crate) use link::{Landing, Link, Underway, is_full};
pub use prepared::Prepared;
pub(crate) use resend::Resend;
pub use selftest::{Finding, SelfTest};
pub use sequence::Sequence;
pub(crate) use signature::Signature;
pub use signature::{BufferUse, Direction, Elements, Parameter, ParameterKind};
pub use trust::Trust;
pub(crate) use trust::{Fingerprint, Verdicts};

use crate::error::Error;
use crate::overlay::Overlay;
use crate::runtime::Runtime;
use crate::stats::{Meter, RunStats};

/// Something the NPU can run: a kernel of an xclbin with one control code. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Kernel(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub runtime: Runtime,
    pub name: String,
    pub overlay: Overlay,
    pub meter: Arc<Meter>,
    label: String,
    trust: Trust,
    unit: CuIndex,
    code: Arc<Bo>,
    words: u32,
    opcode: u64,
    signature: Signature,
}

impl Kernel {
    /// Its name in the xclbin.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What its counters are found under: the manifest's name and its run's, or the kernel's name and what tells its files
    /// from others.
    pub fn label(&self) -> &str {
        &self.0.label
    }

    /// Whether it was compared with a reference.
    pub fn trust(&self) -> Trust {
        self.0.trust
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
        Ok(Prepared::new(self.clone(), self.command(args)?, args))
    }

    /// A chain in the context of this kernel, still without commands, which must end before `deadline`.
    pub fn chain(&self, deadline: Instant) -> Chain<'_> {
        Chain::new(&self.0.runtime, &self.0.overlay, deadline)
    }

    /// What has been run of this kernel: the same overlay with the same control code.
    pub fn stats(&self) -> RunStats {
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
            opcode,
            ..
        } = &*self.0;
        bind::check(name, signature, args)?;
        let mut command = Command::start_cu(self.0.runtime.device(), self.0.unit);
        if let Some(at) = signature.opcode {
            command = command.set_u64(at as usize, *opcode);
        }
        if let Some(at) = signature.code {
            command = command.set_addr(at as usize, code, 0);
        }
        if let Some(at) = signature.words {
            command = command.set_u32(at as usize, *words);
        }
        let bias = if *opcode == builder::VENDOR {
            builder::ARRAY_SEES
        } else {
            0
        };
        Ok(bind::put(command, signature, args, bias).build()?)
    }
}
