//! Front ends: how programs reach the simulated device.

pub mod seccomp;
