//! What can be wrong with a manifest.

use super::SCHEMA;

/// Why a manifest is not to be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// It is no TOML, lacks a field, or has one that is not known.
    #[error("{0}")]
    Syntax(String),
    /// It is of another version.
    #[error("schema {found:?}, not {SCHEMA:?}")]
    Schema {
        /// Its version.
        found: String,
    },
    /// A field is none of those there are, or does not go with another.
    #[error("{place}: {what} is {found}, not {expected}")]
    Field {
        /// The overlay, the run, or its buffer.
        place: String,
        /// The field.
        what: &'static str,
        /// What it says.
        found: String,
        /// What would do.
        expected: String,
    },
    /// A file is not the one that it describes.
    #[error("{file}: the SHA-256 is {found}, the manifest describes {expected}")]
    OtherFile {
        /// The file.
        file: String,
        /// SHA-256 of the file.
        found: String,
        /// SHA-256 of what is described.
        expected: String,
    },
}
