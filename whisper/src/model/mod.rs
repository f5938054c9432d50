//! Model files of every origin, brought to one form: [`Checkpoint`].

mod checkpoint;
pub mod ctranslate2;
mod cursor;
mod dims;
mod error;
mod faster_whisper;
mod files;
mod huggingface;
mod load;
mod mapped;
mod names;
pub mod safetensors;
mod validate;

pub use checkpoint::{Checkpoint, Tensor};
pub use dims::Dims;
pub use error::{FormatError, ModelError};
pub use load::load;
