//! GET_INFO of sensors, preemption and resources (driver-abi 9.1, 9.2).

use xdna_uapi::*;

use super::get_info::string;
use crate::axes::Device::Npu1;
use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Outcome, check, said};
use crate::client::{Client, area};
use crate::env::Env;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check("get_info.sensors", "9.1, 9.2", sensors, SENSORS),
    check("get_info.sensors-first-record", "9.2", first_sensor, FIRST_SENSOR),
    check("get_info.force_preempt", "9.1", |e| state(e, 11), STATE),
    check("get_info.frame_boundary_preempt", "9.1", |e| state(e, 13), STATE)
        .row("16.6 frame-boundary preempt"),
    check(
        "get_info.resource_info",
        "9.1",
        |e| state(e, 12),
        &[(To(V6_18), "EOPNOTSUPP"), (Any, "ok")],
    ),
    check(
        "get_info.resource-tasks",
        "9.2",
        |e| resource(e, 16),
        &[
            (To(V6_18), "EOPNOTSUPP"),
            (On(Oot), "6 | 16 | another"),
            (Is(Npu1), "6"),
            (Any, "16"),
        ],
    ),
    check(
        "get_info.resource-top-clock",
        "9.2, 11",
        |e| resource(e, 0),
        &[(To(V6_18), "EOPNOTSUPP"), (Is(Npu1), "1600"), (Any, "1800")],
    ),
    check(
        "get_info.resource-live-contexts",
        "9.2",
        resource_live,
        &[(To(V6_18), "EOPNOTSUPP"), (Any, "1 more")],
    ),
];

const STATE: Rules = &[(To(V6_18), "EOPNOTSUPP"), (Any, "0 | 1")];

/// EOPNOTSUPP: kernel without PMF; ENODEV: no PMF device.
const SENSORS: Rules = &[(To(V7_0), "EOPNOTSUPP"), (Any, "ok | EOPNOTSUPP | ENODEV")];
const FIRST_SENSOR: Rules = &[
    (To(V7_0), "EOPNOTSUPP"),
    (
        To(V7_3),
        "Total Power, mW, unitm -3, type 0 | EOPNOTSUPP | ENODEV",
    ),
    (
        Any,
        "Total Power, mW, unitm -3, type 0 | Total Power, W, unitm -3, type 0 | EOPNOTSUPP | ENODEV",
    ),
];

fn sensors(env: &Env) -> Outcome {
    said(Client::open(env)?.get_info(DRM_AMDXDNA_QUERY_SENSORS, &area(4096)?, 168 * 10))
}

fn first_sensor(env: &Env) -> Outcome {
    let buffer = area(4096)?;
    if let Err(fail) = Client::open(env)?.get_info(DRM_AMDXDNA_QUERY_SENSORS, &buffer, 168 * 10) {
        return said::<()>(Err(fail));
    }
    let (label, units) = (string(&buffer, 0, 64), string(&buffer, 144, 16));
    let (unitm, kind) = (buffer.read(160, 1)[0].cast_signed(), buffer.read(161, 1)[0]);
    Ok(format!("{label}, {units}, unitm {unitm}, type {kind}"))
}

fn state(env: &Env, param: u32) -> Outcome {
    let buffer = area(4096)?;
    let size = if param == DRM_AMDXDNA_QUERY_RESOURCE_INFO {
        40
    } else {
        8
    };
    match Client::open(env)?.get_info(param, &buffer, size) {
        Ok(_) if size == 40 => Ok("ok".into()),
        Ok(_) => Ok(buffer.read(0, 1)[0].to_string()),
        Err(fail) => said::<()>(Err(fail)),
    }
}

fn resource(env: &Env, at: usize) -> Outcome {
    let buffer = area(4096)?;
    match Client::open(env)?.get_info(DRM_AMDXDNA_QUERY_RESOURCE_INFO, &buffer, 40) {
        Ok(_) => Ok(match buffer.long(at) {
            known @ (6 | 16 | 1600 | 1800) => known.to_string(),
            _ if env.sure(On(Oot)) => "another".into(),
            other => other.to_string(),
        }),
        Err(fail) => said::<()>(Err(fail)),
    }
}

fn resource_live(env: &Env) -> Outcome {
    let buffer = area(4096)?;
    let client = Client::open(env)?;
    let _heap = client.heap()?;
    if let Err(fail) = client.get_info(DRM_AMDXDNA_QUERY_RESOURCE_INFO, &buffer, 40) {
        return said::<()>(Err(fail));
    }
    let before = buffer.long(32);
    client.context(1)?;
    client.get_info(DRM_AMDXDNA_QUERY_RESOURCE_INFO, &buffer, 40)?;
    Ok(format!("{} more", buffer.long(32).wrapping_sub(before)))
}
