//! The amdxdna kernel driver's user interface in Rust: structs, constants and request numbers of
//! `drm/amdxdna_accel.h`, and the parts of `drm.h` an accel client needs.
#![no_std]
