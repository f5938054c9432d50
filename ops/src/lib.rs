//! Tensor operators of transformers behind one operator set, [`Backend`].
//!
//! A backend is a place where operators run: the CPU here, an NPU later. Callers hold activations as row-major
//! `f32` slices and weights as [`Matrix`], which stays in the precision of the file it came from and is widened
//! while it is used.
mod arch;
mod backend;
mod cpu;
mod dtype;
mod error;
mod kernel;
mod matrix;
mod quantize;
mod reduce;

pub use arch::Isa;
pub use backend::{Attention, Backend, CacheRow, DecodeAttention, Epilogue, Rows};
pub use cpu::Cpu;
pub use dtype::DType;
pub use error::Error;
pub use matrix::{Bytes, Matrix};
pub use quantize::quantize;
pub use reduce::{argmax, largest, log_sum_exp};
