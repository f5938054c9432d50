//! Model files of every origin, brought to one form: [`Checkpoint`].

pub(crate) mod alignment;
mod cache;
mod checkpoint;
pub mod ctranslate2;
mod cursor;
pub(crate) mod decoder;
mod dims;
pub(crate) mod encoder;
mod error;
mod faster_whisper;
mod files;
pub mod ggml;
mod huggingface;
mod layers;
mod load;
pub mod locate;
mod mapped;
pub(crate) mod names;
#[cfg(feature = "pytorch")]
mod pytorch;
pub mod registry;
pub mod safetensors;
mod validate;

pub(crate) use cache::SelfCache;
pub use checkpoint::{Checkpoint, Tensor};
pub use dims::Dims;
pub use encoder::Stage;
pub use error::{FormatError, ModelError};
pub use load::{load, load_bytes};
