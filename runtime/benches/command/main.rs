//! What does a command cost us? Everything between the public call and the kernel, without the kernel.
//!
//! The device is a simulated one; once all is set up, the two calls of the hot path are answered by the program itself
//! ([`stub`]), at once and with success, so that no time of a device, a kernel or a simulator is counted. `bare` is what
//! those answers take.
#![allow(
    unsafe_code,
    clippy::print_stderr,
    reason = "takes the place of two functions of the C library"
)]

#[path = "../../tests/npu/files.rs"]
mod files;
mod stub;

use std::time::{Duration, Instant};

use divan::Bencher;
use divan::counter::ItemsCount;
use xdna_runtime::{Arg, Kernel, KernelBuilder, Runtime, Sequence};
use xdna_sim::Npu;

#[global_allocator]
static ALLOCATIONS: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    match Npu::strix().start() {
        Ok(_running) => divan::main(),
        Err(e) => eprintln!("not measured: {e}"),
    }
}

fn kernel() -> (Runtime, Kernel) {
    let runtime = Runtime::open().expect("an NPU");
    let overlay = runtime.overlay(&files::xclbin(4, 0)).expect("an overlay");
    let code = files::code(4, 4);
    let kernel = KernelBuilder::new(&overlay, &code)
        .build(&runtime)
        .expect("a kernel");
    (runtime, kernel)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// The two calls alone, as they are answered here.
#[divan::bench]
fn bare(bencher: Bencher<'_, '_>) {
    let stubbed = stub::begin();
    bencher.bench_local(|| stubbed.bare());
}

/// `Prepared::run`.
#[divan::bench]
fn lone(bencher: Bencher<'_, '_>) {
    let (runtime, kernel) = kernel();
    let [a, b] = [(); 2].map(|()| runtime.buffers().get(4096).expect("a buffer"));
    let mut run = kernel.prepare(&[Arg::In(&a), Arg::Out(&b)]).expect("a run");
    run.run(soon()).expect("a first run");
    let _stubbed = stub::begin();
    let deadline = soon();
    bencher
        .counter(ItemsCount::new(1_usize))
        .bench_local(|| run.run(deadline).expect("a run"));
}

/// `Sequence::run`: so many commands, in chains of 46 at most.
#[divan::bench(args = [1, 2, 24, 46, 92])]
fn chained(bencher: Bencher<'_, '_>, commands: usize) {
    let (runtime, kernel) = kernel();
    let [a, b] = [(); 2].map(|()| runtime.buffers().get(4096).expect("a buffer"));
    let args = [Arg::In(&a), Arg::Out(&b)];
    let runs: Vec<(&Kernel, &[Arg<'_>])> = vec![(&kernel, &args[..]); commands];
    let mut sequence = Sequence::new(&runtime, kernel.overlay(), &runs).expect("a sequence");
    sequence.run(soon()).expect("a first run");
    let _stubbed = stub::begin();
    let deadline = soon();
    bencher
        .counter(ItemsCount::new(commands))
        .bench_local(|| sequence.run(deadline).expect("a run"));
}
