//! Hardware contexts and submission.

use std::os::fd::{AsRawFd, BorrowedFd};

use xdna_uapi::newer::QosInfo;
use xdna_uapi::{self as uapi, Flexible, request};

use crate::deadline::Deadline;
use crate::error::{Call, Error};
use crate::ids::{BoHandle, ContextId, Seq, SyncobjHandle};
use crate::sys::drm::nonzero;
use crate::sys::{retry, retry_until};

nix::ioctl_readwrite_bad!(
    create_hwctx_ioctl,
    request::DRM_IOCTL_AMDXDNA_CREATE_HWCTX,
    uapi::amdxdna_drm_create_hwctx
);
nix::ioctl_readwrite_bad!(
    destroy_hwctx_ioctl,
    request::DRM_IOCTL_AMDXDNA_DESTROY_HWCTX,
    uapi::amdxdna_drm_destroy_hwctx
);
nix::ioctl_readwrite_bad!(
    config_hwctx_ioctl,
    request::DRM_IOCTL_AMDXDNA_CONFIG_HWCTX,
    uapi::amdxdna_drm_config_hwctx
);
nix::ioctl_readwrite_bad!(
    exec_cmd_ioctl,
    request::DRM_IOCTL_AMDXDNA_EXEC_CMD,
    uapi::amdxdna_drm_exec_cmd
);

/// What `CREATE_HWCTX` returns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewContext {
    pub id: ContextId,
    pub syncobj: SyncobjHandle,
}

/// Creates a hardware context of `num_tiles` core tiles.
///
/// # Errors
/// - `ENOENT`: the client has no heap.
/// - `EINVAL`: no context is free, the QoS can't be met, or the firmware refuses.
/// - `ENODEV`: contexts of another width occupy the columns.
/// - `ETIME`: the firmware does not answer.
pub(crate) fn create_hwctx(
    fd: BorrowedFd<'_>,
    qos: &QosInfo,
    max_opc: u32,
    num_tiles: u32,
) -> Result<NewContext, Error> {
    let mut arg = uapi::amdxdna_drm_create_hwctx {
        qos_p: std::ptr::from_ref(qos) as u64,
        max_opc,
        num_tiles,
        ..Default::default()
    };
    // SAFETY: `qos_p` points to a live struct at least as large as any driver reads (32 bytes, mainline takes
    // 24 of them), and the kernel only reads it, during the call.
    retry(Call::CreateHwctx, &mut arg, |arg| unsafe {
        create_hwctx_ioctl(fd.as_raw_fd(), arg)
    })?;
    Ok(NewContext {
        id: nonzero(Call::CreateHwctx, "handle", arg.handle).map(ContextId)?,
        syncobj: nonzero(Call::CreateHwctx, "syncobj_handle", arg.syncobj_handle).map(SyncobjHandle)?,
    })
}

/// Destroys a hardware context: waits up to 2 s for its commands, then aborts them.
///
/// # Errors
/// `EINVAL`: there is no such context.
pub(crate) fn destroy_hwctx(fd: BorrowedFd<'_>, context: ContextId) -> Result<(), Error> {
    let mut arg = uapi::amdxdna_drm_destroy_hwctx {
        handle: context.get(),
        pad: 0,
    };
    // SAFETY: `arg` is the struct this request encodes, outlives the call and holds no pointer.
    retry(Call::DestroyHwctx, &mut arg, |arg| unsafe {
        destroy_hwctx_ioctl(fd.as_raw_fd(), arg)
    })
}

