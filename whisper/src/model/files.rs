//! Small files beside the weights.
use std::{fs, io, path::Path};

use serde::de::DeserializeOwned;

use super::{FormatError, ModelError};

pub(super) fn read(path: &Path) -> Result<Vec<u8>, ModelError> {
    fs::read(path).map_err(|source| ModelError::Io {
        path: path.to_owned(),
        source,
    })
}

pub(super) fn json<T: DeserializeOwned>(path: &Path) -> Result<T, ModelError> {
    serde_json::from_slice(&read(path)?).map_err(|e| format_error(path, FormatError::Json(e)))
}

/// `None` where the file is not there.
pub(super) fn optional<T>(read: Result<T, ModelError>) -> Result<Option<T>, ModelError> {
    match read {
        Err(ModelError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

pub(super) fn format_error(path: &Path, source: FormatError) -> ModelError {
    ModelError::Format {
        origin: path.display().to_string(),
        source,
    }
}
