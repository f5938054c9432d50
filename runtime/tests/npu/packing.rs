//! Graphs as chains: how they are packed, and what is done when one fails.

use std::path::{Path, PathBuf};
use std::time::Duration;

use xdna_runtime::schedule::{Cancel, Graph, Operator, Priority, Report, Scheduler, Target};
use xdna_runtime::{Arg, Buffer, Error, Kernel, KernelBuilder, Runtime};
use xdna_sim::Npu;

use crate::{Test, soon, test};

pub fn tests() -> Vec<Test> {
    let fault = |script: &str| Npu::strix().fault(script).expect("a script");
    vec![
        test(
            "schedule/operators_in_a_row_are_chains",
            Npu::strix().trace(trace("chains")),
            chained,
        ),
        test(
            "schedule/the_operator_of_a_long_chain_that_failed_is_run_again",
            fault("command:2:error@40"),
            far,
        ),
        test(
            "schedule/a_chain_behind_one_that_failed_is_run_again",
            fault("command:1:error@3"),
            behind,
        ),
        test(
            "schedule/what_was_overwritten_is_not_run_again",
            fault("command:1:error@3"),
            overwritten,
        ),
        test(
            "schedule/a_lost_context_ends_in_an_error",
            fault("exec_cmd:*:EINVAL"),
            gone,
        ),
    ]
}

const MS: Duration = Duration::from_millis(1);

fn trace(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("xdna-schedule-{name}-{}", std::process::id()))
}

/// A graph of `operators` operators of one overlay, each of which hands on what it got, and the buffers between them.
fn row<'a>(runtime: &Runtime, operators: usize, ring: usize) -> (Graph<'a>, Vec<Buffer>, Kernel) {
    let kernel = shim(runtime);
    let buffers: Vec<Buffer> = (0..ring.min(operators + 1))
        .map(|_| runtime.buffers().get(BLOCK).unwrap())
        .collect();
    let (mut graph, mut before) = (Graph::new(Priority::Normal, soon()), None);
    for i in 0..operators {
        let [from, to] = [i, i + 1].map(|i| &buffers[i % buffers.len()]);
        let run = kernel.prepare(&[Arg::In(from), Arg::Out(to)]).unwrap();
        before = Some(graph.add(Operator::new(format!("{i}")).on_npu(run, MS).after(before)));
    }
    (graph, buffers, kernel)
}

/// Bytes of a block.
const BLOCK: usize = 16 << 10;

fn shim(runtime: &Runtime) -> Kernel {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kernels/prebuilt/npu4");
    let overlay = runtime
        .overlay_from(&folder.join("loopback_shim_1.xclbin"))
        .unwrap();
    let code = std::fs::read(folder.join("loopback_shim_1.1.txn.bin")).unwrap();
    KernelBuilder::new(&overlay, &code).build(runtime).unwrap()
}

fn seed(buffer: &Buffer, seed: u8) -> Vec<u8> {
    let bytes: Vec<u8> = (0..BLOCK).map(|i| (i / 7) as u8 ^ seed).collect();
    buffer.write(0, &bytes).unwrap();
    bytes
}

fn content(buffer: &Buffer) -> Vec<u8> {
    let mut bytes = vec![0; buffer.len()];
    buffer.read(0, &mut bytes).unwrap();
    bytes
}

/// Operators that one chain takes: slots of 52 bytes and 9 argument words in 4096.
const FULL: usize = 46;

/// Submissions and waits since the last look, by their initials: a chain behind another is seen as `ss`.
fn submissions(seen: &mut usize) -> String {
    let text = std::fs::read_to_string(trace("chains")).unwrap();
    let name = |line: &str| Some(line.strip_prefix("thread ")?.split(' ').nth(3)?.to_owned());
    let calls: Vec<String> = text.lines().filter_map(name).collect();
    let initial = |name: &String| match name.as_str() {
        "exec_cmd" => Some('s'),
        "syncobj_timeline_wait" => Some('w'),
        _ => None,
    };
    let letters = calls[*seen..].iter().filter_map(initial).collect();
    *seen = calls.len();
    letters
}