/// Gives a context its compute units: the PDI's handle and the function of each, at most 32.
///
/// # Errors
/// `EINVAL`: already configured, a handle is no DEV buffer, or (Linux to 6.18) the firmware refuses.
pub(crate) fn config_cus(
    fd: BorrowedFd<'_>,
    context: ContextId,
    cus: &[(BoHandle, u8)],
) -> Result<(), Error> {
    type CuTable = Flexible<uapi::amdxdna_hwctx_param_config_cu, uapi::amdxdna_cu_config, { uapi::MAX_CUS }>;
    if cus.len() > uapi::MAX_CUS {
        return Err(Error::TooLarge {
            what: "compute units",
            len: cus.len(),
            limit: uapi::MAX_CUS,
        });
    }
    let mut entries = [uapi::amdxdna_cu_config::default(); uapi::MAX_CUS];
    for (entry, (bo, func)) in entries.iter_mut().zip(cus) {
        *entry = uapi::amdxdna_cu_config {
            cu_bo: bo.get(),
            cu_func: *func,
            pad: [0; 3],
        };
    }
    let head = uapi::amdxdna_hwctx_param_config_cu {
        num_cus: cus.len() as u16,
        ..Default::default()
    };
    let table = CuTable::new(head, entries);
    let mut arg = uapi::amdxdna_drm_config_hwctx {
        handle: context.get(),
        param_type: uapi::DRM_AMDXDNA_HWCTX_CONFIG_CU,
        param_val: std::ptr::from_ref(&table) as u64,
        param_val_size: CuTable::size_with(cus.len()) as u32,
        pad: 0,
    };
    // SAFETY: `param_val` points to a live table of at least `param_val_size` bytes (at most 32 entries, checked
    // above), and the kernel only reads it, during the call.
    retry(Call::ConfigHwctx, &mut arg, |arg| unsafe {
        config_hwctx_ioctl(fd.as_raw_fd(), arg)
    })
}

/// Attaches (`true`) or detaches a debug buffer.
///
/// # Errors
/// - `EOPNOTSUPP`: before Linux 6.19.
/// - `EBUSY`: the buffer is attached already.
/// - `EINVAL`: no DEV buffer, not this context's, or (6.19 and 7.0) any detaching.
pub(crate) fn config_debug_bo(
    fd: BorrowedFd<'_>,
    context: ContextId,
    bo: BoHandle,
    attach: bool,
) -> Result<(), Error> {
    let mut arg = uapi::amdxdna_drm_config_hwctx {
        handle: context.get(),
        param_type: if attach {
            uapi::DRM_AMDXDNA_HWCTX_ASSIGN_DBG_BUF
        } else {
            uapi::DRM_AMDXDNA_HWCTX_REMOVE_DBG_BUF
        },
        param_val: bo.get().into(),
        ..Default::default()
    };
    // SAFETY: `arg` is the struct this request encodes and outlives the call; `param_val` is a handle here.
    retry(Call::ConfigHwctx, &mut arg, |arg| unsafe {
        config_hwctx_ioctl(fd.as_raw_fd(), arg)
    })
}

/// Submits the command in buffer `command`, which may touch the buffers of `args` (no handle twice).
///
/// # Errors
/// - `EINVAL`: unknown context, or one that has no compute units (Linux to 6.18).
/// - `ENOENT`: an unknown handle in `args`; `EALREADY`: one twice.
/// - `ETIME`: a buffer's pages could not be made resident.
/// - `EINTR`: interrupted after `deadline` while it waited for a slot; nothing was submitted.
pub(crate) fn exec_cmd(
    fd: BorrowedFd<'_>,
    context: ContextId,
    command: BoHandle,
    args: &[u32],
    deadline: Option<Deadline>,
) -> Result<Seq, Error> {
    let mut arg = uapi::amdxdna_drm_exec_cmd {
        hwctx: context.get(),
        type_: uapi::AMDXDNA_CMD_SUBMIT_EXEC_BUF,
        cmd_handles: command.get().into(),
        args: args.as_ptr() as u64,
        cmd_count: 1,
        arg_count: args.len() as u32,
        ..Default::default()
    };
    // SAFETY: `args` points to `arg_count` live words, which the kernel only reads, during the call;
    // `cmd_handles` is a handle because there is one command.
    retry_until(deadline, Call::ExecCmd, &mut arg, |arg| unsafe {
        exec_cmd_ioctl(fd.as_raw_fd(), arg)
    })?;
    Ok(Seq(arg.seq))
}
