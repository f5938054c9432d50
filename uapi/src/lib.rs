//! The amdxdna kernel driver's user interface in Rust: structs, constants and request numbers of
//! `drm/amdxdna_accel.h`, and the parts of `drm.h` an accel client needs.
//!
//! The root holds bindgen's output with the kernel's own names (`uapi/generate.sh` writes it from Debian's
//! `linux-libc-dev`); the modules hold what bindgen can't say. Integers in, integers out: a kernel newer than
//! this crate may write any value into an enum-like field, so enums live one layer up.
//!
//! All structs but those that end in a flexible array member, and [`drm_version`] with its pointers,
//! implement the zerocopy traits: `IntoBytes` proves that none of them has padding.
#![no_std]

#[cfg(not(all(target_endian = "little", target_pointer_width = "64")))]
compile_error!("xdna-uapi describes the interface of 64-bit little-endian Linux");

#[allow(missing_docs, unsafe_code, non_camel_case_types, unused_qualifications)]
#[allow(clippy::all, clippy::undocumented_unsafe_blocks, clippy::missing_safety_doc)]
#[allow(unsafe_op_in_unsafe_fn, clippy::multiple_unsafe_ops_per_block)]
#[rustfmt::skip]
mod bindings;
pub mod ert;
pub mod flags;
mod flexible;
mod layout;
pub mod newer;
pub mod request;
mod version;

pub use bindings::*;
pub use flexible::Flexible;
pub use version::VersionWire;

/// No address: a map offset, user address or device address that does not exist.
pub const AMDXDNA_INVALID_ADDR: u64 = u64::MAX;
/// No command handle.
pub const AMDXDNA_INVALID_CMD_HANDLE: u64 = u64::MAX;
/// No doorbell: what `umq_doorbell` reads on kernel-managed queues from driver level 0.10 on.
pub const AMDXDNA_INVALID_DOORBELL_OFFSET: u32 = u32::MAX;
/// The name every amdxdna driver answers to `DRM_IOCTL_VERSION`.
pub const DRIVER_NAME: &str = "amdxdna_accel_driver";
/// Device address of the first byte of a client's device heap.
pub const DEV_HEAP_BASE: u64 = 0x0400_0000;
/// Size and alignment of one chunk of the device heap: 64 MiB.
pub const DEV_HEAP_CHUNK: u64 = 64 << 20;
/// Alignment of a DEV buffer object's device address: CU configuration stores address >> 15.
pub const DEV_BO_ALIGN: u64 = 32 << 10;
/// Largest `arg_count` of `DRM_IOCTL_AMDXDNA_EXEC_CMD`.
pub const MAX_EXEC_ARGS: u32 = 4095;
/// Largest number of compute units `DRM_AMDXDNA_HWCTX_CONFIG_CU` takes.
pub const MAX_CUS: usize = 32;
/// Slots of a context's queue: the fifth command in flight blocks its submitter.
pub const MAX_IN_FLIGHT: usize = 4;
/// Bytes of command-list slots a chain may fill.
pub const CHAIN_SLOT_BYTES: usize = 4096;
