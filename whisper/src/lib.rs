//! Whisper speech-to-text: audio in, text out, to the letter of OpenAI's reference implementation.
//!
//! ```
//! use std::{path::Path, sync::Arc};
//! use xdna_ops::Cpu;
//! use xdna_whisper::{Cancel, Event, Options, Whisper, model};
//! # use xdna_whisper::audio::Pcm;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # const MODEL: &str = "../tools/cli/model/ggml-tiny.en-q8_0.bin";
//! # #[cfg(feature = "decode")] {
//! use xdna_whisper::audio::{AudioFile, Channel};
//!
//! // A Hugging Face directory, a whisper.cpp file or a faster-whisper directory; the CPU, a thread a core.
//! let whisper = Whisper::new(model::load(Path::new(MODEL))?, Arc::new(Cpu::new(0)?))?;
//! let audio = AudioFile::new(Path::new("../samples/librivox-0870.wav"), Channel::Mix, None)?;
//!
//! let options = Options { beam_size: Some(5), word_timestamps: true, ..Options::default() };
//! let mut print = |event: Event<'_>| {
//!     if let Event::Segment(segment) = event {
//!         println!("{:6.2} {}", segment.start, segment.text);
//!     }
//! };
//! let result = whisper.transcribe(&audio, &options, &Cancel::default(), &mut print)?;
//! assert!(result.transcript.text.contains("John Dashwood"));
//! # }
//! # Ok(())
//! # }
//! ```
//!
//! [`Whisper`] is `Send` and `Sync`; a [`Cancel`] ends a transcription from another thread; sound that is in memory already is
//! [`audio::Pcm`]. Without the feature `decode` the crate reads no files and has no codecs: it takes PCM alone.
mod cancel;
mod compression;
mod decode;
mod engine;
mod error;
mod operators;
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
pub use operators::{Operator, Phase, Use};
pub use options::Options;
pub use transcribe::{Event, Stats, Transcription};
pub use transcript::{Segment, Transcript, Word};
