//! Commands that fail, hang or are cancelled, and descriptors that take contexts with them
//! (driver-abi 2.2, 8.2, 8.4, 8.5; with `--run` and `--hang`).

use std::time::Duration;

use xdna_uapi::*;

use crate::axes::Feature::AppHealth;
use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Fail, Outcome, check, said};
use crate::client::{Mapped, Packet, Rig, State, chain, step};
use crate::env::Env;
use crate::sys;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check(
        "fault.unit-not-configured",
        "8.2 (unit: I)",
        bad,
        &[(Any, "ERROR")],
    ),
    check(
        "fault.bad-control-code",
        "8.2, 16.5 D",
        bad_code,
        &[(Any, "ERROR")],
    ),
    check(
        "fault.payload-after-an-error",
        "1.4, 8.4",
        payload,
        &[(To(V6_19), "kept"), (Any, "all ones")],
    ),
    check(
        "fault.good-after-bad",
        "8.2",
        good_after_bad,
        &[(Any, "ERROR COMPLETED")],
    ),
    check("fault.chain", "8.4, 16.5 D", failing_chain, CHAIN).row("16.5 failing chain"),
    check(
        "fault.chain-first-sub",
        "8.4",
        first_sub,
        &[(To(V6_19), "header NEW, kept"), (Any, "header NEW, all ones")],
    ),
    check(
        "fault.chain-other-subs",
        "8.4",
        other_subs,
        &[(Any, "header NEW, kept")],
    ),
    check("fault.hang", "1.4, 8.2, 8.5", hang, HANG),
    check("fault.hang-health", "8.4, 8.5 R", health, HEALTH).row("16.5 timeout with health"),
    check(
        "fault.hang-follower",
        "8.5 R",
        follower,
        &[(To(V6_17), "ABORT ABORT"), (Any, "TIMEOUT ABORT")],
    ),
    check("fault.good-after-hang", "8.5, 16.5 D", recovery, RECOVERY).row("16.5 invalid instruction address"),
    check(
        "fault.hang-keeps-handle-and-seq",
        "8.5",
        seq_goes_on,
        &[(Any, "1")],
    ),
    check(
        "fault.hang-chain",
        "8.4, 16.5 D",
        hanging_chain,
        &[(To(V6_17), "ABORT"), (Any, "TIMEOUT")],
    )
    .row("16.5 timed-out chain"),
    check(
        "fault.hang-other-context",
        "8.5",
        other_context,
        &[(Any, "COMPLETED")],
    ),
    check("fault.destroy-pending", "6.6, 8.2", destroy_pending, DESTROYED),
    check("fault.fifth-submit-blocks", "7.5 R", fifth, &[(Any, "EINTR")]),
];

/// To 6.17 the state is the low four bits of the firmware's status (8.4).
const CHAIN: Rules = &[
    (To(V6_17), "failed, error_index 1"),
    (Any, "ERROR, error_index 1"),
];
const HANG: Rules = &[(To(V6_17), "ABORT"), (Any, "TIMEOUT")];
const HEALTH: Rules = &[
    (To(V6_19), "kept"),
    (Has(AppHealth), "version 1, generation 0 | all ones"),
    (Any, "all ones"),
];

/// Right after the timeout a command may be dropped (8.5); this check asks again, as a client should.
const RECOVERY: Rules = &[(To(V6_17), "ABORT COMPLETED"), (Any, "TIMEOUT COMPLETED")];

/// From 7.2 timeout detection may be faster than the 2 s that DESTROY_HWCTX waits.
const DESTROYED: Rules = &[
    (To(V7_1), "ok, signalled, ABORT"),
    (Any, "ok, signalled, ABORT | ok, signalled, TIMEOUT"),
];

/// Control code whose one operation no version of the format has.
const BAD: [u32; 5] = [0x0603_0100, 0x0000_0101, 1, 20, 0x7f];

/// An instruction address outside every heap and mapping.
const WILD: u64 = 0x7000_0000_0000;

fn hanging(env: &Env) -> Result<Rig, Fail> {
    env.may_run()?;
    env.may_hang()?;
    env.only(From(V6_16), "START_NPU (6.16)")?;
    Rig::new(env)
}

/// A run of the empty control code on a compute unit that was not configured.
fn bad_packet(rig: &Rig) -> Packet {
    let mut packet = rig.empty_run(5);
    packet.0[1] = 1 << 9;
    packet
}

fn bad(env: &Env) -> Outcome {
    let rig = Rig::to_run(env)?;
    rig.end_of(&bad_packet(&rig))
}

fn bad_code(env: &Env) -> Outcome {
    let rig = Rig::to_run(env)?;
    rig.end_of(&rig.code_packet(&BAD)?)
}

/// The eight words behind the header, against what was written there.
fn body(bo: &Mapped, packet: &Packet) -> String {
    let now: Vec<_> = (1..9).map(|n| bo.area.word(4 * n)).collect();
    let wrote: Vec<_> = (1..9).map(|n| packet.0.get(n).copied().unwrap_or(0)).collect();
    match now {
        now if now == wrote => "kept".into(),
        now if now == [u32::MAX; 8] => "all ones".into(),
        now if now[0] == 1 => format!("version 1, generation {}", now[1]),
        now => format!("{now:x?}"),
    }
}

