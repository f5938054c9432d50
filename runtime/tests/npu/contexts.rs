//! The pool of contexts.

use std::time::{Duration, Instant};

use xdna_driver::Device;
use xdna_runtime::{Contexts, Error, Runtime};
use xdna_sim::Npu;

use crate::files::xclbin;
use crate::{Test, soon, test};

pub fn tests() -> Vec<Test> {
    vec![
        test("contexts/kernels_of_one_xclbin_share_one", Npu::strix(), shared),
        test("contexts/the_least_worth_one_is_evicted", Npu::strix(), evicted),
        test("contexts/one_in_use_is_not_evicted", Npu::strix(), in_use),
        test("contexts/others_are_waited_for_then_named", Npu::phoenix(), taken),
        test("contexts/other_widths_make_room_on_npu1", Npu::phoenix(), widths),
        test(
            "contexts/an_abandoned_one_is_not_used_again",
            Npu::strix(),
            abandoned,
        ),
    ]
}

fn runtime(limit: usize) -> Runtime {
    let device = Device::open_first().unwrap();
    let contexts = Contexts::with_limit(&device, limit);
    Runtime::with_contexts(device, contexts)
}

fn shared() {
    let runtime = runtime(4);
    let [one, same, other] = [xclbin(4, 0), xclbin(4, 0), xclbin(4, 1)].map(|f| runtime.overlay(&f).unwrap());
    let pool = runtime.contexts();
    let leases = [&one, &same, &other].map(|overlay| pool.get(overlay, soon()).unwrap());
    assert_eq!(leases[0].context().id(), leases[1].context().id());
    assert_ne!(leases[0].context().id(), leases[2].context().id());
    assert_eq!(runtime.device().contexts().unwrap().len(), 2);
    let stats = pool.stats();
    assert_eq!(
        (stats.created, stats.reused, stats.live, stats.busy),
        (2, 1, 2, 2)
    );
    drop(leases);
    assert_eq!(pool.stats().busy, 0);
    drop((one, same, other));
    runtime.forget_unused();
    assert_eq!(runtime.device().contexts().unwrap(), []);
}

fn evicted() {
    let runtime = runtime(2);
    let wide = runtime.overlay(&xclbin(8, 0)).unwrap();
    let narrow = runtime.overlay(&xclbin(1, 1)).unwrap();
    let third = runtime.overlay(&xclbin(4, 2)).unwrap();
    let pool = runtime.contexts();
    let of = |overlay| pool.get(overlay, soon()).unwrap().context().id();
    let first = of(&wide);
    // The narrow one was used last, but is loaded again in an eighth of the time.
    of(&narrow);
    of(&third);
    assert_eq!(of(&wide), first, "the wide one was kept");
    let stats = pool.stats();
    assert_eq!((stats.live, stats.evicted, stats.created), (2, 1, 3));
    // The same order of calls ends in the same contexts.
    assert_eq!(runtime.device().contexts().unwrap().len(), 2);
}

fn in_use() {
    let runtime = runtime(1);
    let [one, two] = [0, 1].map(|tag| runtime.overlay(&xclbin(4, tag)).unwrap());
    let pool = runtime.contexts();
    let held = pool.get(&one, soon()).unwrap();
    let refused = pool
        .get(&two, Instant::now() + Duration::from_millis(50))
        .unwrap_err();
    assert!(
        matches!(refused, Error::ContextsTaken { limit: 1, .. }),
        "{refused}"
    );
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| pool.get(&two, soon()).unwrap().context().id());
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(pool.stats().evicted, 0);
        drop(held);
        waiting.join().unwrap();
    });
    assert_eq!(pool.stats().evicted, 1);
}

fn taken() {
    let other = Device::open_first().unwrap();
    let mut held: Vec<_> = (0..6).map(|_| other.context(4).build().unwrap()).collect();
    let runtime = runtime(4);
    let overlay = runtime.overlay(&xclbin(4, 0)).unwrap();
    let pool = runtime.contexts();
    let refused = pool
        .get(&overlay, Instant::now() + Duration::from_millis(100))
        .unwrap_err();
    let Error::ContextsTaken { limit: 6, holders } = &refused else {
        panic!("{refused}")
    };
    let me = i64::from(std::process::id());
    assert_eq!((holders.len(), holders[0].pid, holders[0].contexts), (1, me, 6));
    assert!(
        refused.to_string().contains(&format!("process {me} (")),
        "{refused}"
    );
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(200));
            drop(held.pop());
        });
        pool.get(&overlay, soon()).unwrap();
    });
}

fn widths() {
    let runtime = runtime(4);
    let [four, two] = [4, 2].map(|columns| runtime.overlay(&xclbin(columns, 0)).unwrap());
    let pool = runtime.contexts();
    drop(pool.get(&four, soon()).unwrap());
    // Two columns collide with four: the idle context goes.
    drop(pool.get(&two, soon()).unwrap());
    assert_eq!((pool.stats().evicted, pool.stats().live), (1, 1));
    let wide = xclbin(6, 0);
    assert!(matches!(
        runtime.overlay(&wide),
        Err(Error::TooWide {
            columns: 6,
            available: 5
        })
    ));
}

fn abandoned() {
    let runtime = runtime(4);
    let overlay = runtime.overlay(&xclbin(4, 0)).unwrap();
    let pool = runtime.contexts();
    let lease = pool.get(&overlay, soon()).unwrap();
    pool.abandon(&lease);
    let fresh = pool.get(&overlay, soon()).unwrap();
    assert_ne!(fresh.context().id(), lease.context().id());
    drop(lease);
    assert_eq!((pool.stats().abandoned, pool.stats().live), (1, 1));
    assert_eq!(runtime.device().contexts().unwrap().len(), 1);
}
