//! Chains that the driver drops (driver-abi 7.4, 8.2).

use xdna_uapi::ert::opcode;

use super::packet::{end, op};
use crate::axes::Feature::NpuCommand;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Outcome, check};
use crate::client::{Packet, Rig, SHARE, chain};
use crate::env::Env;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check("chain.count-0", "7.4, 8.2", |e| end(e, |_| chain(&[])), NEW),
    check(
        "chain.handle-unknown",
        "7.4, 8.2",
        |e| end(e, |_| chain(&[999])),
        NEW,
    ),
    check("chain.handle-zero", "7.4, 8.2", chain_zero, NEW),
    check(
        "chain.handle-dev",
        "7.4, 8.2",
        |e| end(e, |r| chain(&[r.code])),
        NEW,
    ),
    check("chain.payload-too-small", "7.4, 8.2", payload_too_small, NEW),
    check("chain.count-beyond-payload", "7.4, 8.2", count_beyond, NEW),
    check("chain.mixed-opcodes", "7.4, 8.2", mixed, NEW),
    check("chain.nested", "7.4, 8.2", nested, NEW),
    check("chain.of-itself", "7.4, 8.2", itself, NEW),
    check("chain.opcode-unknown-inside", "7.4, 8.2", unknown_inside, NEW),
    check("chain.no-cu-bit-inside", "7.1, 7.4", no_cu_inside, NEW),
    check("chain.share-bo", "7.4", share_sub, NEW),
    check(
        "chain.overlong-37-of-15-words",
        "7.4 R",
        |e| overlong(e, 37, 15),
        NEW,
    ),
    check(
        "chain.overlong-33-of-19-words",
        "7.4",
        |e| overlong(e, 33, 19),
        NEW,
    ),
    check(
        "chain.overlong-61-of-15-words",
        "7.4",
        |e| overlong(e, 61, 15),
        NEW,
    ),
    check(
        "chain.overlong-49-of-19-words",
        "7.4",
        |e| overlong(e, 49, 19),
        NEW,
    ),
    check(
        "chain.npu-overlong-26-of-34-args",
        "7.4",
        |e| npu_overlong(e, 26, 34),
        NEW,
    ),
    check("chain.npu-args-over-the-slot", "7.2 R", npu_over_slot, NEW),
];

const NEW: Rules = &[(Any, "NEW")];

fn chain_zero(env: &Env) -> Outcome {
    end(env, |_| chain(&[0]))
}

fn payload_too_small(env: &Env) -> Outcome {
    end(env, |_| Packet::new(opcode::CMD_CHAIN, &[1, 0, 0]))
}

fn count_beyond(env: &Env) -> Outcome {
    end(env, |r| {
        let mut packet = chain(&[r.packet.handle]);
        packet.0[1] = 200;
        packet
    })
}

fn mixed(env: &Env) -> Outcome {
    let rig = Rig::new(env)?;
    let (first, second) = (rig.another(&rig.empty_run(5))?, rig.another(&rig.empty_npu(0))?);
    rig.end_of(&chain(&[first.handle, second.handle]))
}

fn nested(env: &Env) -> Outcome {
    let rig = Rig::new(env)?;
    let leaf = rig.another(&rig.empty_run(5))?;
    let inner = rig.another(&chain(&[leaf.handle]))?;
    rig.end_of(&chain(&[inner.handle]))
}

fn itself(env: &Env) -> Outcome {
    end(env, |r| chain(&[r.packet.handle]))
}

fn unknown_inside(env: &Env) -> Outcome {
    let rig = Rig::new(env)?;
    let sub = rig.another(&op(9))?;
    rig.end_of(&chain(&[sub.handle]))
}

fn no_cu_inside(env: &Env) -> Outcome {
    let rig = Rig::new(env)?;
    let sub = rig.another(&Packet::new(opcode::START_CU, &[0; 8]))?;
    rig.end_of(&chain(&[sub.handle]))
}

/// A sub-command in a SHARE buffer object: refused to 7.0, and without a compute unit dropped everywhere.
fn share_sub(env: &Env) -> Outcome {
    let rig = Rig::new(env)?;
    let sub = rig.client.mapped(SHARE, 4096)?;
    sub.area.write_words(0, &Packet::new(opcode::START_CU, &[0; 8]).0);
    rig.end_of(&chain(&[sub.handle]))
}

/// A chain that passes the slot budget by one command; the same buffer object serves as every sub-command.
fn overlong(env: &Env, count: usize, payload: usize) -> Outcome {
    let legacy = count * (8 + 4 * payload) <= 4096;
    if legacy {
        env.only(Has(NpuCommand), "NPU_COMMAND slots (firmware and kernel 6.19)")?;
    }
    let rig = Rig::new(env)?;
    let sub = rig.another(&rig.empty_run(payload))?;
    rig.end_of(&chain(&vec![sub.handle; count]))
}

fn npu_overlong(env: &Env, count: usize, args: usize) -> Outcome {
    let rig = Rig::new(env)?;
    let sub = rig.another(&rig.empty_npu(args))?;
    rig.end_of(&chain(&vec![sub.handle; count]))
}

/// 27 words on uniform slots, 35 on legacy ones: one more than fits.
fn npu_over_slot(env: &Env) -> Outcome {
    let args = if env.sure(Has(NpuCommand)) { 27 } else { 35 };
    npu_overlong(env, 1, args)
}
