//! Chains that the firmware executes (driver-abi 7.4; with `--run`).

use super::firmware::DONE;
use crate::axes::Feature::NpuCommand;
use crate::axes::When::*;
use crate::check::{Check, Outcome, check, yes};
use crate::client::{Rig, State, chain};
use crate::env::Env;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check("run.chain-of-1", "7.4", |e| chained(e, 1, 5), DONE),
    check("run.chain-of-24", "7.4", |e| chained(e, 24, 15), DONE),
    check("run.chain-36-of-15-words", "7.4 R", |e| chained(e, 36, 15), DONE),
    check("run.chain-32-of-19-words", "7.4", |e| chained(e, 32, 19), DONE),
    check(
        "run.chain-60-of-15-words",
        "7.4",
        |e| chained(e, 60, 15),
        &[(Has(NpuCommand), "NEW"), (Any, "COMPLETED")],
    ),
    check("run.chain-of-1-long", "7.2", |e| chained(e, 1, 900), DONE),
    check("run.chain-subs-stay-new", "7.4", subs_stay_new, &[(Any, "yes")]),
    check("run.chain-bytes", "18", chain_bytes, DONE),
];

fn chained(env: &Env, count: usize, payload: usize) -> Outcome {
    let rig = Rig::to_run(env)?;
    let sub = rig.another(&rig.empty_run(payload))?;
    rig.end_of(&chain(&vec![sub.handle; count]))
}

fn subs_stay_new(env: &Env) -> Outcome {
    let rig = Rig::to_run(env)?;
    let (first, second) = (rig.another(&rig.empty_run(5))?, rig.another(&rig.empty_run(5))?);
    let end = rig.end_of(&chain(&[first.handle, second.handle]))?;
    yes(end == "COMPLETED"
        && [&first, &second]
            .iter()
            .all(|bo| bo.area.word(0) & 0xf == State::NEW.0))
}

/// A chain of 24 in the 220 bytes that section 18 gives it.
fn chain_bytes(env: &Env) -> Outcome {
    let rig = Rig::to_run(env)?;
    let sub = rig.another(&rig.empty_run(5))?;
    let packet = chain(&[sub.handle; 24]);
    if 4 * packet.0.len() != 220 {
        return Ok(format!("{} bytes", 4 * packet.0.len()));
    }
    let bo = rig.client.mapped(crate::client::CMD, 220)?;
    bo.area.write_words(0, &packet.0);
    let seq = rig.exec(bo.handle, &[rig.code])?;
    rig.wait(seq)?;
    Ok(State(bo.area.word(0) & 0xf).to_string())
}
