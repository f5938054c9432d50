use crate::{DType, Isa};

/// Why a weight cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not as many as the shape and dtype need.
    #[error("{dtype} matrix of {rows} x {cols} needs {expected} bytes, found {found}")]
    Length {
        /// Storage type.
        dtype: DType,
        /// Rows (outputs).
        rows: usize,
        /// Columns (inputs).
        cols: usize,
        /// Bytes that shape and dtype need.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// Block formats store whole blocks a row.
    #[error("{dtype} stores blocks of {block} values, a row of {cols} is no multiple of that")]
    Block {
        /// Storage type.
        dtype: DType,
        /// Values a block.
        block: usize,
        /// Columns (inputs).
        cols: usize,
    },
    /// An int8 matrix needs one scale a row.
    #[error("int8 matrix of {rows} rows has {found} scales")]
    Scales {
        /// Rows (outputs).
        rows: usize,
        /// Scales given.
        found: usize,
    },
    /// The processor lacks an instruction set that was asked for.
    #[error("this processor has no {isa}")]
    Isa {
        /// Instruction set asked for.
        isa: Isa,
    },
    /// The thread pool could not be started.
    #[error("cannot start {threads} threads: {reason}")]
    Threads {
        /// Threads asked for.
        threads: usize,
        /// What the system said.
        reason: String,
    },
}
