//! Whisper's byte-level BPE and its special tokens.

mod vocabulary;

pub use vocabulary::{Vocabulary, VocabularyError};
