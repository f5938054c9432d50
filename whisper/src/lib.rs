//! Whisper speech-to-text: audio in, text out, to the letter of OpenAI's reference implementation.
mod error;
mod python;

pub mod audio;
pub mod mel;
pub mod model;
pub mod options;
pub mod output;
pub mod tokenizer;
pub mod transcript;

pub use error::Error;
pub use options::Options;
pub use transcript::{Segment, Transcript, Word};
