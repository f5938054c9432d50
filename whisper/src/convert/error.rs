use std::{io, path::PathBuf};

use xdna_ops::DType;

use crate::{model::ModelError, tokenizer::TokenizerError};

/// Why a model was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// The format has no such storage type.
    #[error("{format} cannot hold {dtype}, only {possible}")]
    Type {
        /// What was to be written.
        format: &'static str,
        /// Type asked for.
        dtype: DType,
        /// Types it holds.
        possible: &'static str,
    },
    /// The model cannot be stored so: its rows are no whole number of blocks, or a weight is missing.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The vocabulary is that of another kind of model.
    #[error(transparent)]
    Tokenizer(TokenizerError),
    /// Something is there already.
    #[error("{path} exists", path = path.display())]
    Exists {
        /// Where the model was to go.
        path: PathBuf,
    },
    /// Writing failed.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The caller's writer failed.
    #[error(transparent)]
    Write(#[from] io::Error),
}
