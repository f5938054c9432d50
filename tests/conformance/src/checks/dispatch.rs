//! How requests are taken apart before a handler sees them (driver-abi 3, 4.1).

use xdna_uapi::*;

use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Outcome, check, said};
use crate::client::Client;
use crate::env::Env;

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

pub(super) const fn own(direction: u32, number: u32, size: u32) -> u32 {
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
