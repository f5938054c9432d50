//! How requests are taken apart before a handler sees them (driver-abi 3, 4.1).

use xdna_uapi::*;

use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Fail, Outcome, check, said, yes};
use crate::client::{Client, SHARE};
use crate::env::Env;
use crate::sys::Long;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check("dispatch.number-9-empty", "3, 8.3 R", |e| bare(e, 9), WAIT),
    check("dispatch.number-9-both-directions", "3, 8.3", wait_cmd_both, WAIT),
    check(
        "dispatch.number-10-empty",
        "3, 4.2",
        |e| bare(e, 10),
        &[(Any, "EINVAL")],
    ),
    check("dispatch.number-11", "3", |e| bare(e, 11), UNKNOWN),
    check("dispatch.number-12", "3", |e| bare(e, 12), UNKNOWN),
    check("dispatch.number-16", "3", |e| bare(e, 16), UNKNOWN),
    check("dispatch.number-31", "3", |e| bare(e, 31), UNKNOWN),
    check("dispatch.number-63", "3", |e| bare(e, 63), UNKNOWN),
    check("dispatch.number-95", "3", |e| bare(e, 95), UNKNOWN),
    check("dispatch.type-e", "3", |e| typed(e, b'e'), &[(Any, "ENOTTY")]),
    check("dispatch.type-D", "3", |e| typed(e, b'D'), &[(Any, "ENOTTY")]),
    check("dispatch.type-0", "3", |e| typed(e, 0), &[(Any, "ENOTTY")]),
    check(
        "dispatch.nowhere.version",
        "3",
        |e| nowhere(e, request::DRM_IOCTL_VERSION),
        FAULT,
    ),
    check(
        "dispatch.nowhere.get_cap",
        "3",
        |e| nowhere(e, request::DRM_IOCTL_GET_CAP),
        FAULT,
    ),
    check(
        "dispatch.nowhere.gem_close",
        "3",
        |e| nowhere(e, request::DRM_IOCTL_GEM_CLOSE),
        FAULT,
    ),
    check(
        "dispatch.nowhere.syncobj_create",
        "3",
        |e| nowhere(e, request::DRM_IOCTL_SYNCOBJ_CREATE),
        FAULT,
    ),
    check(
        "dispatch.nowhere.timeline_wait",
        "3",
        |e| nowhere(e, request::DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT),
        FAULT,
    ),
    check(
        "dispatch.nowhere.create_hwctx",
        "3",
        |e| nowhere(e, request::DRM_IOCTL_AMDXDNA_CREATE_HWCTX),
        FAULT,
    ),
    check(
        "dispatch.nowhere.destroy_hwctx",
        "3",
        |e| nowhere(e, request::DRM_IOCTL_AMDXDNA_DESTROY_HWCTX),
        FAULT,
    ),
    check(
        "dispatch.nowhere.config_hwctx",
        "3",
        |e| nowhere(e, request::DRM_IOCTL_AMDXDNA_CONFIG_HWCTX),
        FAULT,
    ),
    check(
        "dispatch.nowhere.create_bo",
        "3",
        |e| nowhere(e, request::DRM_IOCTL_AMDXDNA_CREATE_BO),
        FAULT,
    ),
    check(
        "dispatch.nowhere.get_bo_info",
        "3",
        |e| nowhere(e, request::DRM_IOCTL_AMDXDNA_GET_BO_INFO),
        FAULT,
    ),
    check(
        "dispatch.nowhere.sync_bo",
        "3",
        |e| nowhere(e, request::DRM_IOCTL_AMDXDNA_SYNC_BO),
        FAULT,
    ),
    check(
        "dispatch.nowhere.exec_cmd",
        "3",
        |e| nowhere(e, request::DRM_IOCTL_AMDXDNA_EXEC_CMD),
        FAULT,
    ),
    check(
        "dispatch.nowhere.get_info",
        "3",
        |e| nowhere(e, request::DRM_IOCTL_AMDXDNA_GET_INFO),
        FAULT,
    ),
    check(
        "dispatch.nowhere.get_array",
        "3, 4.1",
        |e| nowhere(e, request::DRM_IOCTL_AMDXDNA_GET_ARRAY),
        &[(To(V6_17), "EINVAL"), (Any, "EFAULT")],
    ),
    check(
        "dispatch.no-in-bit.create_bo-sees-zeros",
        "3",
        no_in_bit_create,
        &[(Any, "EINVAL")],
    ),
    check(
        "dispatch.no-in-bit.get_bo_info-sees-zeros",
        "3",
        no_in_bit_info,
        &[(Any, "ENOENT")],
    ),
    check(
        "dispatch.no-in-bit.zeros-come-back-with-the-error",
        "3",
        zeros_come_back,
        &[(Any, "yes")],
    ),
    check(
        "dispatch.no-out-bit.nothing-comes-back",
        "3",
        no_out_bit,
        &[(Any, "yes")],
    ),
    check("dispatch.no-bits.create_bo", "3", no_bits, &[(Any, "EINVAL")]),
    check(
        "dispatch.extra-out-bit.gem_close",
        "3",
        extra_out_bit,
        &[(Any, "ok")],
    ),
    check(
        "dispatch.short.get_bo_info-24-bytes",
        "3",
        short_info,
        &[(Any, "yes")],
    ),
    check(
        "dispatch.short.create_bo-without-handle",
        "3",
        short_create,
        &[(Any, "yes")],
    ),
    check(
        "dispatch.short.create_bo-16-bytes-sees-no-type",
        "3",
        short_create_16,
        &[(Any, "EINVAL")],
    ),
    check(
        "dispatch.short.create_hwctx-16-bytes-sees-no-qos",
        "3",
        short_hwctx,
        &[(Any, "EFAULT")],
    ),
    check("dispatch.short.size-0", "3", size_0, &[(Any, "EINVAL")]),
    check(
        "dispatch.long.create_bo",
        "3",
        long_create,
        &[(Any, "ok, tail kept")],
    ),
    check(
        "dispatch.long.get_bo_info",
        "3",
        long_info,
        &[(Any, "ok, tail kept")],
    ),
    check(
        "dispatch.long.error-keeps-tail",
        "3",
        long_error,
        &[(Any, "ENOENT, tail kept")],
    ),
    check(
        "dispatch.error-copies-back-input",
        "3",
        error_copies_back,
        &[(Any, "yes")],
    ),
    check(
        "dispatch.root-only.set_state-0",
        "2.1, 9.3",
        |e| set_state(e, 0),
        ROOT,
    ),
    check(
        "dispatch.root-only.set_state-3",
        "2.1, 9.3",
        |e| set_state(e, 3),
        ROOT,
    ),
    check(
        "dispatch.root-only.set_state-99",
        "2.1, 9.3",
        |e| set_state(e, 99),
        ROOT,
    ),
];

