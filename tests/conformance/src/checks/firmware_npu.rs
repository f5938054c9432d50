//! START_NPU and preemptible commands that the firmware executes (driver-abi 7.2; with `--run`).

use crate::axes::Feature::{NpuCommand, Preempt};
use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Outcome, check};
use crate::client::Rig;
use crate::env::Env;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check("run.start_npu", "7.2", |e| start_npu(e, 0), DONE_NPU),
    check("run.start_npu-26-args", "7.2", |e| start_npu(e, 26), DONE_NPU),
    check("run.start_npu-27-args", "7.2 R", |e| start_npu(e, 27), NPU_27),
    check("run.start_npu-34-args", "7.2", |e| start_npu(e, 34), NPU_27),
    check("run.start_npu-35-args", "7.2 R", |e| start_npu(e, 35), NPU_35),
    check("run.preempt", "7.2", |e| preempt(e, 0), PREEMPT),
    check("run.preempt-26-args", "7.2", |e| preempt(e, 26), PREEMPT),
    check("run.preempt-27-args", "7.2", |e| preempt(e, 27), &[(Any, "NEW")]),
];

/// START_NPU by direct message has a wrong size before 6.16.
const DONE_NPU: Rules = &[(To(V6_14), "ERROR | TIMEOUT | ABORT | NEW"), (Any, "COMPLETED")];
const NPU_27: Rules = &[
    (To(V6_14), "ERROR | TIMEOUT | ABORT | NEW"),
    (Not(&List), "COMPLETED"),
    (Has(NpuCommand), "NEW"),
    (Any, "COMPLETED"),
];
const NPU_35: Rules = &[
    (To(V6_14), "ERROR | TIMEOUT | ABORT | NEW"),
    (Not(&List), "COMPLETED"),
    (Any, "NEW"),
];

/// Opcode 21 exists on the list path alone.
const PREEMPT: Rules = &[
    (All(&[Has(Preempt), Has(NpuCommand), List]), "COMPLETED"),
    (All(&[Has(Preempt), Has(NpuCommand)]), "NEW | COMPLETED"),
    (Any, "NEW"),
];

fn start_npu(env: &Env, args: usize) -> Outcome {
    let rig = Rig::to_run(env)?;
    rig.end_of(&rig.empty_npu(args))
}

fn preempt(env: &Env, args: usize) -> Outcome {
    let rig = Rig::to_run(env)?;
    rig.end_of(&rig.empty_preempt(args))
}
