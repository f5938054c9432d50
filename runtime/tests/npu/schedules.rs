//! Graphs on the NPU and the CPU.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use xdna_runtime::schedule::{Cancel, Graph, Operator, Place, Plan, Priority, Report, Scheduler, Target};
use xdna_runtime::{Arg, Error, Kernel, Prepared, Runtime};
use xdna_sim::Npu;

use crate::{Test, kernel, soon, test};

pub fn tests() -> Vec<Test> {
    let fault = |script: &str| Npu::strix().fault(script).expect("a script");
    vec![
        test("schedule/operators_wait_for_their_inputs", Npu::strix(), inputs),
        test(
            "schedule/a_plan_is_the_same_every_time_and_says_why",
            Npu::strix(),
            planned,
        ),
        test(
            "schedule/a_failure_is_retried_in_a_fresh_context",
            fault("command:1:error@1"),
            retried,
        ),
        test(
            "schedule/a_second_failure_goes_to_the_cpu",
            fault("command:1:error@1,command:2:error"),
            falls_back,
        ),
        test(
            "schedule/without_a_cpu_a_second_failure_ends_the_graph",
            fault("command:*:error"),
            ends,
        ),
        test(
            "schedule/a_cancelled_graph_begins_nothing_more",
            Npu::strix(),
            cancelled,
        ),
        test(
            "schedule/a_graph_ends_at_its_deadline",
            fault("command:1:slow=400"),
            late,
        ),
        test("schedule/a_panic_on_the_cpu_ends_the_graph", Npu::strix(), panics),
        test("schedule/a_full_scheduler_says_so", Npu::strix(), busy),
        test(
            "schedule/high_priority_passes_what_waits",
            fault("command:*:slow=600"),
            priorities,
        ),
    ]
}

const MS: Duration = Duration::from_millis(1);

fn bound(runtime: &Runtime, kernel: &Kernel) -> Prepared {
    let [a, b] = [(); 2].map(|()| runtime.buffers().get(4096).unwrap());
    kernel.prepare(&[Arg::In(&a), Arg::Out(&b)]).unwrap()
}

fn graph<'a>() -> Graph<'a> {
    Graph::new(Priority::Normal, soon())
}

fn inputs() {
    let runtime = Runtime::open().unwrap();
    let kernels = [kernel(&runtime, 4, 0), kernel(&runtime, 4, 1)];
    let (log, mut graph) = (Mutex::new(Vec::new()), graph());
    let on_cpu = |name: &'static str| {
        let log = &log;
        move || {
            log.lock().unwrap().push(name);
            Ok(())
        }
    };
    let first = graph.add(Operator::new("first").on_cpu(on_cpu("first"), MS));
    let on_npu: Vec<_> = (0..6)
        .map(|i| {
            let run = bound(&runtime, &kernels[i % 2]);
            graph.add(Operator::new(format!("npu {i}")).on_npu(run, MS).after([first]))
        })
        .collect();
    graph.add(Operator::new("last").on_cpu(on_cpu("last"), MS).after(on_npu));
    let scheduler = Scheduler::new(Target::Auto, 4);
    let report = scheduler.run(graph, &Cancel::default()).unwrap();
    let order: Vec<usize> = report.ran.iter().map(|ran| ran.operator).collect();
    // By overlay: one switch, not five.
    assert_eq!(order, [0, 1, 3, 5, 2, 4, 6, 7]);
    assert_eq!(*log.lock().unwrap(), ["first", "last"]);
    let stats = scheduler.stats();
    assert_eq!(
        (stats.on_npu, stats.on_cpu, stats.retried, stats.fell_back),
        (6, 2, 0, 0)
    );
    assert_eq!(kernels.map(|kernel| kernel.stats().completed), [3, 3]);
}

