//! Model files of every origin, brought to one form: [`Checkpoint`].

mod checkpoint;
mod dims;
mod error;
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
