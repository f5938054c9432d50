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
    check("set_state.power-pad", "9.3", |e| refused(e, 0, [0, 1]), REFUSED),
    check(
        "set_state.power-mode-5",
        "9.3",
        |e| refused(e, 0, [5, 0]),
        REFUSED,
    ),
    check(
        "set_state.power-mode-255",
        "9.3",
        |e| refused(e, 0, [255, 0]),
        REFUSED,
    ),
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
    check("set_state.power-turbo-with-a-context", "9.3", turbo_live, REFUSED),
    check("set_state.power-same", "9.3", |e| power(e, None), OK),
    check(
        "set_state.power-low",
        "1.4, 9.3",
        |e| power(e, Some(POWER_MODE_LOW)),
        LOW,
    ),
    check(
        "set_state.power-medium",
        "1.4, 9.3",
        |e| power(e, Some(POWER_MODE_MEDIUM)),
        LOW,
    ),
    check(
        "set_state.power-high",
        "9.3",
        |e| power(e, Some(POWER_MODE_HIGH)),
        OK,
    ),
    check(
        "set_state.power-turbo",
        "9.3",
        |e| power(e, Some(POWER_MODE_TURBO)),
        OK,
    ),
    check(
        "set_state.power-default",
        "9.3",
        |e| power(e, Some(POWER_MODE_DEFAULT)),
        OK,
    ),
    check(
        "set_state.power-mode-reads-back",
        "9.1, 9.3",
        reads_back,
        &[(Not(&Admin), "EACCES"), (Any, "3")],
    ),
    check("set_state.power-clocks", "9.3, 11, 16.6 D", clocks, CLOCKS).row("16.6 power modes"),
    check("set_state.clock-scaling", "6.4, 16.6 D", scaling, SCALING).row("16.6 clock scaling"),
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

const OK: Rules = &[(Not(&Admin), "EACCES"), (Any, "ok")];
const REFUSED: Rules = &[(Not(&Admin), "EACCES"), (Any, "EINVAL")];
const LOW: Rules = &[(Not(&Admin), "EACCES"), (To(V7_1), "EOPNOTSUPP"), (Any, "ok")];
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
/// H clock of section 11 at turbo, low, medium, high: top, level 0, half of the top level, top.
const CLOCKS: Rules = &[
    (Not(&Admin), "EACCES"),
    (To(V7_1), "low EOPNOTSUPP"),
    (Xdna2, "1800 792 1267 1800"),
    (Any, "1600 800 1024 1600"),
];
const SCALING: Rules = &[
    (
        All(&[Has(crate::axes::Feature::TemporalOnly), To(V7_1)]),
        "unchanged",
    ),
    (Any, "top, then lower"),
];

/// A request that every handler refuses, whoever asks.
fn refused(env: &Env, param: u32, payload: [u32; 2]) -> Outcome {
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

fn mode_now(client: &Client) -> Result<u32, Fail> {
    let buffer = area(4096)?;
    client.get_info(DRM_AMDXDNA_GET_POWER_MODE, &buffer, 8)?;
    Ok(buffer.word(0) & 0xff)
}

fn set_mode(client: &Client, mode: u32) -> Result<(), Fail> {
    client.set_state(DRM_AMDXDNA_SET_POWER_MODE, &words(&[mode, 0])?, 8)
}

/// Runs `body` between reading and restoring the power mode. Without privilege the refusal is all there is to see.
fn restoring(env: &Env, body: fn(&Client) -> Outcome) -> Outcome {
    let client = Client::open(env)?;
    if env.sure(Not(&Admin)) {
        return said(set_mode(&client, POWER_MODE_DEFAULT));
    }
    env.may_change()?;
    let before = mode_now(&client)?;
    let outcome = body(&client);
    set_mode(&client, before)?;
    outcome
}

fn power(env: &Env, mode: Option<u32>) -> Outcome {
    match mode {
        None => restoring(env, |client| said(set_mode(client, mode_now(client)?))),
        Some(POWER_MODE_LOW) => restoring(env, |client| said(set_mode(client, POWER_MODE_LOW))),
        Some(POWER_MODE_MEDIUM) => restoring(env, |client| said(set_mode(client, POWER_MODE_MEDIUM))),
        Some(POWER_MODE_HIGH) => restoring(env, |client| said(set_mode(client, POWER_MODE_HIGH))),
        Some(POWER_MODE_TURBO) => restoring(env, |client| said(set_mode(client, POWER_MODE_TURBO))),
        Some(_) => restoring(env, |client| said(set_mode(client, POWER_MODE_DEFAULT))),
    }
}

fn turbo_live(env: &Env) -> Outcome {
    restoring(env, |client| {
        let _heap = client.heap()?;
        client.context(1)?;
        said(set_mode(client, POWER_MODE_TURBO))
    })
}

fn reads_back(env: &Env) -> Outcome {
    restoring(env, |client| match set_mode(client, POWER_MODE_HIGH) {
        Ok(()) => Ok(mode_now(client)?.to_string()),
        Err(fail) => said::<()>(Err(fail)),
    })
}

fn h_clock(client: &Client) -> Result<u32, Fail> {
    let buffer = area(4096)?;
    client.get_info(DRM_AMDXDNA_QUERY_CLOCK_METADATA, &buffer, 48)?;
    Ok(buffer.word(40))
}

fn clocks(env: &Env) -> Outcome {
    env.xdna2()?;
    restoring(env, |client| {
        let mut seen = Vec::new();
        for (name, mode) in [
            ("turbo", POWER_MODE_TURBO),
            ("low", POWER_MODE_LOW),
            ("medium", POWER_MODE_MEDIUM),
            ("high", POWER_MODE_HIGH),
        ] {
            if let Err(fail) = set_mode(client, mode) {
                let errno = said::<()>(Err(fail))?;
                return Ok(if errno == "EACCES" {
                    errno
                } else {
                    format!("{name} {errno}")
                });
            }
            seen.push(h_clock(client)?.to_string());
        }
        Ok(seen.join(" "))
    })
}

/// A context that asks for nothing runs the array at its top clock; one that asks for little does with less.
fn scaling(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    if !client.contexts()?.is_empty() || mode_now(&client)? != POWER_MODE_DEFAULT {
        return Err(Fail::Needs("an idle device in the default power mode"));
    }
    let _heap = client.heap()?;
    let top = client.context(1)?;
    let high = h_clock(&client)?;
    client.destroy_hwctx(top.handle)?;
    client.context_with(Env::CORE_ROWS, 4096, [1, 1, 0, 0, 0, 0, 0xff, 0])?;
    let low = h_clock(&client)?;
    Ok(if low < high {
        "top, then lower"
    } else {
        "unchanged"
    }
    .into())
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
