//! Kernels: binding, running, failing.

use std::time::{Duration, Instant};

use xdna_driver::Outcome;
use xdna_runtime::{Arg, Buffer, BufferUse, Direction, Error, KernelBuilder, Problem, Runtime};
use xdna_sim::Npu;

use crate::counting::allocations;
use crate::files::{code, xclbin};
use crate::{Test, kernel, soon, test};

pub fn tests() -> Vec<Test> {
    let fault = |script: &str| Npu::strix().fault(script).expect("a script");
    let quick = |script: &str| fault(script).job_timeout(Duration::from_millis(50));
    vec![
        test("kernels/run_without_a_manifest", Npu::strix(), runs),
        test(
            "kernels/arguments_are_checked_before_anything_is_submitted",
            Npu::strix(),
            checked,
        ),
        test(
            "kernels/a_manifest_adds_sizes_and_directions",
            Npu::strix(),
            manifest,
        ),
        test("kernels/wrong_control_code_is_refused", Npu::strix(), wrong_code),
        test(
            "kernels/a_table_without_control_code_is_refused",
            Npu::strix(),
            other_table,
        ),
        test(
            "kernels/a_run_again_allocates_nothing",
            Npu::strix(),
            allocates_nothing,
        ),
        test(
            "kernels/a_failure_costs_its_context_alone",
            fault("command:2:error"),
            fails,
        ),
        test(
            "kernels/signals_without_end_are_late",
            fault("exec_cmd:*:EINTR"),
            interrupted,
        ),
        test("kernels/a_hang_is_a_timeout", quick("command:1:hang"), hangs),
        test(
            "kernels/a_command_lost_in_a_recovery_is_sent_again",
            quick("command:1:hang").drop_window(Duration::from_millis(200)),
            lost,
        ),
        test(
            "kernels/a_late_run_keeps_its_buffers",
            fault("command:1:slow=300"),
            late,
        ),
    ]
}

fn two(runtime: &Runtime) -> [Buffer; 2] {
    [(); 2].map(|()| runtime.buffers().get(4096).unwrap())
}

fn runs() {
    let runtime = Runtime::open().unwrap();
    let kernel = kernel(&runtime, 4, 0);
    assert_eq!(kernel.name(), "MLIR_AIE");
    assert_eq!(kernel.parameters().len(), 5);
    let [a, b] = two(&runtime);
    a.write(0, &[5; 4096]).unwrap();
    kernel.run(&[Arg::In(&a), Arg::Out(&b)], soon()).unwrap();
    let stats = kernel.stats();
    assert_eq!((stats.completed, stats.failed, stats.latency.count()), (1, 0, 1));
    let snapshot = runtime.snapshot();
    assert_eq!(snapshot.kernels[kernel.label()], stats);
    assert_eq!((snapshot.contexts.live, snapshot.buffers.used_bytes), (1, 8192));
}

fn checked() {
    let runtime = Runtime::open().unwrap();
    let kernel = kernel(&runtime, 4, 0);
    let [a, b] = two(&runtime);
    let problem = |args: &[Arg<'_>]| match kernel.run(args, soon()) {
        Err(Error::Argument { index, problem, .. }) => (index, problem),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        problem(&[Arg::In(&a)]),
        (
            1,
            Problem::Count {
                given: 1,
                least: 2,
                most: 5
            }
        )
    );
    let six = [Arg::In(&a); 6];
    assert_eq!(
        problem(&six),
        (
            5,
            Problem::Count {
                given: 6,
                least: 2,
                most: 5
            }
        )
    );
    assert_eq!(
        problem(&[Arg::In(&a), Arg::U32(1)]),
        (1, Problem::Kind { wanted: "buffer" })
    );
    assert_eq!(
        problem(&[Arg::In(&a), Arg::Out(&a)]),
        (1, Problem::Aliased { other: 0 })
    );
    let [low, high, odd] = [a.part(0..2048), a.part(2044..4096), b.part(2..100)].map(Result::unwrap);
    assert_eq!(
        problem(&[Arg::InOut(&low), Arg::In(&high)]),
        (1, Problem::Aliased { other: 0 })
    );
    let address = odd.device_addr();
    assert_eq!(
        problem(&[Arg::In(&a), Arg::Out(&odd)]),
        (1, Problem::Misaligned { address, align: 4 })
    );
    assert_eq!(runtime.device().contexts().unwrap(), [], "nothing was submitted");
    // Readers may share; neighbours do not overlap.
    kernel.run(&[Arg::In(&low), Arg::In(&high)], soon()).unwrap();
    kernel
        .run(
            &[
                Arg::In(&a.part(0..64).unwrap()),
                Arg::Out(&a.part(64..128).unwrap()),
            ],
            soon(),
        )
        .unwrap();
}