const UNKNOWN: Rules = &[(On(Oot), "EINVAL | EOPNOTSUPP | EFAULT"), (Any, "EINVAL")];
const FAULT: Rules = &[(Any, "EFAULT")];
/// The out-of-tree handler does not know context 0.
const WAIT: Rules = &[(On(Oot), "EINVAL"), (To(V7_1), "EINVAL"), (Any, "EOPNOTSUPP")];
const ROOT: Rules = &[(Not(&Admin), "EACCES"), (Any, "let through")];

const IN: u32 = 1 << 30;
const OUT: u32 = 2 << 30;

/// A request with any direction, type, number and size.
const fn raw(direction: u32, kind: u8, number: u32, size: u32) -> u32 {
    direction | size << 16 | (kind as u32) << 8 | number
}

const fn own(direction: u32, number: u32, size: u32) -> u32 {
    raw(direction, b'd', DRM_COMMAND_BASE + number, size)
}

/// The driver's command `number` with 64 zero bytes.
fn bare(env: &Env, number: u32) -> Outcome {
    said(Client::open(env)?.call(own(IN | OUT, number, 64), &mut [0_u8; 64]))
}

fn wait_cmd_both(env: &Env) -> Outcome {
    let mut arg = amdxdna_drm_wait_cmd {
        hwctx: 7,
        timeout: 1,
        ..Default::default()
    };
    said(Client::open(env)?.call(own(IN | OUT, DRM_AMDXDNA_WAIT_CMD, 16), &mut arg))
}

fn typed(env: &Env, kind: u8) -> Outcome {
    said(Client::open(env)?.call(raw(IN | OUT, kind, 0x43, 32), &mut [0_u8; 32]))
}

fn nowhere(env: &Env, request: u32) -> Outcome {
    said(Client::open(env)?.call_nowhere(request))
}

fn share() -> amdxdna_drm_create_bo {
    amdxdna_drm_create_bo {
        type_: SHARE,
        size: 4096,
        ..Default::default()
    }
}

fn no_in_bit_create(env: &Env) -> Outcome {
    said(Client::open(env)?.call(own(OUT, DRM_AMDXDNA_CREATE_BO, 32), &mut share()))
}

fn no_in_bit_info(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let handle = client.create_bo(SHARE, 4096)?;
    let mut arg = amdxdna_drm_get_bo_info {
        handle,
        ..Default::default()
    };
    said(client.call(own(OUT, DRM_AMDXDNA_GET_BO_INFO, 48), &mut arg))
}

fn zeros_come_back(env: &Env) -> Outcome {
    let mut arg = [0xaa_u8; 48];
    match Client::open(env)?.call(own(OUT, DRM_AMDXDNA_GET_BO_INFO, 48), &mut arg) {
        Err(Fail::Call { .. }) => yes(arg[..24] == [0; 24]),
        other => said(other),
    }
}

