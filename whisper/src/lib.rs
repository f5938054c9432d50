//! Whisper speech-to-text: audio in, text out, to the letter of OpenAI's reference implementation.
mod cancel;
mod compression;
mod decode;
mod engine;
mod error;
mod python;
mod transcribe;

pub mod audio;
pub mod convert;
pub mod mel;
pub mod model;
pub mod options;
pub mod output;
pub mod tokenizer;
pub mod transcript;

pub use cancel::Cancel;
pub use engine::Whisper;
pub use error::Error;
pub use options::Options;
pub use transcribe::{Event, Stats, Transcription};
pub use transcript::{Segment, Transcript, Word};
