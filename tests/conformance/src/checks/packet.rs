//! Packets that the driver drops when the job starts: the submit succeeds, the fence signals, the state stays NEW
//! and the firmware sees nothing (driver-abi 7.1 to 7.4, 8.2).

use xdna_uapi::ert::opcode;

use crate::axes::Feature::{NpuCommand, Preempt};
use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Outcome, check, yes};
use crate::client::{Packet, Rig, chain};
use crate::env::Env;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check(
        "packet.no-cu-bit",
        "7.1, 8.2",
        |e| end(e, |_| Packet::new(0, &[0; 8])),
        NEW,
    )
    .row("16.5 malformed packet (ours)"),
    check(
        "packet.no-cu-bit-start_npu",
        "7.1, 8.2",
        |e| end(e, |_| Packet::new(20, &[0; 8])),
        NEW,
    ),
    check(
        "packet.no-cu-bit-in-extra-masks",
        "7.1, 8.2",
        |e| end(e, extra_masks),
        NEW,
    ),
    check("packet.opcode-1", "7.2, 8.2", |e| end(e, |_| op(1)), NEW),
    check("packet.opcode-2", "7.2, 8.2", |e| end(e, |_| op(2)), NEW),
    check("packet.opcode-17", "7.2, 8.2", |e| end(e, |_| op(17)), NEW),
    check(
        "packet.opcode-18-is-aie4",
        "7.2, 8.2",
        |e| end(e, |_| op(opcode::START_DPU)),
        NEW,
    ),
    check("packet.opcode-23", "7.2, 8.2", |e| end(e, |_| op(23)), NEW),
    check("packet.opcode-31", "7.2, 8.2", |e| end(e, |_| op(31)), NEW),
    check("packet.preempt-without-feature", "7.2, 8.2", preempt_lacking, NEW),
    check(
        "packet.preempt-elf-without-feature",
        "7.2, 8.2",
        preempt_elf_lacking,
        NEW,
    ),
    check(
        "packet.start_npu-without-head",
        "7.1, 8.2",
        |e| end(e, |_| Packet::new(20, &[1, 0, 0])),
        NEW,
    ),
    check(
        "packet.start_npu-count-0",
        "7.1, 8.2",
        |e| end(e, |r| r.empty_npu(0).claiming(0)),
        NEW,
    ),
    check(
        "packet.start_npu-mask-only",
        "7.1, 8.2",
        |e| end(e, |r| r.empty_npu(0).claiming(1)),
        NEW,
    ),
    check("packet.start_npu-count-beyond-bo", "1.4, 7.1", beyond, NEW),
    check("packet.start_npu-args-36", "7.2 R", |e| npu_args(e, 36), NEW),
    check("packet.start_npu-args-100", "7.2 R", |e| npu_args(e, 100), NEW),
    check("packet.start_cu-20-words-direct", "7.2 R", direct_20, NEW),
    check("packet.start_cu-over-a-slot", "7.2", over_slot, NEW),
    check("packet.start_cu-count-0", "7.1 R", start_cu_count_0, NEW),
    check(
        "packet.dropped-payload-kept",
        "8.2",
        payload_kept,
        &[(Any, "yes")],
    ),
    check(
        "packet.state-rewritten-at-start",
        "7.3",
        |e| state_rewritten(e, 9),
        NEW,
    ),
    check("packet.state-0-rewritten", "7.3", |e| state_rewritten(e, 0), NEW),
    check(
        "packet.dropped-fence-is-in-a-sync-file",
        "8.2",
        sync_file,
        &[(Any, "ok")],
    ),
    check(
        "packet.queue-goes-on-after-a-drop",
        "8.2",
        goes_on,
        &[(Any, "NEW NEW NEW")],
    ),
    check(
        "packet.eight-drops-in-a-row",
        "6.2, 7.5",
        eight,
        &[(Any, "0 1 2 3 4 5 6 7")],
    ),
];

const NEW: Rules = &[(Any, "NEW")];

pub(super) fn end(env: &Env, packet: fn(&Rig) -> Packet) -> Outcome {
    let rig = Rig::new(env)?;
    rig.end_of(&packet(&rig))
}

pub(super) fn op(opcode: u32) -> Packet {
    Packet::new(opcode, &[1, 0, 0, 0, 0, 0, 0, 0])
}

/// Four mask words, all zero.
fn extra_masks(_: &Rig) -> Packet {
    let mut packet = Packet::new(opcode::START_CU, &[0; 12]);
    packet.0[0] |= 3 << 10;
    packet
}

