//! The system calls: the only unsafe way to the kernel, wrapped so that every ioctl has exactly one safe
//! function. Inputs are arguments, outputs return values, the kernel's structs stay in here. Interrupted calls
//! are retried, nothing else is.

#![allow(unsafe_code)]

pub(crate) mod cache;
pub(crate) mod drm;
pub(crate) mod memory;
pub(crate) mod npu;
pub(crate) mod syncobj;

use std::ffi::c_int;

use crate::error::{Call, Error};

/// Repeats `f` while a signal interrupts it.
///
/// `EXEC_CMD` included: interrupted while it waits for a slot, it has submitted nothing.
fn retry(call: Call, mut f: impl FnMut() -> nix::Result<c_int>) -> Result<(), Error> {
    loop {
        match f() {
            Ok(_) => return Ok(()),
            Err(nix::Error::EINTR) => {}
            Err(e) => {
                log::debug!("{call}: {e}");
                return Err(Error::ioctl(call, e));
            }
        }
    }
}
