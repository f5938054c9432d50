use std::{io, path::PathBuf};

use crate::{audio::AudioError, model::ModelError, tokenizer::TokenizerError};

/// Why there is no transcript.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The sound cannot be read.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// The model cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The tokenizer does not fit the model or the language.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// An operator backend refused.
    #[error(transparent)]
    Ops(#[from] xdna_ops::Error),
    /// An option that this model or this combination cannot honour.
    #[error("{0}")]
    Option(String),
    /// A file could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
}
