//! What scenarios share.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use xdna_driver::{
    Bo, ChainBuilder, Command, CommandBuilder, Cu, Deadline, Device, Finished, Generation, HwContext,
    Outcome, Wait,
};

pub mod calls;
pub mod golden;
pub mod images;
pub mod traps;
pub mod warnings;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// The system's allocator, counting.
pub struct Counting;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Allocations of this process so far.
pub fn allocations() -> u64 {
    ALLOCATIONS.load(Ordering::Relaxed)
}

/// The simulated device.
pub fn device() -> Device {
    Device::open_first().expect("the simulated device opens")
}

/// A context of four columns with one compute unit.
pub fn context(device: &Device) -> HwContext {
    let context = device.context(4).build().expect("a context");
    let pdi = dev_bo(device, &images::empty_pdi());
    context
        .configure(&[Cu {
            pdi: &pdi,
            function: 0,
        }])
        .expect("its compute unit");
    context
}

/// A DEV buffer that holds `bytes`.
pub fn dev_bo(device: &Device, bytes: &[u8]) -> Arc<Bo> {
    let bo = device.create_dev_bo(bytes.len()).expect("a DEV buffer");
    bo.write(0, bytes).expect("its content");
    bo
}

/// An instruction stream that does nothing.
pub fn instructions(device: &Device) -> Arc<Bo> {
    let generation = if device.generation() == Generation::Xdna1 {
        3
    } else {
        4
    };
    dev_bo(device, &images::empty_transaction(generation, 4))
}

/// A command that runs an instruction stream that does nothing on three buffers.
pub fn nothing(context: &HwContext) -> CommandBuilder<'_> {
    let device = context.device();
    let buffers: Vec<_> = (0..3)
        .map(|_| device.create_bo(4096).expect("a buffer"))
        .collect();
    let command = Command::start_cu(device, context.cu(0).expect("a compute unit"))
        .u64(3)
        .addr(&instructions(device))
        .u32(5);
    buffers.iter().fold(command, |command, bo| command.addr(bo))
}

/// A deadline no test should meet.
pub fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(20))
}

/// Submits a command and waits for its end.
pub fn run(context: &HwContext, command: Command) -> Finished {
    match context
        .submit(command)
        .expect("the command is submitted")
        .wait(soon())
        .expect("a wait")
    {
        Wait::Ended(finished) => finished,
        Wait::Pending(submission) => panic!("{submission:?} does not end"),
    }
}

/// Submits a command that does nothing and says how it ended.
pub fn outcome(context: &HwContext) -> Outcome {
    run(context, nothing(context).build().expect("a command")).outcome
}

/// A command that is a full ELF of control code that does nothing.
pub fn elf(context: &HwContext) -> Command {
    let device = context.device();
    let code = instructions(device);
    Command::start_elf(device, (&code, 20), (&code, 20), (&code, 20))
        .build()
        .unwrap()
}

/// A chain of commands that do nothing.
pub fn chain_of(context: &HwContext, commands: usize) -> Command {
    let mut chain = ChainBuilder::new(context.device());
    for _ in 0..commands {
        chain.push(nothing(context).build().unwrap()).unwrap();
    }
    chain.build().unwrap()
}
