//! The runtime on simulated NPUs: every test has a device of its own, on a thread of its own.
//!
//! Without the right to filter a thread (root) they are shown as ignored.
#![allow(unsafe_code, reason = "counting allocations")]

mod buffers;
mod calls;
mod chains;
mod contexts;
mod counting;
mod faults;
mod files;
mod kernels;
mod loopback;
mod packing;
mod schedules;
mod selftests;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use xdna_runtime::{Kernel, KernelBuilder, Runtime};
use xdna_sim::Npu;

/// A test: its name, its device, what it does.
struct Test {
    name: String,
    npu: Npu,
    run: Box<dyn FnOnce() + Send>,
}

fn test(name: impl Into<String>, npu: Npu, run: impl FnOnce() + Send + 'static) -> Test {
    Test {
        name: name.into(),
        npu,
        run: Box::new(run),
    }
}

fn main() -> ExitCode {
    let available = Npu::available();
    let tests = [
        buffers::tests(),
        contexts::tests(),
        kernels::tests(),
        chains::tests(),
        schedules::tests(),
        packing::tests(),
        selftests::tests(),
        loopback::tests(),
        faults::tests(),
        calls::tests(),
    ];
    let trials = tests.into_iter().flatten().map(|Test { name, npu, run }| {
        let name = match &available {
            Ok(()) => name,
            Err(reason) => format!("{name} ({reason})"),
        };
        let ignored = available.is_err();
        Trial::test(name, move || {
            npu.run(run).map_err(|e| Failed::from(e.to_string()))
        })
        .with_ignored_flag(ignored)
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

/// A deadline no test should meet.
fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// A kernel of two buffers on `columns` columns.
fn kernel(runtime: &Runtime, columns: u16, tag: u8) -> Kernel {
    let overlay = runtime.overlay(&files::xclbin(columns, tag)).expect("an overlay");
    let code = files::code(4, columns as u8);
    KernelBuilder::new(&overlay, &code)
        .build(runtime)
        .expect("a kernel")
}
