use std::{io, path::PathBuf};

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A file could not be opened or read.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A tensor that the dimensions call for is not in the file.
    #[error("tensor {name} {expected:?} is missing")]
    Missing {
        /// Name in openai-whisper's terms.
        name: String,
        /// Shape it should have.
        expected: Vec<usize>,
    },
    /// A tensor has another shape than the dimensions call for.
    #[error("tensor {name} has shape {found:?}, expected {expected:?}")]
    Shape {
        /// Name in openai-whisper's terms.
        name: String,
        /// Shape it should have.
        expected: Vec<usize>,
        /// Shape in the file.
        found: Vec<usize>,
    },
    /// A tensor's storage does not fit its shape.
    #[error("tensor {name}: {source}")]
    Storage {
        /// Name in openai-whisper's terms.
        name: String,
        /// What does not fit.
        source: xdna_ops::Error,
    },
}
