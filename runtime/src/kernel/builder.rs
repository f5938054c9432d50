//! From an overlay and control code to a kernel.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::code::Code;
use super::signature::{BufferUse, Signature};
use super::{Fingerprint, Inner, Kernel, SelfTest, Trust};
use crate::error::{Error, Problem};
#[cfg(feature = "manifest")]
use crate::manifest::{Manifest, Run};
use crate::overlay::Overlay;
use crate::runtime::Runtime;

/// The opcode that runs control code of the open tools.
const OPEN: u64 = 3;
/// The opcode of older vendor kernels, which take addresses as the array sees them.
pub(super) const VENDOR: u64 = 2;
/// Where the array sees memory; firmware adds it for other opcodes.
pub(super) const ARRAY_SEES: u64 = 0x8000_0000;

/// What a kernel is made of.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct KernelBuilder<'a> {
    overlay: &'a Overlay,
    code: &'a [u8],
    name: Option<&'a str>,
    buffers: &'a [BufferUse],
    opcode: u64,
    test: Option<&'a SelfTest<'a>>,
    #[cfg(feature = "manifest")]
    manifest: Option<(&'a Manifest, &'a Run)>,
}

impl<'a> KernelBuilder<'a> {
    /// The only kernel of `overlay`, run by `code` (bytes, or text of hexadecimal words); what it takes is what its table
    /// in the xclbin and its control code say.
    pub fn new(overlay: &'a Overlay, code: &'a [u8]) -> Self {
        Self {
            overlay,
            code,
            name: None,
            buffers: &[],
            opcode: OPEN,
            test: None,
            #[cfg(feature = "manifest")]
            manifest: None,
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

    /// Another opcode than 3, which runs control code of the open tools. With 2, that of older vendor kernels, addresses
    /// are passed as the array sees them.
    pub fn opcode(self, opcode: u64) -> Self {
        Self { opcode, ..self }
    }

    /// Compares it with a reference when it is built for the first time in this runtime: on a mismatch it is refused, then
    /// and every other time.
    pub fn tested_by(self, test: &'a SelfTest<'a>) -> Self {
        Self {
            test: Some(test),
            ..self
        }
    }

    /// A run of a manifest: its kernel, opcode and buffers, and what the overlay must be.
    #[cfg(feature = "manifest")]
    pub fn manifest(self, manifest: &'a Manifest, run: &'a Run) -> Self {
        Self {
            manifest: Some((manifest, run)),
            name: Some(&manifest.kernel),
            opcode: manifest.opcode.into(),
            ..self
        }
    }

    /// Copies the control code to device memory.
    ///
    /// # Errors
    /// [`Error::NoKernel`], [`Error::NotForControlCode`], [`Error::OtherGeneration`], [`Error::CodeTooWide`],
    /// [`Error::NoSuchBuffer`], [`Error::Argument`] (more buffers described than the kernel takes), a manifest that
    /// describes something else, or no memory; [`Error::Untrusted`], and what a run runs into, if it is tested.
    pub fn build(self, runtime: &Runtime) -> Result<Kernel, Error> {
        let overlay = self.overlay;
        let (unit, described) = overlay.unit(self.name)?;
        let code = Code::read(self.code, runtime.device().generation(), overlay.columns())?;
        let name = described.kernel.clone();
        let mut signature = Signature::new(&described.arguments);
        if let Some(what) = signature.lacks() {
            return Err(Error::NotForControlCode {
                kernel: name,
                what,
                known: described.arguments.iter().map(|a| a.name.clone()).collect(),
            });
        }
        let mut hasher = DefaultHasher::new();
        (&code.bytes, self.opcode, &described.instance).hash(&mut hasher);
        let fingerprint = Fingerprint {
            overlay: overlay.identity(),
            code: hasher.finish(),
        };
        let mut label = format!("{name} {}-{:08x}", overlay.identity(), fingerprint.code as u32);
        let mut buffers = self.buffers;
        #[cfg(feature = "manifest")]
        let uses;
        #[cfg(feature = "manifest")]
        if let Some((manifest, run)) = self.manifest {
            manifest.check(run, self.code, runtime.device(), overlay, &signature)?;
            uses = run.uses();
            buffers = &uses;
            label = format!("{}/{}", manifest.name, run.name);
        }
        if let Err(most) = signature.describe(buffers) {
            return Err(Error::Argument {
                kernel: name,
                index: most,
                name: String::new(),
                problem: Problem::Count {
                    given: buffers.len(),
                    least: 0,
                    most,
                },
            });
        }
        let takes = signature.takes();
        if code.buffers > takes as u64 {
            return Err(Error::NoSuchBuffer {
                kernel: name,
                argument: code.buffers - 1,
                takes,
            });
        }
        signature.touch(&code.extents);
        let bo = runtime.with_room(|| Ok(runtime.device().create_dev_bo(code.bytes.len())?))?;
        bo.write(0, &code.bytes)?;
        let mut inner = Inner {
            runtime: runtime.clone(),
            meter: runtime.meter(&label),
            name,
            label,
            trust: Trust::NoReference,
            overlay: overlay.clone(),
            unit,
            code: bo,
            words: code.bytes.len() as u32 / 4,
            opcode: self.opcode,
            signature,
        };
        let Some(test) = self.test else {
            log::info!("kernel {}: no reference to test it with", inner.label);
            return Ok(Kernel(Arc::new(inner)));
        };
        inner.trust = Trust::Tested;
        let kernel = Kernel(Arc::new(inner));
        runtime.verdicts().ask(fingerprint, &kernel, test)?;
        Ok(kernel)
    }
}
