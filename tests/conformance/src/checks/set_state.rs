//! SET_STATE (driver-abi 9.3, 9.7). Without CAP_SYS_ADMIN every call is refused before anything else is looked at; as
//! root, what would change the device needs `--change` and is put back.

use xdna_uapi::*;

use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Fail, Outcome, check, said};
use crate::client::{Client, area, words};
use crate::env::Env;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check("set_state.force-2", "9.3", |e| refused(e, 3, [2, 0]), PREEMPT),
    check("set_state.force-pad", "9.3", |e| refused(e, 3, [0, 1]), PREEMPT),
    check("set_state.frame-2", "9.3", |e| refused(e, 4, [2, 0]), PREEMPT),
    check("set_state.frame-pad", "9.3", |e| refused(e, 4, [0, 1]), PREEMPT),
    check(
        "set_state.write-aie-mem",
        "9.3",
        |e| refused(e, 1, [0, 0]),
        OOT_ONLY,
    ),
    check(
        "set_state.write-aie-reg",
        "9.3",
        |e| refused(e, 2, [0, 0]),
        OOT_ONLY,
    ),
    check(
        "set_state.log-of-8-bytes",
        "9.3, 9.7",
        |e| refused(e, 5, [0, 0]),
        DPT,
    ),
    check(
        "set_state.trace-of-8-bytes",
        "9.3, 9.7",
        |e| refused(e, 6, [0, 0]),
        DPT,
    ),
    check(
        "set_state.param-99",
        "9.3",
        |e| refused(e, 99, [0, 0]),
        &[(Not(&Admin), "EACCES"), (Any, "EOPNOTSUPP")],
    ),
    check(
        "set_state.nowhere",
        "2.1, 9.3",
        nowhere,
        &[(Not(&Admin), "EACCES"), (Any, "EFAULT")],
    ),
    check(
        "set_state.force-reads-back",
        "9.1, 9.3",
        |e| toggles(e, 3, 11),
        TOGGLES,
    ),
    check(
        "set_state.frame-reads-back",
        "9.1, 9.3",
        |e| toggles(e, 4, 13),
        TOGGLES,
    ),
];

const PREEMPT: Rules = &[
    (Not(&Admin), "EACCES"),
    (To(V6_18), "EOPNOTSUPP"),
    (Any, "EINVAL"),
];
const OOT_ONLY: Rules = &[
    (Not(&Admin), "EACCES"),
    (On(Oot), "ok | EINVAL | EFAULT | ENOENT | EOPNOTSUPP"),
    (Any, "EOPNOTSUPP"),
];
const DPT: Rules = &[
    (Not(&Admin), "EACCES"),
    (To(V7_3), "EOPNOTSUPP"),
    (Has(crate::axes::Feature::FwLog), "EINVAL"),
    (Any, "EOPNOTSUPP | EINVAL"),
];
const TOGGLES: Rules = &[
    (Not(&Admin), "EACCES"),
    (To(V6_18), "EOPNOTSUPP"),
    (Any, "other, then back"),
];

/// A request that every handler refuses, whoever asks.
pub(super) fn refused(env: &Env, param: u32, payload: [u32; 2]) -> Outcome {
    said(Client::open(env)?.set_state(param, &words(&payload)?, 8))
}

fn nowhere(env: &Env) -> Outcome {
    let mut arg = amdxdna_drm_set_state {
        param: 0,
        buffer_size: 8,
        buffer: crate::sys::NOWHERE,
    };
    said(Client::open(env)?.call(request::DRM_IOCTL_AMDXDNA_SET_STATE, &mut arg))
}

/// Switches a one-byte state to its opposite and back.
fn toggles(env: &Env, set: u32, get: u32) -> Outcome {
    let client = Client::open(env)?;
    let put = |value: u32| -> Result<(), Fail> { client.set_state(set, &words(&[value, 0])?, 8) };
    if env.sure(Not(&Admin)) {
        return said(put(0));
    }
    env.may_change()?;
    let read = || -> Result<u32, Fail> {
        let buffer = area(4096)?;
        client.get_info(get, &buffer, 8)?;
        Ok(buffer.word(0) & 0xff)
    };
    let before = match read() {
        Ok(value) => value,
        Err(fail) => return said::<()>(Err(fail)),
    };
    if let Err(fail) = put(1 - before.min(1)) {
        return said::<()>(Err(fail));
    }
    let during = read();
    put(before)?;
    Ok(if during? != before && read()? == before {
        "other, then back"
    } else {
        "unchanged"
    }
    .into())
}