fn payload(env: &Env) -> Outcome {
    let rig = Rig::to_run(env)?;
    let packet = bad_packet(&rig);
    rig.end_of(&packet)?;
    Ok(body(&rig.packet, &packet))
}

fn good_after_bad(env: &Env) -> Outcome {
    let rig = Rig::to_run(env)?;
    Ok([rig.end_of(&bad_packet(&rig))?, rig.end_of(&rig.empty_run(5))?].join(" "))
}

/// Good, wrong, good; the chain's end and its three sub-commands.
fn three(rig: &Rig, good: &Packet, wrong: &Packet) -> Result<(State, u32, [Mapped; 3]), Fail> {
    let subs = [rig.another(good)?, rig.another(wrong)?, rig.another(good)?];
    rig.end_of(&chain(&[subs[0].handle, subs[1].handle, subs[2].handle]))?;
    Ok((rig.state(), rig.packet.area.word(12), subs))
}

fn failing_chain(env: &Env) -> Outcome {
    let rig = Rig::to_run(env)?;
    let (state, index, _) = three(&rig, &rig.empty_run(5), &bad_packet(&rig))?;
    let name = match state {
        State(ert::state::COMPLETED) => "COMPLETED".into(),
        _ if env.sure(To(V6_17)) => "failed".into(),
        other => other.to_string(),
    };
    Ok(format!("{name}, error_index {index}"))
}

fn header_and_body(bo: &Mapped, packet: &Packet) -> Outcome {
    Ok(format!(
        "header {}, {}",
        State(bo.area.word(0) & 0xf),
        body(bo, packet)
    ))
}

fn first_sub(env: &Env) -> Outcome {
    let rig = Rig::to_run(env)?;
    let (_, _, subs) = three(&rig, &rig.empty_run(5), &bad_packet(&rig))?;
    header_and_body(&subs[0], &rig.empty_run(5))
}

fn other_subs(env: &Env) -> Outcome {
    let rig = Rig::to_run(env)?;
    let wrong = bad_packet(&rig);
    let (_, _, subs) = three(&rig, &rig.empty_run(5), &wrong)?;
    let seen = [
        header_and_body(&subs[1], &wrong)?,
        header_and_body(&subs[2], &rig.empty_run(5))?,
    ];
    Ok(if seen[0] == seen[1] {
        seen[0].clone()
    } else {
        seen.join("; ")
    })
}

/// Control code that is nowhere: the fetch faults in the IOMMU and the command never ends.
fn endless() -> Packet {
    Packet::start_npu(WILD, 0x100, &[])
}

fn hang(env: &Env) -> Outcome {
    let rig = hanging(env)?;
    rig.end_of(&endless())
}

fn health(env: &Env) -> Outcome {
    let rig = hanging(env)?;
    let packet = endless();
    rig.end_of(&packet)?;
    Ok(body(&rig.packet, &packet))
}

fn follower(env: &Env) -> Outcome {
    let rig = hanging(env)?;
    rig.submit(&endless())?;
    let second = rig.another(&rig.empty_run(5))?;
    let seq = rig.exec(second.handle, &[rig.code])?;
    rig.wait(seq)?;
    Ok(format!("{} {}", rig.state(), State(second.area.word(0) & 0xf)))
}

fn recovery(env: &Env) -> Outcome {
    let rig = hanging(env)?;
    let first = rig.end_of(&endless())?;
    let mut second = String::new();
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(50));
        second = rig.end_of(&rig.empty_run(5))?;
        if second != "NEW" {
            break;
        }
    }
    Ok(format!("{first} {second}"))
}

fn seq_goes_on(env: &Env) -> Outcome {
    let rig = hanging(env)?;
    rig.end_of(&endless())?;
    Ok(rig.submit(&rig.empty_run(5))?.to_string())
}

fn hanging_chain(env: &Env) -> Outcome {
    let rig = hanging(env)?;
    let (state, ..) = three(&rig, &rig.empty_npu(0), &endless())?;
    Ok(state.to_string())
}

fn other_context(env: &Env) -> Outcome {
    let (stuck, other) = (hanging(env)?, Rig::new(env)?);
    stuck.end_of(&endless())?;
    other.end_of(&other.empty_run(5))
}

fn destroy_pending(env: &Env) -> Outcome {
    let rig = hanging(env)?;
    let seq = rig.submit(&endless())?;
    let destroyed = said(rig.client.destroy_hwctx(rig.context.handle))?;
    let fence = said(rig.client.timeline_wait(&[(rig.context.syncobj, seq)], 0, 0))?;
    let fence = if fence == "ok" {
        "signalled"
    } else {
        "not signalled"
    };
    Ok(format!("{destroyed}, {fence}, {}", rig.state()))
}

/// Four commands are in flight; the fifth waits for a slot until a signal comes.
fn fifth(env: &Env) -> Outcome {
    let rig = hanging(env)?;
    rig.submit(&endless())?;
    for _ in 0..3 {
        let bo = rig.another(&rig.empty_run(5))?;
        rig.exec(bo.handle, &[rig.code])?;
    }
    let last = rig.another(&rig.empty_run(5))?;
    step("setitimer", sys::interrupt_every(Duration::from_millis(100)))?;
    let outcome = said(rig.exec(last.handle, &[rig.code]));
    step("setitimer", sys::stop_interrupting())?;
    outcome
}