fn manifest() {
    let runtime = Runtime::open().unwrap();
    let overlay = runtime.overlay(&xclbin(4, 0)).unwrap();
    let uses = [Direction::In, Direction::Out].map(|direction| BufferUse {
        direction,
        bytes: 4096,
        elements: None,
    });
    let code = code(4, 4);
    let builder = KernelBuilder::new(&overlay, &code).name("MLIR_AIE:MLIRAIE");
    let kernel = builder.buffers(&uses).build(&runtime).unwrap();
    let [a, b] = two(&runtime);
    kernel.run(&[Arg::In(&a), Arg::Out(&b)], soon()).unwrap();
    let problem = |args: &[Arg<'_>]| match kernel.run(args, soon()) {
        Err(Error::Argument { index, problem, .. }) => (index, problem),
        other => panic!("{other:?}"),
    };
    let short = a.part(0..4092).unwrap();
    let size = Problem::Size {
        given: 4092,
        wanted: 4096,
    };
    assert_eq!(problem(&[Arg::In(&short), Arg::Out(&b)]), (0, size));
    let direction = Problem::Direction { wanted: "an output" };
    assert_eq!(problem(&[Arg::In(&a), Arg::In(&b)]), (1, direction));
    let many = [
        uses[0].clone(),
        uses[0].clone(),
        uses[0].clone(),
        uses[0].clone(),
        uses[0].clone(),
        uses[1].clone(),
    ];
    let refused = builder.buffers(&many).build(&runtime).unwrap_err();
    assert!(matches!(refused, Error::Argument { index: 5, .. }), "{refused}");
}

fn interrupted() {
    let runtime = Runtime::open().unwrap();
    let kernel = kernel(&runtime, 4, 0);
    let [a, b] = two(&runtime);
    let mut run = kernel.prepare(&[Arg::In(&a), Arg::Out(&b)]).unwrap();
    for _ in 0..2 {
        let late = run.run(Instant::now() + Duration::from_millis(50));
        assert!(matches!(late, Err(Error::Late { .. })), "{late:?}");
    }
    let mut chain = kernel.chain(Instant::now() + Duration::from_millis(50));
    chain.push(&kernel, &[Arg::In(&a), Arg::Out(&b)]).unwrap();
    let late = chain.finish();
    assert!(matches!(late, Err(Error::Late { .. })), "{late:?}");
    assert_eq!(kernel.stats().completed, 0);
}

/// Where such a kernel takes what is not known: the caller's first buffer must not be taken for control code.
fn other_table() {
    let runtime = Runtime::open().unwrap();
    for (name, what) in [("\"instr\"", "the address"), ("\"ninstr\"", "the length")] {
        let mut file = xclbin(4, 0);
        let at = file.windows(name.len()).position(|w| w == name.as_bytes());
        file[at.expect("the argument") + 1] = b'x';
        let overlay = runtime.overlay(&file).unwrap();
        let refused = KernelBuilder::new(&overlay, &code(4, 2)).build(&runtime);
        let said = refused.map(|k| k.label().to_owned()).unwrap_err().to_string();
        assert!(said.contains(what) && said.contains("opcode, "), "{said}");
    }
}

