//! From an NPU kernel file to a completed run.
//!
//! [`formats`] holds the readers and writers of xclbin, PDI, CDO, control code and control ELF files. Kernels and
//! the binding of their arguments, buffer and context pools, command chains, and the scheduler with its fallback
//! policy and counters build on them and on `xdna-driver`. Nothing here knows of tensors or models.
#![forbid(unsafe_code)]

pub mod formats;