fn planned() {
    let runtime = Runtime::open().unwrap();
    let kernel = kernel(&runtime, 4, 0);
    let both = |npu: u32, cpu: u32| {
        let run = bound(&runtime, &kernel);
        Operator::new(format!("{npu} or {cpu}"))
            .on_npu(run, npu * MS)
            .on_cpu(|| Ok(()), cpu * MS)
    };
    let build = || {
        let mut graph = graph();
        graph.add(both(1, 10));
        graph.add(both(10, 1));
        graph.add(Operator::new("npu alone").on_npu(bound(&runtime, &kernel), MS));
        graph
    };
    let plan = Plan::new(&build(), Target::Auto).unwrap();
    assert_eq!(plan, Plan::new(&build(), Target::Auto).unwrap());
    let places: Vec<Place> = plan.steps.iter().map(|step| step.place).collect();
    let npu = |switch, chained| Place::Npu { switch, chained };
    let (load, stay) = (npu(true, false), npu(false, true));
    assert_eq!(places, [Place::Cpu, load, stay]);
    let text = plan.to_string();
    assert!(
        text.contains("1 or 10: NPU, array loaded (8.8ms faster, estimated)"),
        "{text}"
    );
    assert!(
        text.contains("npu alone: NPU, chained (no other implementation)"),
        "{text}"
    );
    let npu = Plan::new(&build(), Target::Npu).unwrap();
    assert!(npu.steps.iter().all(|step| step.place != Place::Cpu));
    let refused = Plan::new(&build(), Target::Cpu).unwrap_err();
    assert_eq!(refused.to_string(), "npu alone has no implementation on the CPU");
}

/// Three operators in a row, the NPU's with a stand-in on the CPU that counts.
fn three(runtime: &Runtime, count: &AtomicU32) -> Result<(Scheduler, Report), Error> {
    let kernel = kernel(runtime, 4, 0);
    let mut graph = graph();
    let mut before = None;
    for name in ["one", "two", "three"] {
        let on_cpu = || {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(())
        };
        let operator = Operator::new(name)
            .on_npu(bound(runtime, &kernel), MS)
            .on_cpu(on_cpu, 100 * MS);
        before = Some(graph.add(operator.after(before)));
    }
    let scheduler = Scheduler::new(Target::Auto, 1);
    let report = scheduler.run(graph, &Cancel::default())?;
    Ok((scheduler, report))
}

fn retried() {
    let (runtime, count) = (Runtime::open().unwrap(), AtomicU32::new(0));
    let (scheduler, report) = three(&runtime, &count).unwrap();
    let seen: Vec<_> = report.ran.iter().map(|ran| (ran.on_npu, ran.retried)).collect();
    assert_eq!(seen, [(true, false), (true, true), (true, false)]);
    assert_eq!((scheduler.stats().retried, scheduler.stats().fell_back), (1, 0));
    assert_eq!((runtime.contexts().stats().created, count.into_inner()), (2, 0));
}

fn falls_back() {
    let (runtime, count) = (Runtime::open().unwrap(), AtomicU32::new(0));
    let (scheduler, report) = three(&runtime, &count).unwrap();
    let seen: Vec<_> = report.ran.iter().map(|ran| (ran.on_npu, ran.retried)).collect();
    assert_eq!(seen, [(true, false), (false, true), (true, false)]);
    assert_eq!((scheduler.stats().fell_back, count.into_inner()), (1, 1));
}

fn ends() {
    let runtime = Runtime::open().unwrap();
    let kernel = kernel(&runtime, 4, 0);
    let mut graph = graph();
    let first = graph.add(Operator::new("npu").on_npu(bound(&runtime, &kernel), MS));
    graph.add(
        Operator::new("never")
            .on_cpu(|| panic!("begun"), MS)
            .after([first]),
    );
    let scheduler = Scheduler::new(Target::Auto, 1);
    let failed = scheduler.run(graph, &Cancel::default()).unwrap_err();
    assert!(matches!(failed, Error::Failed { .. }), "{failed}");
    assert_eq!(kernel.stats().failed, 2);
}

