//! What the driver is asked for, read off the simulator's trace.

use std::path::PathBuf;

use xdna_runtime::{Arg, Kernel, Runtime, Sequence};
use xdna_sim::Npu;

use crate::{Test, kernel, soon, test};

pub fn tests() -> Vec<Test> {
    vec![test(
        "calls/two_a_run_and_two_a_chain",
        Npu::strix().trace(trace()),
        two,
    )]
}

fn trace() -> PathBuf {
    std::env::temp_dir().join(format!("xdna-runtime-trace-{}", std::process::id()))
}

/// Names of the calls so far.
fn calls() -> Vec<String> {
    let text = std::fs::read_to_string(trace()).expect("the trace");
    let name = |line: &str| Some(line.strip_prefix("thread ")?.split(' ').nth(3)?.to_owned());
    text.lines().filter_map(name).collect()
}

fn two() {
    let runtime = Runtime::open().unwrap();
    let kernel = kernel(&runtime, 4, 0);
    let [a, b] = [(); 2].map(|()| runtime.buffers().get(4096).unwrap());
    let args = [Arg::In(&a), Arg::Out(&b)];
    let mut run = kernel.prepare(&args).unwrap();
    run.run(soon()).unwrap();
    let before = calls().len();
    for _ in 0..10 {
        run.run(soon()).unwrap();
    }
    let runs: Vec<(&Kernel, &[Arg<'_>])> = vec![(&kernel, &args[..]); 24];
    let single = calls()[before..].to_vec();
    let mut sequence = Sequence::new(&runtime, kernel.overlay(), &runs).unwrap();
    let before = calls().len();
    for _ in 0..10 {
        sequence.run(soon()).unwrap();
    }
    let chained = calls()[before..].to_vec();
    std::fs::remove_file(trace()).unwrap();
    for (what, calls) in [("lone", single), ("chained", chained)] {
        assert_eq!(calls.len(), 20, "{what}: {calls:?}");
        for pair in calls.chunks(2) {
            assert_eq!(pair, ["exec_cmd", "syncobj_timeline_wait"], "{what}");
        }
    }
}
