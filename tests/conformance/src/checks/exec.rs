//! EXEC_CMD: what the call itself refuses, and sequence numbers (driver-abi 1.4, 7.5, 8.1).

use xdna_uapi::*;

use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Fail, Outcome, check, said};
use crate::client::{CMD, Client, DEV, Packet, Rig, SHARE, words};
use crate::env::Env;
use crate::sys::NOWHERE;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check("exec.accepted", "7.5", |e| with(e, |_| {}), OK),
    check("exec.ext", "7.5", |e| with(e, |a| a.ext = 1), REFUSED),
    check("exec.ext_flags", "7.5", |e| with(e, |a| a.ext_flags = 1), REFUSED),
    check(
        "exec.type-1",
        "4.2, 7.5, 17",
        |e| with(e, |a| a.type_ = 1),
        &[(On(Oot), "EINVAL | EFAULT | ENOENT"), (Any, "EINVAL")],
    )
    .row("16.4 fences, device side"),
    check(
        "exec.type-2",
        "4.2, 7.5, 17",
        |e| with(e, |a| a.type_ = 2),
        &[(On(Oot), "EINVAL | EFAULT | ENOENT"), (Any, "EINVAL")],
    ),
    check("exec.type-3", "7.5", |e| with(e, |a| a.type_ = 3), REFUSED),
    check(
        "exec.type-all-ones",
        "7.5",
        |e| with(e, |a| a.type_ = u32::MAX),
        REFUSED,
    ),
    check(
        "exec.cmd_count-0",
        "7.5",
        |e| with(e, |a| a.cmd_count = 0),
        REFUSED,
    ),
    check(
        "exec.cmd_count-2",
        "7.5",
        |e| with(e, |a| a.cmd_count = 2),
        REFUSED,
    ),
    check(
        "exec.arg_count-4096",
        "7.5",
        |e| with(e, |a| a.arg_count = 4096),
        REFUSED,
    ),
    check(
        "exec.arg_count-all-ones",
        "7.5",
        |e| with(e, |a| a.arg_count = u32::MAX),
        REFUSED,
    ),
    check(
        "exec.args-nowhere",
        "7.5",
        |e| with(e, |a| a.args = NOWHERE),
        &[(Any, "EFAULT")],
    ),
    check(
        "exec.args-null",
        "4.2, 7.5",
        |e| with(e, |a| a.args = 0),
        &[(Any, "EFAULT")],
    ),
    check(
        "exec.no-args",
        "1.4, 7.5",
        |e| args(e, |_| Ok(vec![])),
        &[(To(V6_14), "EINVAL"), (Any, "ok")],
    ),
    check(
        "exec.cmd-unknown",
        "7.5",
        |e| with(e, |a| a.cmd_handles = 999),
        REFUSED,
    )
    .row("16.5 argument errors (ours)"),
    check("exec.cmd-zero", "7.5", cmd_zero, REFUSED),
    check("exec.cmd-dev", "7.5", |e| as_cmd(e, DEV), REFUSED),
    check("exec.cmd-heap", "7.5", cmd_heap, REFUSED),
    check(
        "exec.cmd-share",
        "1.4, 7.5",
        |e| as_cmd(e, SHARE),
        &[(To(V7_0), "EINVAL"), (Any, "ok")],
    ),
    check("exec.cmd-closed", "7.5", cmd_closed, REFUSED),
    check(
        "exec.cmd-above-32k",
        "1.4, 5.2",
        cmd_large,
        &[(To(V6_19), "CREATE_BO EINVAL"), (To(V7_0), "EINVAL"), (Any, "ok")],
    ),
    check(
        "exec.arg-unknown",
        "7.5",
        |e| args(e, |r| Ok(vec![r.code, 999])),
        UNKNOWN,
    ),
    check("exec.arg-zero", "7.5", |e| args(e, |_| Ok(vec![0])), UNKNOWN),
    check("exec.arg-closed", "7.5", |e| args(e, closed_arg), UNKNOWN),
    check(
        "exec.arg-twice",
        "7.5 R",
        |e| args(e, |r| Ok(vec![r.code, r.code])),
        &[(Any, "EALREADY")],
    )
    .row("16.4 duplicate BO"),
    check(
        "exec.arg-is-the-command",
        "7.5",
        |e| args(e, |r| Ok(vec![r.packet.handle])),
        &[(Any, "ok | EALREADY")],
    ),
    check(
        "exec.arg-share-mapped",
        "7.5",
        |e| args(e, |r| Ok(vec![r.client.mapped(SHARE, 4096)?.handle])),
        OK,
    ),
    check(
        "exec.arg-heap",
        "7.5",
        |e| args(e, |r| Ok(vec![r.heap.handle])),
        OK,
    ),
    check("exec.args-512", "6.2", |e| args(e, |r| many(r, 512)), OK),
    check(
        "exec.context-unknown",
        "7.5",
        |e| with(e, |a| a.hwctx = 200),
        REFUSED,
    ),
    check("exec.context-zero", "7.5", |e| with(e, |a| a.hwctx = 0), REFUSED),
    check("exec.context-destroyed", "7.5", context_destroyed, REFUSED),
    check(
        "exec.context-of-another-client",
        "7.5",
        context_other,
        &[(To(V7_3), "EINVAL"), (Any, "EINVAL | ENOENT")],
    ),
    check(
        "exec.before-config",
        "1.4, 6.5 R",
        before_config,
        &[(To(V6_18), "EINVAL"), (Any, "ok")],
    ),
];