const LACKING: crate::axes::When = Not(&All(&[Has(Preempt), Has(NpuCommand)]));

fn preempt_lacking(env: &Env) -> Outcome {
    env.only(LACKING, "a profile without PREEMPT or NPU_COMMAND")?;
    end(env, |r| r.empty_preempt(0))
}

fn preempt_elf_lacking(env: &Env) -> Outcome {
    env.only(LACKING, "a profile without PREEMPT or NPU_COMMAND")?;
    end(env, |r| {
        let mut packet = r.empty_preempt(0);
        packet.0[0] += 1 << 23;
        packet
    })
}

/// 2000 words claimed in a buffer object of one page. To 6.19 the kernel reads past it.
fn beyond(env: &Env) -> Outcome {
    env.only(From(V7_0), "a kernel that checks the count (7.0)")?;
    end(env, |r| r.empty_npu(0).claiming(2000))
}

/// More words than any path takes. To 6.18 the direct path cuts them off and sends the rest.
fn npu_args(env: &Env, args: usize) -> Outcome {
    env.only(From(V6_19), "a kernel that does not cut long payloads (6.19)")?;
    let rig = Rig::new(env)?;
    rig.end_of(&rig.empty_npu(args))
}

fn direct_20(env: &Env) -> Outcome {
    env.only(
        All(&[From(V6_19), Not(&List)]),
        "the direct path of 6.19 and later (force_cmdlist off)",
    )?;
    let rig = Rig::new(env)?;
    rig.end_of(&rig.empty_run(20))
}

/// 1022 payload words need more than the 4096 bytes of slots by either slot format.
fn over_slot(env: &Env) -> Outcome {
    env.only(
        All(&[From(V6_19), Not(&On(Oot))]),
        "a kernel that does not cut long payloads (6.19)",
    )?;
    let rig = Rig::new(env)?;
    let long = rig.empty_run(1024);
    // On the list path the slot is too small; on the direct path 19 words are the limit.
    let bo = rig.client.mapped(crate::client::CMD, 8192)?;
    bo.area.write_words(0, &long.0);
    rig.wait(rig.exec(bo.handle, &[rig.code])?)?;
    Ok(crate::client::State(bo.area.word(0) & 0xf).to_string())
}

/// Rejected to 6.18. From 7.2 on the list path sends it without arguments (`run.start_cu-count-0`), the direct path with
/// what lies behind it in the kernel's memory, which is not asked for; of 6.19 to 7.1 the page says nothing.
fn start_cu_count_0(env: &Env) -> Outcome {
    env.only(
        To(V6_18),
        "a kernel that drops it (to 6.18); from 7.2 it is run.start_cu-count-0",
    )?;
    end(env, |r| r.empty_run(5).claiming(0))
}

fn payload_kept(env: &Env) -> Outcome {
    let rig = Rig::new(env)?;
    rig.end_of(&Packet::new(9, &[1, 0x1111_1111, 0x2222_2222]))?;
    yes(rig.packet.area.word(8) == 0x1111_1111 && rig.packet.area.word(12) == 0x2222_2222)
}

fn state_rewritten(env: &Env, state: u32) -> Outcome {
    let rig = Rig::new(env)?;
    let mut packet = op(9);
    packet.0[0] = packet.0[0] & !0xf | state;
    rig.end_of(&packet)
}

/// The context's fence, exported and imported into another syncobj.
fn sync_file(env: &Env) -> Outcome {
    let rig = Rig::new(env)?;
    let seq = rig.submit(&op(9))?;
    rig.wait(seq)?;
    let fd = rig.client.syncobj_export(rig.context.syncobj, 1, 0)?;
    let other = rig.client.syncobj(0)?;
    rig.client.syncobj_import(&fd, 1, other)?;
    crate::check::said(rig.client.syncobj_wait(&[other], 0, 0))
}

fn goes_on(env: &Env) -> Outcome {
    let rig = Rig::new(env)?;
    Ok([rig.end_of(&op(9))?, rig.end_of(&chain(&[]))?, rig.end_of(&op(1))?].join(" "))
}

/// Twice the queue's depth: the submitter blocks for a slot and goes on.
fn eight(env: &Env) -> Outcome {
    let rig = Rig::new(env)?;
    let mut seqs = Vec::new();
    for _ in 0..8 {
        seqs.push(rig.submit(&op(9))?);
    }
    rig.wait(7)?;
    Ok(seqs.iter().map(u64::to_string).collect::<Vec<_>>().join(" "))
}
