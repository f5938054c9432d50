//! Sequence numbers and the fences that carry them (driver-abi 7.5, 8.1, 8.3).

use xdna_uapi::*;

use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Outcome, check, said, told};
use crate::client::{FOR_SUBMIT, Packet, Rig, in_ms, words};
use crate::env::Env;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check("exec.first-seq", "7.5, 8.1", |e| sequence(e, 1), &[(Any, "0")]),
    check(
        "exec.seqs-count-up",
        "7.5",
        |e| sequence(e, 6),
        &[(Any, "0 1 2 3 4 5")],
    ),
    check(
        "exec.refusal-takes-no-seq",
        "7.5 I",
        refusal_takes_no_seq,
        &[(Any, "0")],
    ),
    check("exec.seq-per-context", "7.5", seq_per_context, &[(Any, "0 0")]),
    check(
        "exec.refusal-leaves-the-packet",
        "8.2",
        refusal_leaves_packet,
        &[(Any, "state ABORT, kept")],
    ),
    check("exec.point-0-waits-for-all", "8.1", point_0, OK),
    check(
        "exec.fence-on-the-contexts-syncobj",
        "8.1",
        |e| waits(e, 0, FOR_SUBMIT),
        OK,
    ),
    check(
        "exec.future-seq-times-out",
        "8.1",
        |e| waits(e, 7, FOR_SUBMIT),
        &[(Any, "ETIME")],
    ),
    check(
        "exec.future-seq-without-flag",
        "2.3, 8.1",
        |e| waits(e, 7, 0),
        REFUSED,
    ),
    check("exec.query-tells-the-last-seq", "8.1", query, &[(Any, "2")]),
    check(
        "wait_cmd.unknown-context",
        "1.3, 8.3",
        |e| wait_cmd(e, 250),
        WAIT_CMD,
    ),
    check(
        "wait_cmd.live-context",
        "1.3, 8.3",
        |e| wait_cmd(e, 0),
        &[(On(Oot), "ok"), (To(V7_1), "EINVAL"), (Any, "EOPNOTSUPP")],
    ),
];

const OK: Rules = &[(Any, "ok")];
const REFUSED: Rules = &[(Any, "EINVAL")];
const WAIT_CMD: Rules = &[(On(Oot), "EINVAL"), (To(V7_1), "EINVAL"), (Any, "EOPNOTSUPP")];

fn sequence(env: &Env, count: usize) -> Outcome {
    let rig = Rig::holding(env, &Packet::dropped())?;
    let mut seqs = Vec::new();
    for _ in 0..count {
        let seq = rig.submit(&Packet::dropped())?;
        rig.wait(seq)?;
        seqs.push(seq.to_string());
    }
    Ok(seqs.join(" "))
}

fn refusal_takes_no_seq(env: &Env) -> Outcome {
    let rig = Rig::holding(env, &Packet::dropped())?;
    if rig.exec(rig.packet.handle, &[999]).is_ok() {
        return Ok("an unknown argument was accepted".into());
    }
    told(rig.submit(&Packet::dropped()))
}

fn seq_per_context(env: &Env) -> Outcome {
    let rig = Rig::holding(env, &Packet::dropped())?;
    let first = rig.submit(&Packet::dropped())?;
    rig.wait(first)?;
    let second = rig.client.context(1)?;
    rig.client.config_cu(second.handle, &[(rig.pdi, 0)])?;
    let list = words(&[rig.code])?;
    let arg = amdxdna_drm_exec_cmd {
        hwctx: second.handle,
        args: list.addr(),
        arg_count: 1,
        ..rig.exec_arg(rig.packet.handle)
    };
    Ok(format!("{first} {}", rig.exec_with(arg)?))
}

/// A state that the kernel would write itself in no refusal: it must still be there.
fn refusal_leaves_packet(env: &Env) -> Outcome {
    let rig = Rig::holding(env, &Packet::dropped())?;
    let packet = Packet(vec![Packet::dropped().0[0] & !0xf | 6, 0, 0x1234_5678]);
    rig.packet.area.write_words(0, &packet.0);
    if rig.exec(rig.packet.handle, &[999]).is_ok() {
        return Ok("an unknown argument was accepted".into());
    }
    let kept = if rig.packet.area.word(8) == 0x1234_5678 {
        "kept"
    } else {
        "changed"
    };
    Ok(format!("state {}, {kept}", rig.state()))
}

fn point_0(env: &Env) -> Outcome {
    let rig = Rig::holding(env, &Packet::dropped())?;
    for _ in 0..3 {
        rig.submit(&Packet::dropped())?;
    }
    rig.wait(0)?;
    // The latest fence is signalled, so every point is.
    said(rig.client.timeline_wait(&[(rig.context.syncobj, 2)], 0, 0))
}

fn waits(env: &Env, point: u64, flags: u32) -> Outcome {
    let rig = Rig::holding(env, &Packet::dropped())?;
    let seq = rig.submit(&Packet::dropped())?;
    rig.wait(seq)?;
    said(
        rig.client
            .timeline_wait(&[(rig.context.syncobj, point)], in_ms(100), flags),
    )
}

fn query(env: &Env) -> Outcome {
    let rig = Rig::holding(env, &Packet::dropped())?;
    for _ in 0..3 {
        let seq = rig.submit(&Packet::dropped())?;
        rig.wait(seq)?;
    }
    told(rig.client.syncobj_query(rig.context.syncobj, 0))
}

fn wait_cmd(env: &Env, add: u32) -> Outcome {
    let rig = Rig::holding(env, &Packet::dropped())?;
    let seq = rig.submit(&Packet::dropped())?;
    rig.wait(seq)?;
    let mut arg = amdxdna_drm_wait_cmd {
        hwctx: rig.context.handle + add,
        timeout: 100,
        seq,
    };
    said(rig.client.call(request::DRM_IOCTL_AMDXDNA_WAIT_CMD, &mut arg))
}
