//! Writing models: whisper.cpp files and Hugging Face directories, from a model of any origin.
mod error;
mod ggml;

pub use error::ConvertError;
pub use ggml::write_ggml;
