use std::{io, path::PathBuf};

use crate::tokenizer::VocabularyError;

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
    /// No model is there, as far as the content tells.
    #[error("{path}: no Whisper model ({found}); a model is a Hugging Face or faster-whisper directory, a whisper.cpp file or a .pt file", path = path.display())]
    Unrecognised {
        /// Where one was looked for.
        path: PathBuf,
        /// What is there instead.
        found: String,
    },
    /// A PyTorch file that is no checkpoint of openai-whisper, or is not read by this build.
    #[error("{path}: no openai-whisper checkpoint: {reason}", path = path.display())]
    Pickle {
        /// The file.
        path: PathBuf,
        /// What it lacks.
        reason: String,
    },
    /// A file's structure is damaged, or of a kind we do not read.
    #[error("{origin}: {source}")]
    Format {
        /// The file.
        origin: String,
        /// What is wrong with it.
        source: FormatError,
    },
    /// A setting that a Whisper model does not have.
    #[error("{path}: {name} is {found}, expected {expected}", path = path.display())]
    Setting {
        /// The file.
        path: PathBuf,
        /// Name in the file.
        name: &'static str,
        /// Value in the file.
        found: String,
        /// Values we read.
        expected: String,
    },
    /// A dimension out of range.
    #[error("{name} is {found}, expected {expected}")]
    Dimension {
        /// Name in openai-whisper's terms.
        name: &'static str,
        /// Value in the file.
        found: usize,
        /// Values that make a model.
        expected: String,
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
    /// A tensor that a model of these dimensions does not have.
    #[error("tensor {name} {found:?} is not part of a model of these dimensions")]
    Unexpected {
        /// Name in the file.
        name: String,
        /// Shape in the file.
        found: Vec<usize>,
    },
    /// A weight is infinite or not a number.
    #[error("tensor {name} {shape:?} holds {value} at {index}")]
    NotFinite {
        /// Name in openai-whisper's terms.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// Position of the first such value (or of the block it scales), row-major.
        index: usize,
        /// The value.
        value: f32,
    },
    /// The tokenizer is of another model.
    #[error("the tokenizer has {found} ordinary tokens, {n_vocab} tokens in all call for {expected}")]
    Vocabulary {
        /// Ordinary tokens of the tokenizer.
        found: usize,
        /// Rows of the token embedding.
        n_vocab: usize,
        /// Ordinary tokens that go with them.
        expected: usize,
    },
    /// A tokenizer file cannot be used.
    #[error("{path}: {source}", path = path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: VocabularyError,
    },
    /// An alignment head that the decoder does not have.
    #[error("alignment head {head} of layer {layer}: the decoder has {layers} layers of {heads} heads")]
    AlignmentHead {
        /// Layer named.
        layer: usize,
        /// Head named.
        head: usize,
        /// Decoder layers.
        layers: usize,
        /// Heads a layer.
        heads: usize,
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

/// What is wrong with the structure of a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// Something ends beyond the end of the file.
    #[error("{what} ends at byte {end} of a file of {len} bytes")]
    Truncated {
        /// What was being read.
        what: String,
        /// Where it would end.
        end: u64,
        /// Length of the file.
        len: u64,
    },
    /// Bytes are left over.
    #[error("{what} ends at byte {end}, the file goes on to {len}")]
    Trailing {
        /// What was read last.
        what: String,
        /// Where it ends.
        end: u64,
        /// Length of the file.
        len: u64,
    },
    /// Two arrays overlap, or leave a gap between them.
    #[error("tensor {next} begins at {start}, {before} ends at {end}")]
    Gap {
        /// The array (or header) before.
        before: String,
        /// Where it ends.
        end: u64,
        /// The array after it.
        next: String,
        /// Where that begins.
        start: u64,
    },
    /// An array of a type we do not read.
    #[error("tensor {name} is stored as {found}")]
    DType {
        /// Name in the file.
        name: String,
        /// Type in the file.
        found: String,
    },
    /// An array is not as long as its shape needs.
    #[error("tensor {name}: {dtype} {shape:?} does not take {found} bytes")]
    Length {
        /// Name in the file.
        name: String,
        /// Shape in the file.
        shape: Vec<u64>,
        /// Type in the file.
        dtype: String,
        /// Bytes in the file.
        found: u64,
    },
    /// A name is given twice.
    #[error("{name} is there twice")]
    Twice {
        /// Name in the file.
        name: String,
    },
    /// A field has a value that the format does not have.
    #[error("{field} is {found}, expected {expected}")]
    Field {
        /// Name of the field.
        field: &'static str,
        /// Value in the file.
        found: String,
        /// Values we read.
        expected: &'static str,
    },
    /// A header or configuration is no such JSON.
    #[error("JSON: {0}")]
    Json(serde_json::Error),
}