fn chained() {
    let (runtime, mut seen) = (Runtime::open().unwrap(), 0);
    let scheduler = Scheduler::new(Target::Npu, 1);
    for (operators, calls) in [
        (1, "sw"),
        (2, "sw"),
        (24, "sw"),
        (FULL, "sw"),
        (FULL + 1, "ssww"),
        (4 * FULL, "sswswsww"),
    ] {
        let (graph, buffers, _) = row(&runtime, operators, usize::MAX);
        let mut schedule = scheduler.load(graph).unwrap();
        assert_eq!(schedule.commands(), operators.div_ceil(FULL));
        for round in 0..2 {
            let bytes = seed(&buffers[0], operators as u8 ^ round);
            submissions(&mut seen);
            let report = schedule.run(soon(), &Cancel::default()).unwrap();
            assert_eq!(submissions(&mut seen), calls, "{operators} operators");
            let order: Vec<usize> = report.ran.iter().map(|ran| ran.operator).collect();
            assert_eq!(order, Vec::from_iter(0..operators));
            assert!(content(&buffers[operators]) == bytes, "{operators} operators");
        }
    }
    std::fs::remove_file(trace("chains")).unwrap();
    let all = 2 * (1 + 2 + 24 + FULL + FULL + 1 + 4 * FULL) as u64;
    assert_eq!(
        (scheduler.stats().commands, scheduler.stats().on_npu),
        (2 * 10, all)
    );
}

/// Which operators were run a second time.
fn retries(report: &Report) -> Vec<usize> {
    let retried = report.ran.iter().filter(|ran| ran.retried);
    retried.map(|ran| ran.operator).collect()
}

fn far() {
    let runtime = Runtime::open().unwrap();
    let (graph, buffers, kernel) = row(&runtime, 3 * FULL, usize::MAX);
    let bytes = seed(&buffers[0], 1);
    let scheduler = Scheduler::new(Target::Npu, 1);
    let report = scheduler.run(graph, &Cancel::default()).unwrap();
    // The second chain's 41st operator.
    assert_eq!(retries(&report), [FULL + 40]);
    assert_eq!(report.ran.len(), 3 * FULL);
    assert!(content(&buffers[3 * FULL]) == bytes);
    let stats = kernel.stats();
    assert_eq!((stats.failed, scheduler.stats().retried), (1, 1));
    assert_eq!(runtime.contexts().stats().abandoned, 1);
    // What was queued behind it had run on nothing and runs again; the first 40 of the chain that failed are not counted.
    assert_eq!(stats.completed, (4 * FULL - 40) as u64);
}

fn behind() {
    let runtime = Runtime::open().unwrap();
    let (graph, buffers, _) = row(&runtime, FULL + 10, usize::MAX);
    let bytes = seed(&buffers[0], 2);
    let mut schedule = Scheduler::new(Target::Npu, 1).load(graph).unwrap();
    let report = schedule.run(soon(), &Cancel::default()).unwrap();
    assert_eq!(retries(&report), [3]);
    // The second chain had run, and copied nothing, before the first had been repaired.
    assert!(content(&buffers[FULL + 10]) == bytes);
    // In parts, it runs again.
    let bytes = seed(&buffers[0], 3);
    let again = schedule.run(soon(), &Cancel::default()).unwrap();
    assert_eq!((again.ran.len(), retries(&again)), (FULL + 10, vec![]));
    assert!(content(&buffers[FULL + 10]) == bytes);
}

/// Two buffers in turns: what failed finds its input overwritten by the chain behind it.
fn overwritten() {
    let runtime = Runtime::open().unwrap();
    let scheduler = Scheduler::new(Target::Npu, 1);
    let (graph, buffers, _) = row(&runtime, 2 * FULL, 2);
    seed(&buffers[0], 4);
    let failed = scheduler.run(graph, &Cancel::default()).unwrap_err();
    let Error::Overwritten { operator, failure } = &failed else {
        panic!("{failed}")
    };
    assert_eq!(operator, "3");
    let cause = matches!(
        **failure,
        Error::Failed {
            operator: Some(3),
            ..
        }
    );
    assert!(cause, "{failure}");
    assert_eq!(scheduler.stats().retried, 0);
    // Within one chain nothing behind the failure has run.
    let (graph, buffers, _) = row(&runtime, FULL, 2);
    let bytes = seed(&buffers[0], 5);
    scheduler.run(graph, &Cancel::default()).unwrap();
    assert!(content(&buffers[FULL % 2]) == bytes);
}

fn gone() {
    let runtime = Runtime::open().unwrap();
    let (graph, _, kernel) = row(&runtime, 2, usize::MAX);
    let scheduler = Scheduler::new(Target::Npu, 1);
    let failed = scheduler.run(graph, &Cancel::default()).unwrap_err();
    let lost = |e: &Error| matches!(e, Error::Driver(xdna_driver::Error::ContextLost { .. }));
    assert!(lost(&failed), "{failed}");
    let [a, b] = [(); 2].map(|()| runtime.buffers().get(BLOCK).unwrap());
    let lone = kernel.run(&[Arg::In(&a), Arg::Out(&b)], soon()).unwrap_err();
    assert!(lost(&lone), "{lone}");
    assert!(runtime.contexts().stats().created <= 8);
}
