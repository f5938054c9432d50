//! Debug buffers (driver-abi 1.4, 6.5).

use xdna_uapi::*;

use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Fail, Outcome, check, said};
use crate::client::{DEV, Packet, Rig, SHARE};
use crate::env::Env;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check("debug_bo.attach", "1.4, 6.5", |e| debug(e, attach), ATTACHED).row("16.3 debug BO 4 KiB, 1 MiB"),
    check(
        "debug_bo.attach-1m",
        "16.3 D",
        |e| debug(e, attach_large),
        ATTACHED,
    ),
    check(
        "debug_bo.attach-unknown",
        "6.5",
        |e| debug(e, |r| r.client.debug_bo(r.context.handle, true, 999)),
        BAD_BO,
    ),
    check(
        "debug_bo.attach-zero",
        "6.5",
        |e| debug(e, |r| r.client.debug_bo(r.context.handle, true, 0)),
        BAD_BO,
    ),
    check("debug_bo.attach-share", "6.5", |e| debug(e, attach_share), BAD_BO),
    check(
        "debug_bo.attach-twice",
        "6.5",
        |e| debug(e, attach_twice),
        &[
            (To(V6_18), "EOPNOTSUPP"),
            (On(Oot), "EBUSY | EINVAL"),
            (Any, "EBUSY"),
        ],
    ),
    check(
        "debug_bo.attach-to-second-context",
        "6.5",
        |e| debug(e, attach_second),
        &[
            (To(V6_18), "EOPNOTSUPP"),
            (On(Oot), "EBUSY | EINVAL"),
            (Any, "EBUSY"),
        ],
    ),
    check(
        "debug_bo.attach-unknown-context",
        "6.5 (to 6.18: I)",
        |e| debug(e, |r| r.client.debug_bo(200, true, r.pdi)),
        &[(To(V6_18), "EINVAL | EOPNOTSUPP"), (Any, "EINVAL")],
    ),
    check("debug_bo.detach", "1.4, 6.5", |e| debug(e, detach), DETACHED),
    check(
        "debug_bo.detach-unattached",
        "6.5",
        |e| debug(e, |r| r.client.debug_bo(r.context.handle, false, r.pdi)),
        BAD_BO,
    ),
    check(
        "debug_bo.detach-from-the-wrong-context",
        "6.5",
        |e| debug(e, detach_wrong),
        BAD_BO,
    ),
    check(
        "debug_bo.sync-from-device",
        "5.5, 16.3 D",
        |e| debug(e, sync_from),
        SYNCED,
    ),
    check(
        "debug_bo.takes-sequence-numbers",
        "7.5 R",
        debug_seq,
        &[(To(V6_18), "EOPNOTSUPP"), (On(Oot), "0 | 1"), (Any, "1")],
    ),
];

const ATTACHED: Rules = &[(To(V6_18), "EOPNOTSUPP"), (Any, "ok")];
const BAD_BO: Rules = &[(To(V6_18), "EOPNOTSUPP"), (Any, "EINVAL")];
const DETACHED: Rules = &[(To(V6_18), "EOPNOTSUPP"), (To(V7_0), "EINVAL"), (Any, "ok")];

/// To 6.18 nothing is attached and the flush of an ordinary DEV buffer object succeeds (1.4).
const SYNCED: Rules = &[(To(V6_18), "EOPNOTSUPP"), (Any, "ok")];

fn debug(env: &Env, then: fn(&Rig) -> Result<(), Fail>) -> Outcome {
    let rig = Rig::new(env)?;
    let outcome = said(then(&rig));
    // Destroying the context is the one way to detach that every level has.
    rig.client.destroy_hwctx(rig.context.handle)?;
    outcome
}

fn dev(rig: &Rig, size: u64) -> Result<u32, Fail> {
    rig.client.create_bo(DEV, size)
}

fn attach(rig: &Rig) -> Result<(), Fail> {
    rig.client.debug_bo(rig.context.handle, true, dev(rig, 4096)?)
}

fn attach_large(rig: &Rig) -> Result<(), Fail> {
    rig.client.debug_bo(rig.context.handle, true, dev(rig, 1 << 20)?)
}

fn attach_share(rig: &Rig) -> Result<(), Fail> {
    rig.client
        .debug_bo(rig.context.handle, true, rig.client.create_bo(SHARE, 4096)?)
}

fn attach_twice(rig: &Rig) -> Result<(), Fail> {
    let bo = dev(rig, 4096)?;
    rig.client.debug_bo(rig.context.handle, true, bo)?;
    rig.client.debug_bo(rig.context.handle, true, bo)
}

fn attach_second(rig: &Rig) -> Result<(), Fail> {
    let bo = dev(rig, 4096)?;
    let second = rig.client.context(1)?;
    rig.client.debug_bo(rig.context.handle, true, bo)?;
    rig.client.debug_bo(second.handle, true, bo)
}

fn detach(rig: &Rig) -> Result<(), Fail> {
    let bo = dev(rig, 4096)?;
    rig.client.debug_bo(rig.context.handle, true, bo)?;
    rig.client.debug_bo(rig.context.handle, false, bo)
}

fn detach_wrong(rig: &Rig) -> Result<(), Fail> {
    let bo = dev(rig, 4096)?;
    let second = rig.client.context(1)?;
    rig.client.debug_bo(rig.context.handle, true, bo)?;
    rig.client.debug_bo(second.handle, false, bo)
}

fn sync_from(rig: &Rig) -> Result<(), Fail> {
    let bo = dev(rig, 4096)?;
    rig.client.debug_bo(rig.context.handle, true, bo)?;
    rig.client.sync_bo(bo, SYNC_DIRECT_FROM_DEVICE, 0, 4096)
}

/// The sequence number of the first command after an attach.
fn debug_seq(env: &Env) -> Outcome {
    let rig = Rig::new(env)?;
    if let Err(fail) = attach(&rig) {
        return said::<()>(Err(fail));
    }
    // No compute unit: the driver drops the job.
    Ok(rig.submit(&Packet::new(0, &[0; 7]))?.to_string())
}
