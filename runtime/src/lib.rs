//! From an NPU kernel file to a completed run.
//!
//! A [`Runtime`] has one NPU open. [`Runtime::overlay`] loads an xclbin, a [`KernelBuilder`] makes a [`Kernel`] of it and
//! one control code, [`Runtime::buffers`] hands out memory, and [`Kernel::run`] binds arguments, runs and waits.
//! [`Prepared`] runs the same again without allocating; [`Chain`] packs many runs into few commands. Hardware contexts are
//! created, shared, evicted and waited for behind all that ([`Contexts`]), and everything is counted
//! ([`Runtime::snapshot`]). [`schedule`] plans and runs graphs of operators on the NPU and the CPU. [`formats`] holds the readers
//! and writers of xclbin, PDI, CDO, control code and control ELF files. Nothing here knows of tensors or models.
//!
//! ```no_run
//! use std::time::{Duration, Instant};
//! use xdna_runtime::{Arg, KernelBuilder, Runtime};
//!
//! # fn main() -> Result<(), xdna_runtime::Error> {
//! # let (xclbin, instructions) = (vec![], vec![]);
//! let runtime = Runtime::open()?;
//! let overlay = runtime.overlay(&xclbin)?;
//! let kernel = KernelBuilder::new(&overlay, &instructions).build(&runtime)?;
//! let (input, output) = (runtime.buffers().get(4096)?, runtime.buffers().get(4096)?);
//! input.write(0, &[1; 4096])?;
//! let deadline = Instant::now() + Duration::from_secs(5);
//! kernel.run(&[Arg::In(&input), Arg::Out(&output)], deadline)?;
//! let mut result = [0; 4096];
//! output.read(0, &mut result)?;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod buffers;
mod contexts;
mod error;
pub mod formats;
mod kernel;
#[cfg(feature = "manifest")]
pub mod manifest;
mod overlay;
mod runtime;
pub mod schedule;
mod stats;

pub use buffers::{Buffer, BufferStats, Buffers};
pub use contexts::{ContextStats, ContextUse, Contexts, Lease};
pub use error::{Error, Holder, Problem};
pub use kernel::{
    Arg, BufferUse, Chain, Direction, Elements, Finding, Kernel, KernelBuilder, Parameter, ParameterKind,
    Prepared, SelfTest, Sequence, Trust,
};
pub use overlay::Overlay;
pub use runtime::{Runtime, Snapshot};
pub use stats::{LatencyHistogram, RunStats};
