//! The ioctl surface of an amdxdna device, walked from outside.
//!
//! Every check sends requests to whatever `/dev/accel/accelN` is there and prints one stable line,
//! `name | outcome`. What it should print is a table over device, kernel, firmware protocol and address mode,
//! written from the driver reference (`driver-abi.md`) with the section and evidence mark of each line; nothing in
//! it was recorded from a device, a kernel or a simulator. [`run`] is the program; the binary of this package and
//! `xdna conformance` are both it.

pub mod axes;
pub mod check;
pub mod checks;
mod client;
mod env;
pub mod options;
mod report;
mod run;
mod sys;

pub use run::run;
