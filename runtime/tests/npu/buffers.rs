//! The pool of buffers.

use std::os::fd::AsFd;

use xdna_runtime::{Arg, Buffer, BufferStats, Error, Runtime};
use xdna_sim::Npu;

use crate::{Test, kernel, soon, test};

pub fn tests() -> Vec<Test> {
    vec![
        test("buffers/are_used_again", Npu::strix(), again),
        test("buffers/a_part_keeps_the_whole_alive", Npu::strix(), parts),
        test(
            "buffers/are_not_used_again_while_a_command_has_them",
            slow(),
            flying,
        ),
        test("buffers/others_are_adopted", Npu::strix(), adopted),
        test("buffers/pinned_ones_are_nobody_elses", Npu::strix(), pinned),
        test(
            "buffers/memory_that_is_short_is_found_among_the_free",
            short(),
            found,
        ),
    ]
}

/// Memory of the process and an imported buffer are arguments like any other.
fn adopted() {
    let runtime = Runtime::open().unwrap();
    let pool = runtime.buffers();
    let own = pool.adopt(runtime.device().create_user_bo(16 << 10).unwrap());
    let made = runtime.device().create_bo(16 << 10).unwrap();
    let descriptor = made.export().unwrap();
    let imported = pool.adopt(runtime.device().import(descriptor.as_fd()).unwrap());
    assert_eq!(pool.stats(), BufferStats::default());
    let kernel = crate::loopback::kernel_of(&runtime, "npu4", "loopback_shim_1", 16 << 10);
    let bytes: Vec<u8> = (0..16 << 10).map(|i: u32| ((i * 7) >> 3) as u8).collect();
    own.write(0, &bytes).unwrap();
    let mut chain = kernel.chain(soon());
    chain
        .push(&kernel, &[Arg::In(&own), Arg::Out(&imported)])
        .unwrap();
    chain.finish().unwrap();
    let mut found = vec![0; bytes.len()];
    imported.read(0, &mut found).unwrap();
    assert!(found == bytes);
    // Another name for the same memory.
    let again = pool.adopt(made);
    let refused = kernel.run(&[Arg::In(&imported), Arg::Out(&again)], soon());
    assert!(matches!(refused, Err(Error::Argument { .. })), "{refused:?}");
    drop((own, imported, again));
    assert_eq!(pool.stats(), BufferStats::default());
}

fn slow() -> Npu {
    Npu::strix().fault("command:1:slow=300").expect("a script")
}

fn short() -> Npu {
    Npu::strix().fault("create_bo:3:ENOMEM").expect("a script")
}

fn again() {
    let runtime = Runtime::open().unwrap();
    let pool = runtime.buffers();
    let first = pool.get(5000).unwrap();
    let address = first.device_addr();
    assert_eq!((first.len(), pool.stats().used_bytes), (5000, 8192));
    drop(first);
    assert_eq!((pool.stats().used_bytes, pool.stats().free_bytes), (0, 8192));
    // The same class, the same memory.
    let second = pool.get(8000).unwrap();
    assert_eq!(second.device_addr(), address);
    let third = pool.get(8000).unwrap();
    assert_ne!(third.device_addr(), address);
    let stats = pool.stats();
    assert_eq!(
        (stats.created, stats.reused, stats.high_water_bytes),
        (2, 1, 16_384)
    );
    drop((second, third));
    pool.trim(8192);
    assert_eq!(
        (pool.stats().free_bytes, pool.stats().high_water_bytes),
        (8192, 16_384)
    );
    pool.trim(0);
    assert_eq!(pool.stats().free_bytes, 0);
    assert!(matches!(pool.get(0), Err(Error::OutOfRange { .. })));
}

fn parts() {
    let runtime = Runtime::open().unwrap();
    let pool = runtime.buffers();
    let whole = pool.get(4096).unwrap();
    whole
        .write(0, &(0..=255).cycle().take(4096).collect::<Vec<u8>>())
        .unwrap();
    let part = whole.part(100..200).unwrap().part(10..20).unwrap();
    assert_eq!(part.device_addr(), whole.device_addr() + 110);
    drop(whole);
    assert_eq!(pool.stats().used_bytes, 4096);
    let other = pool.get(4096).unwrap();
    other.write(0, &[0; 4096]).unwrap();
    assert_eq!(part.view::<u8>().unwrap()[..], (110..120).collect::<Vec<u8>>());
    let beyond = |part: &Buffer| part.part(5..11).unwrap_err();
    assert!(matches!(
        beyond(&part),
        Error::OutOfRange { end: 11, len: 10, .. }
    ));
    assert!(part.write(5, &[0; 6]).is_err());
    part.write(5, &[7; 5]).unwrap();
    let mut back = [0; 10];
    part.read(0, &mut back).unwrap();
    assert_eq!(back, [110, 111, 112, 113, 114, 7, 7, 7, 7, 7]);
    drop(part);
    assert_eq!(pool.stats().free_bytes, 4096);
}

fn flying() {
    let runtime = Runtime::open().unwrap();
    let kernel = kernel(&runtime, 4, 0);
    let pool = runtime.buffers();
    let (a, b) = (pool.get(4096).unwrap(), pool.get(4096).unwrap());
    let mut run = kernel.prepare(&[Arg::In(&a), Arg::Out(&b)]).unwrap();
    let late = run.run(std::time::Instant::now()).unwrap_err();
    assert!(matches!(late, Error::Late { .. }), "{late}");
    let addresses = [a.device_addr(), b.device_addr()];
    drop((run, a, b));
    let fresh = [pool.get(4096).unwrap(), pool.get(4096).unwrap()];
    assert!(
        fresh.iter().all(|f| !addresses.contains(&f.device_addr())),
        "the command still had them"
    );
}

fn pinned() {
    let runtime = Runtime::open().unwrap();
    let pool = runtime.buffers();
    let weights = pool.pin(10_000).unwrap();
    weights.view_mut::<u32>().unwrap().fill(9);
    let clone = weights.clone();
    drop(weights);
    assert_eq!((pool.stats().pinned_bytes, pool.stats().used_bytes), (12_288, 0));
    assert!(clone.view::<u32>().unwrap().iter().all(|w| *w == 9));
    drop(clone);
    let stats = pool.stats();
    assert_eq!(
        (stats.pinned_bytes, stats.free_bytes, stats.high_water_bytes),
        (0, 0, 12_288)
    );
}

fn found() {
    let runtime = Runtime::open().unwrap();
    let pool = runtime.buffers();
    // Handles 1 and 2; the third creation fails, once.
    drop([pool.get(4096).unwrap(), pool.get(8192).unwrap()]);
    let large = pool.get(1 << 20).unwrap();
    assert_eq!((pool.stats().free_bytes, large.len()), (0, 1 << 20));
    large.write(0, &[1]).unwrap();
}
