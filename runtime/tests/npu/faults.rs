//! Something goes wrong once, at every step of the way from the device node to the bytes.

use std::path::Path;
use std::time::Duration;

use xdna_runtime::{Arg, Error, KernelBuilder, Runtime};
use xdna_sim::Npu;

use crate::loopback::{BLOCK, content, pattern};
use crate::{Test, soon, test};

pub fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for (device, npu) in [("npu1", Npu::phoenix as fn() -> Npu), ("npu4", Npu::strix)] {
        for (i, (name, script, proof)) in FAULTS.iter().enumerate() {
            let npu = npu()
                .fault(script)
                .expect("a script")
                .job_timeout(Duration::from_millis(50));
            let trace = format!("xdna-fault-{device}-{i}-{}", std::process::id());
            let trace = std::env::temp_dir().join(trace);
            let name = format!("fault/{device}_{name}");
            tests.push(test(name, npu.trace(&trace), move || {
                survives(device, proof, &trace)
            }));
        }
    }
    tests
}

/// Name, script, and what shows that it has come.
type Fault = (&'static str, &'static str, Proof);

/// How it is known that a fault has come.
#[derive(Debug)]
enum Proof {
    /// The call of this name was answered with this.
    Answered(&'static str, &'static str),
    /// The first attempt says so.
    Said(&'static str),
    /// It is not: nothing ran that could have been hurt, and there was room.
    Unseen,
}
use Proof::{Answered, Said, Unseen};

const FAULTS: &[Fault] = &[
    (
        "memory_for_the_heap",
        "create_bo:1:ENOMEM",
        Answered("create_bo", "ENOMEM"),
    ),
    (
        "memory_for_the_images",
        "create_bo:2:ENOMEM",
        Answered("create_bo", "ENOMEM"),
    ),
    (
        "memory_for_the_control_code",
        "create_bo:3:ENOMEM",
        Answered("create_bo", "ENOMEM"),
    ),
    (
        "memory_for_a_buffer",
        "create_bo:4:ENOMEM",
        Answered("create_bo", "ENOMEM"),
    ),
    ("memory_for_the_command", "create_bo:6:ENOMEM", Said("CREATE_BO")),
    ("what_a_buffer_is", "get_bo_info:4:ENOENT", Said("GET_BO_INFO")),
    (
        "a_context",
        "create_hwctx:1:EINVAL",
        Answered("create_hwctx", "EINVAL"),
    ),
    (
        "a_context_in_the_firmware",
        "create:1:error",
        Answered("create_hwctx", "EINVAL"),
    ),
    ("its_compute_units", "config_hwctx:1:EINVAL", Said("CONFIG_HWCTX")),
    (
        "its_compute_units_in_the_firmware",
        "config:1:error",
        Said("failed in the firmware"),
    ),
    ("submitting", "exec_cmd:1:ENOMEM", Said("EXEC_CMD")),
    (
        "submitting_interrupted",
        "exec_cmd:1:EINTR",
        Answered("exec_cmd", "EINTR"),
    ),
    (
        "submitting_to_a_context_that_is_gone",
        "exec_cmd:1:EINVAL",
        Answered("exec_cmd", "EINVAL"),
    ),
    (
        "waiting_interrupted",
        "syncobj_timeline_wait:1:EINTR",
        Answered("syncobj_timeline_wait", "EINTR"),
    ),
    (
        "a_command_that_fails",
        "command:1:error",
        Said("failed in the firmware"),
    ),
    ("a_command_that_hangs", "command:1:hang", Said("timed out")),
    (
        "a_command_that_hangs_without_a_report",
        "command:1:mute",
        Said("timed out"),
    ),
    ("a_completion_that_is_lost", "command:1:lost", Said("timed out")),
    ("a_firmware_that_restarts", "exec_cmd:1:reset", Unseen),
    ("a_context_taken_by_another", "create_hwctx:1:steal", Unseen),
];

/// A program that begins anew when something fails: the second time all is well, and nothing of the first is left.
fn survives(device: &str, proof: &Proof, trace: &Path) {
    let runtime = Runtime::open().unwrap();
    let attempt = |seed: u32| -> Result<bool, Error> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../kernels/prebuilt")
            .join(device);
        let overlay = runtime.overlay_from(&folder.join("loopback_shim_1.xclbin"))?;
        let code = std::fs::read(folder.join("loopback_shim_1.1.txn.bin")).expect("control code");
        let kernel = KernelBuilder::new(&overlay, &code).build(&runtime)?;
        let (a, b) = (runtime.buffers().get(BLOCK)?, runtime.buffers().get(BLOCK)?);
        a.write(0, &pattern(seed, BLOCK))?;
        kernel.run(&[Arg::In(&a), Arg::Out(&b)], soon())?;
        Ok(content(&b) == pattern(seed, BLOCK))
    };
    let first = attempt(1);
    assert!(!matches!(first, Ok(false)), "completed, and wrong");
    let said = first.err().map_or(String::new(), |e| e.to_string());
    let calls = std::fs::read_to_string(trace).expect("the trace");
    std::fs::remove_file(trace).expect("the trace");
    let came = match proof {
        Said(what) => said.contains(what),
        Unseen => said.is_empty(),
        Answered(call, answer) => calls.lines().any(|line| {
            let mut words = line.split(' ');
            words.nth(4) == Some(*call) && line.contains(&format!("= {answer} "))
        }),
    };
    assert!(came, "no sign of {proof:?}; said: {said:?}");
    assert!(attempt(2).expect("the second time"), "completed, and wrong");
    assert!(attempt(3).expect("the third time"), "completed, and wrong");
    assert!(runtime.device().contexts().unwrap().len() <= 2);
    assert_eq!(runtime.buffers().stats().used_bytes, 0);
}
