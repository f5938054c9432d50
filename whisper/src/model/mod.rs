//! Model files of every origin, brought to one form: [`Checkpoint`].

mod checkpoint;
mod error;

pub use checkpoint::{Checkpoint, Dims, Tensor};
pub use error::ModelError;
