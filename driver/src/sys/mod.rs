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
use std::fmt::Debug;

use crate::deadline::Deadline;
use crate::error::{Call, Error};

/// Makes a call with the struct `arg`, again and again while a signal interrupts it, and logs it as it comes back.
///
/// `EXEC_CMD` included: interrupted while it waits for a slot, it has submitted nothing.
fn retry<T: Debug>(
    call: Call,
    arg: &mut T,
    f: impl FnMut(&mut T) -> nix::Result<c_int>,
) -> Result<(), Error> {
    retry_until(None, call, arg, f)
}

/// As [`retry`], but not after `deadline`: where signals never stop, that would be for ever. `EINTR` then.
fn retry_until<T: Debug>(
    deadline: Option<Deadline>,
    call: Call,
    arg: &mut T,
    mut f: impl FnMut(&mut T) -> nix::Result<c_int>,
) -> Result<(), Error> {
    loop {
        match f(arg) {
            Ok(_) => {
                log::debug!("{call} {arg:?}");
                return Ok(());
            }
            Err(nix::Error::EINTR) if !deadline.is_some_and(Deadline::has_passed) => {}
            Err(e) => {
                log::debug!("{call} {arg:?}: {e}");
                return Err(Error::ioctl(call, e));
            }
        }
    }
}