fn wrong_code() {
    let runtime = Runtime::open().unwrap();
    let overlay = runtime.overlay(&xclbin(4, 0)).unwrap();
    let refused = |code: &[u8]| KernelBuilder::new(&overlay, code).build(&runtime).unwrap_err();
    assert!(matches!(refused(&code(3, 4)), Error::OtherGeneration { .. }));
    assert!(matches!(
        refused(&code(4, 5)),
        Error::CodeTooWide {
            needed: 5,
            columns: 4
        }
    ));
    let right = code(4, 4);
    let refused = KernelBuilder::new(&overlay, &right)
        .name("other")
        .build(&runtime)
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        r#"the xclbin has no kernel "other"; it has MLIR_AIE"#
    );
    assert!(matches!(
        KernelBuilder::new(&overlay, &right[..40]).build(&runtime),
        Err(Error::Format(_) | Error::OtherGeneration { .. })
    ));
    assert!(matches!(runtime.overlay(&right), Err(Error::Format(_))));
}

fn allocates_nothing() {
    let runtime = Runtime::open().unwrap();
    let kernel = kernel(&runtime, 4, 0);
    let [a, b] = two(&runtime);
    let mut run = kernel.prepare(&[Arg::In(&a), Arg::Out(&b)]).unwrap();
    run.run(soon()).unwrap();
    let before = allocations();
    for _ in 0..100 {
        run.run(soon()).unwrap();
    }
    assert_eq!(allocations() - before, 0);
}

fn fails() {
    let runtime = Runtime::open().unwrap();
    let kernel = kernel(&runtime, 4, 0);
    let [a, b] = two(&runtime);
    let mut run = kernel.prepare(&[Arg::In(&a), Arg::Out(&b)]).unwrap();
    run.run(soon()).unwrap();
    let failed = run.run(soon()).unwrap_err();
    assert_eq!(failed.to_string(), "kernel MLIR_AIE: failed in the firmware");
    assert_eq!(runtime.contexts().stats().abandoned, 1);
    run.run(soon()).unwrap();
    let stats = kernel.stats();
    assert_eq!((stats.completed, stats.failed), (2, 1));
    assert_eq!(runtime.device().contexts().unwrap().len(), 1);
}

fn hangs() {
    let runtime = Runtime::open().unwrap();
    let kernel = kernel(&runtime, 4, 0);
    let [a, b] = two(&runtime);
    let mut run = kernel.prepare(&[Arg::In(&a), Arg::Out(&b)]).unwrap();
    let failed = run.run(soon()).unwrap_err();
    let Error::Failed {
        outcome: Outcome::TimedOut { health, .. },
        ..
    } = failed
    else {
        panic!("{failed}")
    };
    assert!(health.is_some());
    run.run(soon()).unwrap();
    assert_eq!((kernel.stats().timed_out, kernel.stats().completed), (1, 1));
}

fn lost() {
    let runtime = Runtime::open().unwrap();
    let kernel = kernel(&runtime, 4, 0);
    let [a, b] = two(&runtime);
    let mut run = kernel.prepare(&[Arg::In(&a), Arg::Out(&b)]).unwrap();
    // Another user of the same context is in it when it times out.
    let lease = runtime.contexts().get(kernel.overlay(), soon()).unwrap();
    let mut other = kernel.prepare(&[Arg::In(&a), Arg::Out(&b)]).unwrap();
    assert!(other.run(soon()).is_err());
    drop(lease);
    run.run(soon()).unwrap();
    assert_eq!(kernel.stats().completed, 1);
}

fn late() {
    let runtime = Runtime::open().unwrap();
    let kernel = kernel(&runtime, 4, 0);
    let [a, b] = two(&runtime);
    let mut run = kernel.prepare(&[Arg::In(&a), Arg::Out(&b)]).unwrap();
    let late = run.run(Instant::now() + Duration::from_millis(20)).unwrap_err();
    assert!(matches!(late, Error::Late { .. }), "{late}");
    // The NPU may still write it.
    assert!(b.write(0, &[1]).is_err());
    assert!(matches!(run.run(soon()), Err(Error::Late { .. })));
    assert_eq!(kernel.stats().late, 1);
    // Once it has ended, its context goes and its buffers are free.
    std::thread::sleep(Duration::from_millis(600));
    drop(run);
    drop(runtime.contexts().get(kernel.overlay(), soon()).unwrap());
    b.write(0, &[1]).unwrap();
    assert_eq!(runtime.device().contexts().unwrap().len(), 1);
}
