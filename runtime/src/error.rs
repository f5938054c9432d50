//! What can go wrong between a kernel file and a result.

use std::fmt;
use std::io;
use std::path::PathBuf;

use xdna_driver::{Generation, Outcome};

use crate::formats::FormatError;
use crate::kernel::Finding;

/// Any failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The driver refused, or the device is gone.
    #[error(transparent)]
    Driver(#[from] xdna_driver::Error),
    /// A kernel file can't be read.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A file can't be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The xclbin has no such kernel.
    #[error("the xclbin has no kernel {name:?}; it has {}", known.join(", "))]
    NoKernel {
        /// The name asked for.
        name: String,
        /// The names it has.
        known: Vec<String>,
    },
    /// None of the xclbin's kernels has a PDI.
    #[error("none of the xclbin's kernels has a PDI: there is nothing to load")]
    NothingToLoad,
    /// A kernel's table names no arguments for control code, so that there is no telling where it would go.
    #[error("kernel {kernel} has no argument for {what} of control code (it has {}): how it is called is not known", known.join(", "))]
    NotForControlCode {
        /// The kernel.
        kernel: String,
        /// What is missing.
        what: &'static str,
        /// The arguments there are.
        known: Vec<String>,
    },
    /// The overlay does not fit the device.
    #[error("the overlay needs {columns} columns, the device has {available}")]
    TooWide {
        /// Columns of the overlay.
        columns: u16,
        /// Columns of the device.
        available: u16,
    },
    /// The control code was made for another generation.
    #[error("control code for {}, and this NPU is {}", generation(*made_for), generation(*device))]
    OtherGeneration {
        /// The generation it was made for.
        made_for: Generation,
        /// That of the device.
        device: Generation,
    },
    /// The control code was made for a wider overlay.
    #[error("control code for an overlay of {needed} columns, and that of the xclbin has {columns}")]
    CodeTooWide {
        /// Columns the code needs.
        needed: u16,
        /// Columns of the overlay.
        columns: u16,
    },
    /// The control code names more buffers than the kernel takes.
    #[error("control code: it names buffer {argument}, kernel {kernel} takes {takes}, from 0 on")]
    NoSuchBuffer {
        /// The kernel.
        kernel: String,
        /// The buffer named.
        argument: u64,
        /// Buffers that the kernel takes.
        takes: usize,
    },
    /// A manifest is not to be used.
    #[cfg(feature = "manifest")]
    #[error("manifest: {0}")]
    Manifest(#[from] crate::manifest::ManifestError),
    /// An argument can't be bound.
    #[error("kernel {kernel}, argument {index}{}: {problem}", named(name))]
    Argument {
        /// The kernel.
        kernel: String,
        /// Place among the arguments given, from 0 on.
        index: usize,
        /// Name in the kernel's table; empty where there is none.
        name: String,
        /// What is wrong.
        problem: Problem,
    },
    /// All hardware contexts are in use: those of the device, or those that this process may have.
    #[error("all {limit} hardware contexts are taken: {}", Holders(holders))]
    ContextsTaken {
        /// Contexts there are, or may be.
        limit: u32,
        /// Processes that have some, and how many.
        holders: Vec<Holder>,
    },
    /// A command ended without success.
    #[error("kernel {kernel}{}: {outcome}", at(*operator))]
    Failed {
        /// The kernel.
        kernel: String,
        /// Place among what was chained, from 0 on.
        operator: Option<usize>,
        /// How it ended.
        outcome: Outcome,
    },
    /// The deadline passed; the NPU may still be working.
    #[error("kernel {kernel}{}: no end before the deadline", at(*operator))]
    Late {
        /// The kernel.
        kernel: String,
        /// Place among what was chained, from 0 on.
        operator: Option<usize>,
    },
    /// An earlier operator of the chain has failed.
    #[error("an earlier operator of the chain has failed")]
    Broken,
    /// A kernel's self-test failed: it is not to be used.
    #[error("kernel {kernel} is not to be trusted: output {output}: {finding}")]
    Untrusted {
        /// The kernel.
        kernel: String,
        /// Name of the output.
        output: String,
        /// What was found.
        finding: Finding,
    },
    /// The target is the CPU, and an operator has no implementation there.
    #[error("{operator} has no implementation on the CPU")]
    NotOnCpu {
        /// The operator.
        operator: String,
    },
    /// An operator failed, and what it or one behind it reads has been written over: nothing can be run again.
    #[error("{operator} can't be run again after a failure, what it reads was overwritten: {failure}")]
    Overwritten {
        /// The operator.
        operator: String,
        /// What failed.
        #[source]
        failure: Box<Error>,
    },
    /// A graph had not ended at its deadline.
    #[error("the graph had not ended at its deadline")]
    GraphLate,
    /// A graph was stopped by its caller.
    #[error("cancelled")]
    Cancelled,
    /// There is no room for another graph.
    #[error("{limit} graphs are under way: there is no room for another")]
    Busy {
        /// Graphs that may be under way.
        limit: usize,
    },
    /// A range lies outside of a buffer.
    #[error("bytes {start}..{end} lie outside of a buffer of {len} bytes")]
    OutOfRange {
        /// First byte.
        start: usize,
        /// Byte behind the last.
        end: usize,
        /// Bytes of the buffer.
        len: usize,
    },
}

/// A generation, and the names that files and tools have for its devices.
fn generation(of: Generation) -> String {
    let devices = match of {
        Generation::Xdna1 => " (npu1)",
        Generation::Xdna2 => " (npu4, npu5, npu6)",
        _ => "",
    };
    format!("{of}{devices}")
}

/// Why an argument can't be bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// There are more or fewer arguments than the kernel takes.
    #[error("{given} given, the kernel takes {least} to {most} arguments")]
    Count {
        /// Given.
        given: usize,
        /// Taken at least: what the control code or a manifest names.
        least: usize,
        /// Taken at most.
        most: usize,
    },
    /// A number where a buffer belongs, or the other way round.
    #[error("a {wanted} is wanted")]
    Kind {
        /// Buffer or number.
        wanted: &'static str,
    },
    /// The number does not fit.
    #[error("{value:#x} does not fit into {bytes} bytes")]
    Value {
        /// The number.
        value: u64,
        /// Bytes of the argument.
        bytes: u32,
    },
    /// The buffer is smaller than what the kernel reads or writes.
    #[error("{given} bytes given, {wanted} wanted")]
    Size {
        /// Bytes of the buffer.
        given: usize,
        /// Bytes the kernel touches.
        wanted: usize,
    },
    /// The kernel writes what was given to be read, or the other way round.
    #[error("the kernel's argument is {wanted}")]
    Direction {
        /// The kernel's direction.
        wanted: &'static str,
    },
    /// Nobody has said how large it is.
    #[error("no manifest says how large it is")]
    NotDescribed,
    /// What the kernel writes overlaps with another argument.
    #[error("it overlaps with argument {other}, and one of them is written")]
    Aliased {
        /// The other argument.
        other: usize,
    },
    /// The device address does not suit the array's data movers.
    #[error("address {address:#x} is not a multiple of {align}")]
    Misaligned {
        /// Address.
        address: u64,
        /// Its alignment.
        align: u64,
    },
}

/// A process that has hardware contexts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Process id.
    pub pid: i64,
    /// Its name, where it can be read.
    pub name: Option<String>,
    /// Contexts it has.
    pub contexts: u32,
}

struct Holders<'a>(&'a [Holder]);

impl fmt::Display for Holders<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, holder) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            let name = holder.name.as_deref().unwrap_or("?");
            write!(
                f,
                "{comma}process {} ({name}) has {}",
                holder.pid, holder.contexts
            )?;
        }
        Ok(())
    }
}

fn named(name: &str) -> String {
    if name.is_empty() {
        String::new()
    } else {
        format!(" ({name})")
    }
}

fn at(operator: Option<usize>) -> String {
    operator.map_or_else(String::new, |i| format!(", operator {i} of the chain"))
}
