//! SET_STATE of power modes and what the clocks make of them; as root, with `--change`, put back (driver-abi 9.3).

use xdna_uapi::*;

use super::set_state::refused;
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
];

const OK: Rules = &[(Not(&Admin), "EACCES"), (Any, "ok")];
const REFUSED: Rules = &[(Not(&Admin), "EACCES"), (Any, "EINVAL")];
const LOW: Rules = &[(Not(&Admin), "EACCES"), (To(V7_1), "EOPNOTSUPP"), (Any, "ok")];

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
