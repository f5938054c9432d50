//! The programs of this package under the launcher.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use xdna_runtime::formats::Generation;
use xdna_sim::profile::{Device, Kernel};

use crate::overlay::Overlay;
use crate::{Outcome, Test};

/// The argument that makes the test's own program the simulator.
pub const SIMULATOR: &str = "--simulator";

pub const TESTS: &[Test] = &[
    ("launched/taconite_runs_on_every_kernel", taconite_runs),
    (
        "launched/taconite_lists_contexts_from_6_18",
        taconite_lists_contexts,
    ),
    (
        "launched/taconite_takes_no_device_address",
        taconite_takes_no_device_address,
    ),
    (
        "launched/taconite_names_the_state_of_a_failed_command",
        taconite_names_the_state,
    ),
    ("launched/rlx_probes_every_device", rlx_probes),
    ("launched/rlx_runs_on_every_kernel", rlx_runs),
    (
        "launched/rlx_lists_what_is_left_of_the_buffer",
        rlx_lists_what_is_left,
    ),
    (
        "launched/rlx_waits_until_a_moment_that_has_passed",
        rlx_does_not_wait,
    ),
    (
        "launched/rlx_takes_a_failed_command_for_a_result",
        rlx_takes_failures,
    ),
    ("launched/rlx_takes_no_doorbell_for_one", rlx_and_the_doorbell),
];

fn simulator() -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(SIMULATOR);
    Ok(command)
}

/// Why no program can be started here.
pub fn unavailable() -> Option<String> {
    match simulator().and_then(|mut sim| sim.args(["--", "true"]).output()) {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Some(format!(
                "needs a simulator: {}",
                said.lines().last().unwrap_or_default()
            ))
        }
        Err(e) => Some(format!("needs a simulator: {e}")),
    }
}

/// Runs `program` on a device described by `axes`.
fn run(
    axes: &str,
    program: &str,
    files: &[PathBuf],
    more: &[&str],
) -> Result<(bool, String), Box<dyn Error>> {
    let mut command = simulator()?;
    command.args(axes.split_whitespace()).arg("--").arg(program);
    let Output {
        status,
        stdout,
        stderr,
    } = command.args(files).args(more).stdin(Stdio::null()).output()?;
    let text = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok((status.success(), text.concat()))
}

fn taconite(axes: &str, generation: Generation) -> Result<(bool, String), Box<dyn Error>> {
    let overlay = Overlay::new(generation, 1)?;
    run(
        axes,
        env!("CARGO_BIN_EXE_taconite-client"),
        &overlay.files(),
        &["20"],
    )
}

fn rlx(axes: &str, generation: Generation) -> Result<(bool, String), Box<dyn Error>> {
    let overlay = Overlay::new(generation, 2)?;
    run(axes, env!("CARGO_BIN_EXE_rlx-client"), &overlay.files(), &[])
}

/// That `text` has the line, or a line that begins so.
fn says(text: &str, line: &str) -> Outcome {
    if text.lines().any(|l| l.starts_with(line)) {
        Ok(())
    } else {
        Err(format!("no line {line:?} in\n{text}").into())
    }
}

fn succeeds((success, text): (bool, String)) -> Result<String, Box<dyn Error>> {
    if success { Ok(text) } else { Err(text.into()) }
}

fn fails((success, text): (bool, String)) -> Result<String, Box<dyn Error>> {
    if success {
        Err(format!("success:\n{text}").into())
    } else {
        Ok(text)
    }
}

const GENERATIONS: [(Device, Generation); 2] =
    [(Device::Npu1, Generation::Npu1), (Device::Npu4, Generation::Npu4)];

/// Every kernel with both generations of devices; a kernel is shown as `kernel 6.14`.
fn everywhere(check: impl Fn(&str, Kernel, Device, Generation) -> Outcome) -> Outcome {
    for kernel in Kernel::all() {
        for (device, generation) in GENERATIONS {
            let axes = format!("--{kernel} --device {}", name(device));
            check(&axes, kernel, device, generation).map_err(|e| format!("{axes}: {e}"))?;
        }
    }
    Ok(())
}

fn name(device: Device) -> &'static str {
    if device == Device::Npu1 { "npu1" } else { "npu4" }
}

fn taconite_runs() -> Outcome {
    everywhere(|axes, _, device, generation| {
        let text = succeeds(taconite(axes, generation)?)?;
        says(&text, &format!("array ({}, 6), version (1, 1)", device.columns()))?;
        says(&text, "power mode Default")?;
        says(&text, "20 runs")?;
        says(&text, "another session sees the same: true")
    })
}

