//! A simulated AMD Ryzen AI NPU: the ioctl surface of the amdxdna driver at a chosen kernel version and its
//! firmware, behind open(2), ioctl(2) and mmap(2) of a real program (seccomp user notification).
//!
//! - [`profile`]: which machine, and by which rules;
//! - [`kmd`]: the driver, a state machine without threads;
//! - [`firmware`]: commands complete, fail or hang;
//! - [`mod@array`]: tiles, DMAs, locks and streams move the bytes;
//! - [`fault`]: scripts of what goes wrong;
//! - [`frontends`]: how programs reach it;
//! - [`cli`]: the command line of `xdna sim`.
#![deny(unsafe_code)]

pub mod array;
pub mod cli;
pub mod fault;
pub mod firmware;
pub mod frontends;
pub mod kmd;
mod npu;
pub mod profile;

pub use npu::{Npu, NpuError, Running};
