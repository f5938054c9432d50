//! What to do about an error, in a few words.

use std::fmt;
use std::io;

use crate::call::Call;

pub(crate) struct List<'a>(pub(crate) &'a [(u32, u32)]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (start, width)) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{width} from column {start}")?;
        }
        Ok(())
    }
}

pub(crate) fn open_hint(e: &io::Error) -> &'static str {
    match e.raw_os_error() {
        Some(libc::EACCES | libc::EPERM) => "; add the user to the group that owns the node, usually render",
        Some(libc::EINVAL | libc::ENODEV | libc::EOPNOTSUPP) => {
            "; the driver could not bind the address space: is the IOMMU on, with PASID/SVA?"
        }
        Some(libc::EBUSY) => "; open the device once per process",
        _ => "",
    }
}

pub(crate) fn map_hint(e: &io::Error) -> &'static str {
    match e.raw_os_error() {
        Some(libc::EAGAIN | libc::ENOMEM) => "; memory is short, or RLIMIT_MEMLOCK too low",
        Some(libc::EEXIST) => "; before Linux 6.16 a buffer can be mapped once",
        _ => "",
    }
}

pub(crate) fn hint(call: Call, e: &io::Error) -> &'static str {
    match (call, e.raw_os_error()) {
        (Call::CreateBo, Some(libc::ENOMEM | libc::EPERM)) => {
            "; memory is short, or RLIMIT_MEMLOCK too low for what is to be pinned"
        }
        (Call::CreateBo, Some(libc::ENOSPC)) => "; the device heap is full",
        (Call::CreateBo, Some(libc::EFAULT)) => "; the memory can't be pinned: is it mapped and writable?",
        (Call::ConfigHwctx, Some(libc::EINVAL)) => "; the firmware refuses what it is configured with",
        (Call::ConfigHwctx, Some(libc::EBUSY)) => "; the buffer is attached to a context already",
        (Call::PrimeFdToHandle, Some(libc::EINVAL)) => "; the descriptor is no dma-buf",
        (Call::SyncobjFdToHandle, Some(libc::EINVAL)) => "; the descriptor is no syncobj",
        (Call::SetState, Some(libc::EINVAL)) => "; turbo is for a device without contexts",
        (Call::SetState, Some(libc::EACCES)) => "; only root may change the state of the device",
        (Call::ExecCmd, Some(libc::EINTR)) => {
            "; no place became free before the deadline, nothing was submitted"
        }
        (Call::ExecCmd, Some(libc::ETIME)) => "; a buffer's pages could not be made resident",
        (Call::GetInfo | Call::GetArray | Call::SetState, Some(libc::EOPNOTSUPP)) => {
            "; this driver or its firmware has no such thing"
        }
        (_, Some(libc::ETIME)) => "; the firmware does not answer",
        (_, Some(libc::ENODEV)) => {
            "; the driver lost the firmware or the columns: close the device and open it again"
        }
        (_, Some(libc::EMFILE | libc::ENFILE)) => "; too many descriptors are open",
        (_, Some(libc::EPIPE)) => "; the driver lost contact with the firmware, reload amdxdna",
        _ => "",
    }
}

pub(crate) fn lost_hint(minor: i32) -> &'static str {
    if minor <= 6 {
        "was destroyed behind our back: kernels up to 6.19 destroy all contexts of a client when any copy of its descriptor is closed (a child \
         that exits or execs, dup and close); create a new one, and start no subprocess while contexts live"
    } else {
        "takes no commands any more: it is gone, or could not be made again when the device woke up; create a new one"
    }
}

#[cfg(test)]
mod tests {
    use crate::error::{Call, Error};

    /// Every errno that the driver documents for a call of ours says what it means here.
    #[test]
    fn an_errno_says_what_it_means_here() {
        use nix::Error as E;
        for (call, errno, says) in [
            (Call::CreateBo, E::ENOMEM, "RLIMIT_MEMLOCK"),
            (Call::CreateBo, E::EPERM, "RLIMIT_MEMLOCK"),
            (Call::CreateBo, E::EFAULT, "can't be pinned"),
            (Call::CreateBo, E::ENOSPC, "heap is full"),
            (Call::CreateHwctx, E::ETIME, "firmware does not answer"),
            (Call::ConfigHwctx, E::EINVAL, "firmware refuses"),
            (Call::ConfigHwctx, E::EBUSY, "attached"),
            (Call::ExecCmd, E::ETIME, "resident"),
            (Call::ExecCmd, E::EINTR, "nothing was submitted"),
            (Call::GetInfo, E::ETIME, "firmware does not answer"),
            (Call::GetInfo, E::EOPNOTSUPP, "no such thing"),
            (Call::GetInfo, E::ENODEV, "open it again"),
            (Call::SetState, E::EACCES, "only root"),
            (Call::SetState, E::EINVAL, "turbo"),
            (Call::PrimeFdToHandle, E::EINVAL, "no dma-buf"),
            (Call::SyncobjFdToHandle, E::EINVAL, "no syncobj"),
            (Call::PrimeHandleToFd, E::EMFILE, "descriptors"),
            (Call::DestroyHwctx, E::EPIPE, "reload amdxdna"),
        ] {
            let text = Error::ioctl(call, errno).to_string();
            assert!(
                text.starts_with(&format!("{call} failed: ")) && text.contains(says),
                "{call} {errno}: {text}"
            );
        }
    }
}
