//! CONFIG_HWCTX: compute units and debug buffers (driver-abi 1.4, 4.2, 6.5).

use xdna_uapi::*;

use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Outcome, check, said};
use crate::client::{CMD, Rig, SHARE};
use crate::env::Env;
use crate::sys::NOWHERE;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check("config_cu.one", "6.5", |e| units(e, 1), OK),
    check("config_cu.two", "6.5", |e| units(e, 2), OK),
    check("config_cu.32", "6.2, 6.5", |e| units(e, 32), OK),
    check("config_cu.33", "6.2, 6.5", |e| units(e, 33), REFUSED),
    check("config_cu.none", "6.5", |e| units(e, 0), REFUSED),
    check(
        "config_cu.function-255",
        "6.5",
        |e| raw(e, |pdi| vec![1, 0, pdi, 255], 16),
        OK,
    ),
    check(
        "config_cu.header-pad",
        "4.2",
        |e| raw(e, |pdi| vec![1 | 1 << 16, 0, pdi, 0], 16),
        REFUSED,
    ),
    check(
        "config_cu.header-pad-last",
        "4.2",
        |e| raw(e, |pdi| vec![1, 1 << 16, pdi, 0], 16),
        REFUSED,
    ),
    check(
        "config_cu.entry-pad",
        "4.2",
        |e| raw(e, |pdi| vec![1, 0, pdi, 1 << 8], 16),
        REFUSED,
    ),
    check(
        "config_cu.size-too-small",
        "6.5",
        |e| raw(e, |pdi| vec![2, 0, pdi, 0], 16),
        REFUSED,
    ),
    check(
        "config_cu.size-without-entry",
        "6.5",
        |e| raw(e, |pdi| vec![1, 0, pdi, 0], 8),
        REFUSED,
    ),
    check("config_cu.size-larger", "6.5", |e| raw(e, padded, 4096), OK),
    check("config_cu.size-4097", "6.5", |e| raw(e, padded, 4097), TOO_BIG),
    check(
        "config_cu.size-all-ones",
        "6.5",
        |e| raw(e, padded, u32::MAX),
        TOO_BIG,
    ),
    check("config_cu.nowhere", "6.5", nowhere, &[(Any, "EFAULT")]),
    check(
        "config_cu.bo-missing",
        "6.5",
        |e| raw(e, |_| vec![1, 0, 999, 0], 16),
        REFUSED,
    ),
    check(
        "config_cu.bo-zero",
        "6.5",
        |e| raw(e, |_| vec![1, 0, 0, 0], 16),
        REFUSED,
    ),
    check("config_cu.bo-share", "6.5", |e| not_dev(e, SHARE), REFUSED),
    check("config_cu.bo-cmd", "6.5", |e| not_dev(e, CMD), REFUSED),
    check(
        "config_cu.second-bo-missing",
        "6.5",
        |e| raw(e, |pdi| vec![2, 0, pdi, 0, 999, 0], 24),
        REFUSED,
    ),
    check("config_cu.twice", "6.5", twice, REFUSED),
    check("config_cu.after-a-refusal", "6.5", after_refusal, OK),
    check(
        "config_cu.unknown-context",
        "6.5",
        |e| arg(e, |a| a.handle += 100),
        REFUSED,
    ),
    check(
        "config_cu.context-0",
        "6.5",
        |e| arg(e, |a| a.handle = 0),
        REFUSED,
    ),
    check("config.pad", "6.5", |e| arg(e, |a| a.pad = 1), REFUSED),
    check(
        "config.type-3",
        "4.2, 17",
        |e| arg(e, |a| a.param_type = 3),
        &[(On(Oot), "ok | EINVAL | EFAULT"), (Any, "EINVAL")],
    ),
    check("config.type-4", "6.5", |e| arg(e, |a| a.param_type = 4), REFUSED),
    check(
        "config.type-all-ones",
        "6.5",
        |e| arg(e, |a| a.param_type = u32::MAX),
        REFUSED,
    ),
];

const OK: Rules = &[(Any, "ok")];
const REFUSED: Rules = &[(Any, "EINVAL")];
const TOO_BIG: Rules = &[(Any, "E2BIG")];

fn units(env: &Env, count: usize) -> Outcome {
    let rig = Rig::unconfigured(env)?;
    said(
        rig.client
            .config_cu(rig.context.handle, &vec![(rig.pdi, 0); count]),
    )
}

fn raw(env: &Env, payload: fn(u32) -> Vec<u32>, size: u32) -> Outcome {
    let rig = Rig::unconfigured(env)?;
    said(
        rig.client
            .config_cu_raw(rig.context.handle, &payload(rig.pdi), size),
    )
}

/// One unit in 8 KiB of payload.
fn padded(pdi: u32) -> Vec<u32> {
    let mut words = vec![1, 0, pdi, 0];
    words.resize(2048, 0);
    words
}

fn arg(env: &Env, change: fn(&mut amdxdna_drm_config_hwctx)) -> Outcome {
    let rig = Rig::unconfigured(env)?;
    let payload = crate::client::words(&[1, 0, rig.pdi, 0])?;
    let mut arg = amdxdna_drm_config_hwctx {
        handle: rig.context.handle,
        param_type: DRM_AMDXDNA_HWCTX_CONFIG_CU,
        param_val: payload.addr(),
        param_val_size: 16,
        pad: 0,
    };
    change(&mut arg);
    said(rig.client.config_hwctx(arg))
}

fn nowhere(env: &Env) -> Outcome {
    arg(env, |a| a.param_val = NOWHERE)
}

fn not_dev(env: &Env, kind: u32) -> Outcome {
    let rig = Rig::unconfigured(env)?;
    let bo = rig.client.create_bo(kind, 4096)?;
    said(rig.client.config_cu(rig.context.handle, &[(bo, 0)]))
}

fn twice(env: &Env) -> Outcome {
    let rig = Rig::new(env)?;
    said(rig.client.config_cu(rig.context.handle, &[(rig.pdi, 0)]))
}

fn after_refusal(env: &Env) -> Outcome {
    let rig = Rig::unconfigured(env)?;
    if rig.client.config_cu(rig.context.handle, &[(999, 0)]).is_ok() {
        return Ok("an unknown buffer was accepted".into());
    }
    said(rig.client.config_cu(rig.context.handle, &[(rig.pdi, 0)]))
}