fn cancelled() {
    let (cancel, mut graph) = (Cancel::default(), graph());
    let stop = cancel.clone();
    let first = graph.add(Operator::new("stops").on_cpu(
        move || {
            stop.cancel();
            Ok(())
        },
        MS,
    ));
    graph.add(
        Operator::new("never")
            .on_cpu(|| panic!("begun"), MS)
            .after([first]),
    );
    let scheduler = Scheduler::new(Target::Cpu, 1);
    assert!(matches!(scheduler.run(graph, &cancel), Err(Error::Cancelled)));
}

fn late() {
    let runtime = Runtime::open().unwrap();
    let kernel = kernel(&runtime, 4, 0);
    let mut graph = Graph::new(Priority::Normal, Instant::now() + 50 * MS);
    let on_cpu = || panic!("too late for that");
    let first = graph.add(
        Operator::new("slow")
            .on_npu(bound(&runtime, &kernel), MS)
            .on_cpu(on_cpu, 100 * MS),
    );
    graph.add(
        Operator::new("never")
            .on_cpu(|| panic!("begun"), MS)
            .after([first]),
    );
    let failed = Scheduler::new(Target::Auto, 1)
        .run(graph, &Cancel::default())
        .unwrap_err();
    assert!(
        matches!(failed, Error::Late { .. } | Error::GraphLate),
        "{failed}"
    );
}

fn busy() {
    let scheduler = Scheduler::new(Target::Cpu, 1);
    let one = |work: fn()| {
        let mut graph = graph();
        graph.add(Operator::new("work").on_cpu(
            move || {
                work();
                Ok(())
            },
            MS,
        ));
        graph
    };
    std::thread::scope(|scope| {
        let (begun, waits) = std::sync::mpsc::channel();
        scope.spawn(|| {
            let mut graph = graph();
            graph.add(Operator::new("long").on_cpu(
                move || {
                    begun.send(()).unwrap();
                    std::thread::sleep(200 * MS);
                    Ok(())
                },
                MS,
            ));
            scheduler.run(graph, &Cancel::default()).unwrap();
        });
        waits.recv().unwrap();
        let refused = scheduler.try_run(one(|| ()), &Cancel::default()).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "1 graphs are under way: there is no room for another"
        );
        // Waiting helps.
        scheduler.run(one(|| ()), &Cancel::default()).unwrap();
    });
    scheduler.try_run(one(|| ()), &Cancel::default()).unwrap();
}

fn priorities() {
    let runtime = Runtime::open().unwrap();
    let kernel = kernel(&runtime, 4, 0);
    let scheduler = Scheduler::new(Target::Npu, 8);
    let order = Mutex::new(Vec::new());
    let graphs = [
        ("slow", Priority::Normal),
        ("queued", Priority::Normal),
        ("normal", Priority::Normal),
        ("high", Priority::High),
    ]
    .map(|(name, priority)| {
        let mut graph = Graph::new(priority, soon());
        graph.add(Operator::new(name).on_npu(bound(&runtime, &kernel), MS));
        (name, scheduler.load(graph).unwrap())
    });
    std::thread::scope(|scope| {
        for (name, mut schedule) in graphs {
            let order = &order;
            scope.spawn(move || {
                schedule.run(soon(), &Cancel::default()).unwrap();
                order.lock().unwrap().push(name);
            });
            std::thread::sleep(60 * MS);
        }
    });
    assert_eq!(*order.lock().unwrap(), ["slow", "queued", "high", "normal"]);
}

fn panics() {
    let runtime = Runtime::open().unwrap();
    let kernel = kernel(&runtime, 4, 0);
    let mut graph = graph();
    let first = graph.add(Operator::new("panics").on_cpu(|| panic!("as it should"), MS));
    graph.add(
        Operator::new("waits")
            .on_npu(bound(&runtime, &kernel), MS)
            .after([first]),
    );
    let begin = Instant::now();
    let run = || Scheduler::new(Target::Auto, 1).run(graph, &Cancel::default());
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
    assert!(begin.elapsed() < soon() - begin, "the other lane went on waiting");
    assert_eq!(kernel.stats().completed, 0);
}
