//! Readers of the reference data that end-to-end tests compare with.
#![forbid(unsafe_code)]

pub mod golden;
pub mod npy;
