//! From an NPU kernel file to a completed run.
//!
//! Here will live the readers and writers of xclbin, PDI, CDO, control code and control ELF files; kernels and
//! the binding of their arguments; buffer and context pools; command chains; the scheduler with its fallback
//! policy and counters. It builds on `xdna-driver` and knows nothing of tensors or models.
#![forbid(unsafe_code)]