fn no_out_bit(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let handle = client.create_bo(SHARE, 4096)?;
    let mut arg = amdxdna_drm_get_bo_info {
        handle,
        map_offset: 1,
        vaddr: 2,
        xdna_addr: 3,
        ..Default::default()
    };
    client.call(own(IN, DRM_AMDXDNA_GET_BO_INFO, 48), &mut arg)?;
    yes((arg.map_offset, arg.vaddr, arg.xdna_addr) == (1, 2, 3))
}

fn no_bits(env: &Env) -> Outcome {
    said(Client::open(env)?.call(own(0, DRM_AMDXDNA_CREATE_BO, 32), &mut share()))
}

fn extra_out_bit(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let handle = client.create_bo(SHARE, 4096)?;
    said(client.call(
        request::DRM_IOCTL_GEM_CLOSE | OUT,
        &mut drm_gem_close { handle, pad: 0 },
    ))
}

fn short_info(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let handle = client.create_bo(SHARE, 4096)?;
    let mut arg = amdxdna_drm_get_bo_info {
        handle,
        map_offset: 1,
        vaddr: 2,
        xdna_addr: 3,
        ..Default::default()
    };
    client.call(own(IN | OUT, DRM_AMDXDNA_GET_BO_INFO, 24), &mut arg)?;
    yes((arg.map_offset, arg.vaddr, arg.xdna_addr) == (1, 2, 3))
}

fn short_create(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let mut arg = amdxdna_drm_create_bo {
        handle: 0xaaaa,
        ..share()
    };
    client.call(own(IN | OUT, DRM_AMDXDNA_CREATE_BO, 28), &mut arg)?;
    // The buffer object exists, under the handle that a fresh client gets first.
    yes(arg.handle == 0xaaaa && client.bo_info(1).is_ok())
}

fn short_create_16(env: &Env) -> Outcome {
    said(Client::open(env)?.call(own(IN | OUT, DRM_AMDXDNA_CREATE_BO, 16), &mut share()))
}

fn short_hwctx(env: &Env) -> Outcome {
    let mut arg = amdxdna_drm_create_hwctx {
        qos_p: 0x1000,
        num_tiles: 4,
        ..Default::default()
    };
    said(Client::open(env)?.call(own(IN | OUT, DRM_AMDXDNA_CREATE_HWCTX, 16), &mut arg))
}

fn size_0(env: &Env) -> Outcome {
    said(Client::open(env)?.call(own(IN | OUT, DRM_AMDXDNA_CREATE_BO, 0), &mut share()))
}

fn tail<T: crate::sys::Plain>(result: Result<(), Fail>, arg: &Long<T>) -> Outcome {
    let kept = if arg.tail == [0xaa; 16] { "kept" } else { "changed" };
    Ok(format!("{}, tail {kept}", said(result)?))
}

fn long_create(env: &Env) -> Outcome {
    let mut arg = Long {
        arg: share(),
        tail: [0xaa; 16],
    };
    tail(
        Client::open(env)?.call(own(IN | OUT, DRM_AMDXDNA_CREATE_BO, 48), &mut arg),
        &arg,
    )
}

fn long_info(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let handle = client.create_bo(SHARE, 4096)?;
    let mut arg = Long {
        arg: amdxdna_drm_get_bo_info {
            handle,
            ..Default::default()
        },
        tail: [0xaa; 16],
    };
    tail(
        client.call(own(IN | OUT, DRM_AMDXDNA_GET_BO_INFO, 64), &mut arg),
        &arg,
    )
}

fn long_error(env: &Env) -> Outcome {
    let mut arg = Long {
        arg: amdxdna_drm_get_bo_info {
            handle: 99,
            ..Default::default()
        },
        tail: [0xaa; 16],
    };
    tail(
        Client::open(env)?.call(own(IN | OUT, DRM_AMDXDNA_GET_BO_INFO, 64), &mut arg),
        &arg,
    )
}

fn error_copies_back(env: &Env) -> Outcome {
    let mut arg = amdxdna_drm_get_bo_info {
        handle: 99,
        ext: 0,
        map_offset: 7,
        ..Default::default()
    };
    match Client::open(env)?.call(request::DRM_IOCTL_AMDXDNA_GET_BO_INFO, &mut arg) {
        Err(Fail::Call { .. }) => yes(arg.handle == 99 && arg.map_offset == 7),
        other => said(other),
    }
}

fn set_state(env: &Env, param: u32) -> Outcome {
    // A size no handler takes: nothing is changed even by root.
    let mut arg = amdxdna_drm_set_state {
        param,
        buffer_size: 0,
        buffer: 0,
    };
    Ok(
        match said(Client::open(env)?.call(request::DRM_IOCTL_AMDXDNA_SET_STATE, &mut arg))?.as_str() {
            "EACCES" => "EACCES".into(),
            _ => "let through".into(),
        },
    )
}