/// By GET_ARRAY, which earlier kernels do not have.
fn taconite_lists_contexts() -> Outcome {
    everywhere(|axes, kernel, _, generation| {
        let text = succeeds(taconite(axes, generation)?)?;
        if kernel < Kernel::V6_18 {
            says(&text, "contexts: ")?;
            if text.contains("GET_ARRAY(HW_CONTEXT_ALL): Invalid argument") {
                return Ok(());
            }
            return Err(text.into());
        }
        says(&text, "context 1: 20 submitted, 20 completed")
    })
}

/// Its packets name buffers by host address: right with shared addresses alone.
fn taconite_takes_no_device_address() -> Outcome {
    for kernel in ["7.1", "7.3"] {
        let axes = format!("--kernel {kernel} --iommu iova --job-timeout 300");
        let text = fails(taconite(&axes, Generation::Npu4)?)?;
        if !text.contains("finished in state 8 (TIMEOUT)") {
            return Err(text.into());
        }
    }
    Ok(())
}

fn taconite_names_the_state() -> Outcome {
    for (fault, state) in [("error", "5 (ERROR)"), ("hang --job-timeout 200", "8 (TIMEOUT)")] {
        let axes = format!("--kernel 7.3 --fault command:3:{fault}");
        let text = fails(taconite(&axes, Generation::Npu4)?)?;
        if !text.contains(&format!("finished in state {state}")) {
            return Err(text.into());
        }
    }
    Ok(())
}

fn rlx_probes() -> Outcome {
    everywhere(|axes, _, device, _| {
        let text = succeeds(run(axes, env!("CARGO_BIN_EXE_rlx-client"), &[], &[])?)?;
        let columns = device.columns();
        says(&text, "[ok]   GET_INFO/aie_version: 1.1")?;
        says(
            &text,
            &format!("[ok]   GET_INFO/aie_metadata: {columns} cols x 6 rows, col_size=504 B"),
        )?;
        says(&text, "[ok] CREATE_BO+mmap shmem")?;
        says(&text, "[ok] SYNCOBJ_CREATE(signaled)+TIMELINE_WAIT pt0: signaled")?;
        // A context before the heap.
        says(&text, "[info] CREATE_HWCTX")?;
        says(&text, &format!("version (1, 1), array ({columns}, 6, 504)"))
    })
}

fn rlx_runs() -> Outcome {
    everywhere(|axes, _, _, generation| {
        let text = succeeds(rlx(axes, generation)?)?;
        says(&text, "  hwctx ctx_id=1")?;
        says(&text, "success, and the output is what was sent")
    })
}

/// It takes the size that comes back for the bytes that were written: from 6.18 on it is what was left of 16 entries.
fn rlx_lists_what_is_left() -> Outcome {
    everywhere(|axes, kernel, _, generation| {
        let text = succeeds(rlx(axes, generation)?)?;
        let listed = text.matches("  hwctx ctx_id=").count();
        let expected = if kernel < Kernel::V6_18 { 1 } else { 15 };
        if listed == expected {
            Ok(())
        } else {
            Err(format!("{listed} contexts:\n{text}").into())
        }
    })
}

/// It gives the time it would wait for, where the kernel takes the moment to which.
fn rlx_does_not_wait() -> Outcome {
    let text = fails(rlx("--kernel 7.3 --exec-time 200000", Generation::Npu4)?)?;
    if text.contains("NPU exec fence timed out (10s); CMD BO ert state=1") {
        Ok(())
    } else {
        Err(text.into())
    }
}

/// It asks for the fence alone, and failed commands have one too.
fn rlx_takes_failures() -> Outcome {
    let text = succeeds(rlx("--kernel 7.3 --fault command:1:error", Generation::Npu4)?)?;
    says(&text, "success, and the output is zeros")
}

fn rlx_and_the_doorbell() -> Outcome {
    let asked = |kernel: &str| -> Result<String, Box<dyn Error>> {
        let overlay = Overlay::new(Generation::Npu4, 2)?;
        let files = overlay.files();
        let mut with: Vec<PathBuf> = vec![
            "RLX_XDNA_UMQ=1".into(),
            Path::new(env!("CARGO_BIN_EXE_rlx-client")).into(),
        ];
        with.extend(files);
        succeeds(run(&format!("--kernel {kernel}"), "env", &with, &[])?)
    };
    for (kernel, doorbell) in [
        ("7.1", "doorbell=0x0 [KMQ-only (no doorbell)]"),
        ("7.2", "doorbell=0xffffffff [UMQ available]"),
    ] {
        let text = asked(kernel)?;
        if !text.contains(doorbell) {
            return Err(format!("{kernel}: {text}").into());
        }
    }
    Ok(())
}
