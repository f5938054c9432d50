//! What QoS is refused (driver-abi 6.4).

use super::partition::{TEMPORAL, alone};
use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Fail, Outcome, check, said};
use crate::client::qos;
use crate::env::Env;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check("qos.zero", "6.4", |e| asks(e, 0, qos(0, 0, 0, 0)), OK),
    check(
        "qos.hints-only",
        "6.4",
        |e| asks(e, 0, [0, 30, 5, 33, 7, 0, 0xff, 0]),
        OK,
    ),
    check(
        "qos.gops-without-rate",
        "6.4",
        |e| asks(e, 0, qos(u32::MAX, 0, 0, 0)),
        OK,
    ),
    check(
        "qos.priority-normal",
        "4.2",
        |e| asks(e, 0, qos(0, 0, 0, 0x200)),
        OK,
    ),
    check(
        "qos.priority-realtime",
        "4.2",
        |e| asks(e, 0, qos(0, 0, 0, 0x100)),
        OK,
    ),
    check("qos.priority-low", "4.2", |e| asks(e, 0, qos(0, 0, 0, 0x280)), OK),
    check(
        "qos.priority-unknown",
        "4.2, 6.3",
        |e| asks(e, 0, qos(0, 0, 0, 0xdead)),
        OK,
    ),
    check("qos.no-max_opc", "6.4", |e| asks(e, 0, qos(1, 1, 0, 0)), NO_OPC),
    check("qos.max_opc-reached", "6.4", |e| exact(e, 0), OK),
    check("qos.max_opc-passed", "6.4", |e| exact(e, 1), PASSED_OPC),
    check("qos.platform-reached", "6.4", |e| platform(e, 0), PLATFORM),
    check("qos.platform-passed", "6.4", |e| platform(e, 1), PLATFORM_PASSED),
    check(
        "qos.latency-is-a-rate",
        "6.4",
        |e| asks(e, 1000, qos(2000, 0, 1, 0)),
        RATE,
    ),
    check(
        "qos.latency-over-a-second",
        "6.4",
        |e| asks(e, 1000, qos(1 << 20, 0, 2000, 0)),
        SLOW,
    ),
    check(
        "qos.faster-of-fps-and-latency",
        "6.4",
        |e| asks(e, 1000, qos(100, 1, 10, 0)),
        RATE,
    ),
];

const OK: Rules = &[(Any, "ok")];

/// 6.4: nothing is refused from 6.19 to 7.1 with TEMPORAL_ONLY firmware.
const BYPASSED: crate::axes::When = All(&[TEMPORAL, To(V7_1)]);
const NO_OPC: Rules = &[(BYPASSED, "ok"), (To(V7_1), "EINVAL"), (Any, "ok")];
const PASSED_OPC: Rules = &[(BYPASSED, "ok"), (To(V7_1), "EINVAL"), (Any, "ok")];
const PLATFORM: Rules = &[(BYPASSED, "ok"), (To(V7_1), "EINVAL"), (Any, "ok")];
const PLATFORM_PASSED: Rules = &[(BYPASSED, "ok"), (Any, "EINVAL")];
const RATE: Rules = &[(BYPASSED, "ok"), (Any, "EINVAL")];
const SLOW: Rules = &[(BYPASSED, "ok"), (To(V7_1), "ok"), (Any, "EINVAL")];

/// One column with this QoS.
fn asks(env: &Env, max_opc: u32, qos: [u32; 8]) -> Outcome {
    let (client, _heap) = alone(env)?;
    said(client.context_with(Env::CORE_ROWS, max_opc, qos))
}

/// The top H clock of section 11, MHz.
fn top_clock(env: &Env) -> Result<u32, Fail> {
    Ok(if env.xdna2()? { 1800 } else { 1600 })
}

/// To 7.1: what 1000 operations per cycle can do at the top clock, one frame per second, and `more` gops.
fn exact(env: &Env, more: u32) -> Outcome {
    let gops = top_clock(env)? + more;
    asks(env, 1000, qos(gops, 1, 0, 0))
}

/// From 7.2: what one column can do at the top clock, and `more` gops. The factor is 2 there, so half of
/// 2048 x 1600 / 1000 (npu1) or 4096 x 1800 / 1000.
fn platform(env: &Env, more: u32) -> Outcome {
    let gops = if env.xdna2()? { 3686 } else { 1638 } + more;
    asks(env, 1000, qos(gops, 1, 0, 0))
}
