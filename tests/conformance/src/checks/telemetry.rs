//! GET_INFO 10: telemetry (driver-abi 9.6).

use xdna_uapi::*;

use crate::axes::Device::Npu1;
use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Fail, Outcome, check, said, yes};
use crate::client::{Client, Rig, area};
use crate::env::Env;
use crate::sys::Area;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check(
        "get_info.telemetry",
        "9.6",
        telemetry,
        &[
            (To(V6_18), "EOPNOTSUPP"),
            (All(&[On(Oot), Not(&Admin)]), "EPERM"),
            (Is(Npu1), "ok, map 6"),
            (Any, "ok, map 16"),
        ],
    )
    .row("16.6 telemetry"),
    check(
        "get_info.telemetry-header-only",
        "9.6",
        |e| telemetry_of(e, 0, 16),
        TELEMETRY_REFUSED,
    )
    .row("16.6 telemetry header only"),
    check(
        "get_info.telemetry-type-5",
        "9.6",
        |e| telemetry_of(e, 5, 256 << 10),
        TELEMETRY_REFUSED,
    ),
    check(
        "get_info.telemetry-type-all-ones",
        "9.6",
        |e| telemetry_of(e, u32::MAX, 256 << 10),
        TELEMETRY_REFUSED,
    ),
    check(
        "get_info.telemetry-small-payload",
        "9.6",
        |e| telemetry_of(e, 0, 1024),
        &[
            (To(V6_18), "EOPNOTSUPP"),
            (All(&[On(Oot), Not(&Admin)]), "EPERM"),
            (On(Oot), "EINVAL"),
            (To(V7_0), "EINVAL"),
            (Any, "ok"),
        ],
    ),
    check(
        "get_info.telemetry-5m",
        "9.6",
        |e| telemetry_of(e, 0, 5 << 20),
        &[
            (To(V6_18), "EOPNOTSUPP"),
            (All(&[On(Oot), Not(&Admin)]), "EPERM"),
            (On(Oot), "ok | EINVAL"),
            (To(V7_0), "EINVAL"),
            (Any, "ok"),
        ],
    ),
    check(
        "get_info.telemetry-lists-our-context",
        "9.6",
        telemetry_map,
        &[
            (To(V6_18), "EOPNOTSUPP"),
            (All(&[On(Oot), Not(&Admin)]), "EPERM"),
            (Any, "yes"),
        ],
    ),
];

const TELEMETRY_REFUSED: Rules = &[
    (To(V6_18), "EOPNOTSUPP"),
    (All(&[On(Oot), Not(&Admin)]), "EPERM"),
    (Any, "EINVAL"),
];

fn telemetry_into(client: &Client, buffer: &Area, kind: u32, size: u32) -> Result<u32, Fail> {
    buffer.write_words(8, &[kind]);
    client.get_info(DRM_AMDXDNA_QUERY_TELEMETRY, buffer, size)
}

fn telemetry_of(env: &Env, kind: u32, size: u32) -> Outcome {
    said(telemetry_into(&Client::open(env)?, &area(8 << 20)?, kind, size))
}

fn telemetry(env: &Env) -> Outcome {
    let buffer = area(1 << 20)?;
    match telemetry_into(&Client::open(env)?, &buffer, 0, 256 << 10) {
        Ok(_) => Ok(format!("ok, map {}", buffer.word(12))),
        Err(fail) => said::<()>(Err(fail)),
    }
}

fn telemetry_map(env: &Env) -> Outcome {
    let rig = Rig::new(env)?;
    let buffer = area(1 << 20)?;
    match telemetry_into(&rig.client, &buffer, 0, 256 << 10) {
        Ok(_) => {
            let map = (0..buffer.word(12).min(64) as usize).map(|n| buffer.word(16 + 4 * n));
            yes(map.into_iter().any(|handle| handle == rig.context.handle))
        }
        Err(fail) => said::<()>(Err(fail)),
    }
}