const OK: Rules = &[(Any, "ok")];
const REFUSED: Rules = &[(Any, "EINVAL")];
const UNKNOWN: Rules = &[(Any, "ENOENT")];

fn with(env: &Env, change: fn(&mut amdxdna_drm_exec_cmd)) -> Outcome {
    let rig = Rig::holding(env, &Packet::dropped())?;
    let list = words(&[rig.code])?;
    let mut arg = amdxdna_drm_exec_cmd {
        args: list.addr(),
        arg_count: 1,
        ..rig.exec_arg(rig.packet.handle)
    };
    change(&mut arg);
    said(rig.exec_with(arg))
}

fn args(env: &Env, list: fn(&Rig) -> Result<Vec<u32>, Fail>) -> Outcome {
    let rig = Rig::holding(env, &Packet::dropped())?;
    let list = list(&rig)?;
    said(rig.exec(rig.packet.handle, &list))
}

fn closed_arg(rig: &Rig) -> Result<Vec<u32>, Fail> {
    let bo = rig.client.create_bo(SHARE, 4096)?;
    rig.client.gem_close(bo)?;
    Ok(vec![bo])
}

fn many(rig: &Rig, count: usize) -> Result<Vec<u32>, Fail> {
    (0..count).map(|_| rig.client.create_bo(SHARE, 4096)).collect()
}

fn cmd_zero(env: &Env) -> Outcome {
    env.only(From(V7_2), "a kernel that survives handle 0 (7.2)")?;
    with(env, |a| a.cmd_handles = 0)
}

fn as_cmd(env: &Env, kind: u32) -> Outcome {
    let rig = Rig::holding(env, &Packet::dropped())?;
    let bo = match kind {
        DEV => rig.code,
        _ => {
            let bo = rig.client.mapped(kind, 4096)?;
            bo.area.write_words(0, &Packet::dropped().0);
            bo.handle
        }
    };
    said(rig.exec(bo, &[rig.pdi]))
}

fn cmd_heap(env: &Env) -> Outcome {
    let rig = Rig::holding(env, &Packet::dropped())?;
    said(rig.exec(rig.heap.handle, &[rig.code]))
}

fn cmd_closed(env: &Env) -> Outcome {
    let rig = Rig::holding(env, &Packet::dropped())?;
    rig.client.gem_close(rig.packet.handle)?;
    said(rig.exec(rig.packet.handle, &[rig.code]))
}

fn cmd_large(env: &Env) -> Outcome {
    let rig = Rig::holding(env, &Packet::dropped())?;
    let bo = match rig.client.create_bo(CMD, 64 << 10) {
        Ok(bo) => bo,
        Err(fail) => return Ok(format!("CREATE_BO {}", said::<()>(Err(fail))?)),
    };
    let area = rig.client.map(bo, 64 << 10)?;
    area.write_words(0, &Packet::dropped().0);
    said(rig.exec(bo, &[rig.code]))
}

fn context_destroyed(env: &Env) -> Outcome {
    let rig = Rig::holding(env, &Packet::dropped())?;
    rig.client.destroy_hwctx(rig.context.handle)?;
    said(rig.exec(rig.packet.handle, &[rig.code]))
}

fn context_other(env: &Env) -> Outcome {
    let rig = Rig::holding(env, &Packet::dropped())?;
    let other = Client::open(env)?;
    let bo = other.mapped(CMD, 4096)?;
    bo.area.write_words(0, &Packet::dropped().0);
    let arg = other.create_bo(SHARE, 4096)?;
    let list = words(&[arg])?;
    let mut exec = amdxdna_drm_exec_cmd {
        args: list.addr(),
        arg_count: 1,
        ..rig.exec_arg(bo.handle)
    };
    said(other.call(request::DRM_IOCTL_AMDXDNA_EXEC_CMD, &mut exec))
}

fn before_config(env: &Env) -> Outcome {
    let rig = Rig::unconfigured(env)?;
    rig.packet.area.write_words(0, &Packet::dropped().0);
    said(rig.exec(rig.packet.handle, &[rig.code]))
}
