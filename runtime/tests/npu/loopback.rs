//! Bytes through the whole stack: xclbin, context, control code, data movers, and back.

use std::path::Path;

use xdna_runtime::{
    Arg, Buffer, BufferUse, Chain, Contexts, Direction, Error, Kernel, KernelBuilder, Runtime, Sequence,
};
use xdna_sim::Npu;

use crate::counting::allocations;
use crate::{Test, soon, test};

pub fn tests() -> Vec<Test> {
    let fault = |script: &str| Npu::strix().fault(script).expect("a script");
    vec![
        test("loopback/npu1_moves_bytes", Npu::phoenix(), || moves("npu1")),
        test("loopback/npu4_moves_bytes", Npu::strix(), || moves("npu4")),
        test("loopback/npu1_in_chains_of_any_length", Npu::phoenix(), || {
            chains("npu1");
        }),
        test("loopback/npu4_in_chains_of_any_length", Npu::strix(), || {
            chains("npu4");
        }),
        test(
            "loopback/npu1_across_three_contexts_with_evictions",
            Npu::phoenix(),
            || evictions("npu1"),
        ),
        test(
            "loopback/npu4_across_three_contexts_with_evictions",
            Npu::strix(),
            || evictions("npu4"),
        ),
        test(
            "loopback/a_sequence_runs_again_without_allocating",
            Npu::strix(),
            again,
        ),
        test(
            "loopback/a_sequence_that_failed_runs_again",
            fault("command:2:error@3"),
            fails,
        ),
        test("loopback/many_runs_leave_nothing_behind", Npu::strix(), flat),
    ]
}

/// A loopback kernel that is checked in: its name in `kernels/prebuilt/DEVICE`, the bytes of one block.
pub fn kernel_of(runtime: &Runtime, device: &str, name: &str, bytes: usize) -> Kernel {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../kernels/prebuilt")
        .join(device);
    let overlay = runtime
        .overlay_from(&folder.join(format!("{name}.xclbin")))
        .expect("an overlay");
    let code = std::fs::read(folder.join(format!("{name}.1.txn.bin"))).expect("control code");
    let uses = [Direction::In, Direction::Out].map(|direction| BufferUse {
        direction,
        bytes,
        elements: None,
    });
    KernelBuilder::new(&overlay, &code)
        .buffers(&uses)
        .build(runtime)
        .expect("a kernel")
}

/// Bytes a column moves in one run.
pub const BLOCK: usize = 16 << 10;

pub fn pair(runtime: &Runtime, bytes: usize) -> [Buffer; 2] {
    [(); 2].map(|()| runtime.buffers().get(bytes).unwrap())
}

/// Bytes that are nowhere the same.
pub fn pattern(seed: u32, bytes: usize) -> Vec<u8> {
    let words = (0..bytes as u32 / 4).map(|i| i.wrapping_mul(0x9e37_79b9) ^ seed);
    words.flat_map(u32::to_le_bytes).collect()
}

pub fn content(buffer: &Buffer) -> Vec<u8> {
    let mut bytes = vec![0; buffer.len()];
    buffer.read(0, &mut bytes).unwrap();
    bytes
}

fn moves(device: &str) {
    let runtime = Runtime::open().unwrap();
    let all = if device == "npu1" { 4 } else { 8 };
    for (name, columns) in [
        ("shim_1", 1),
        ("memory_1", 1),
        (&format!("shim_{all}"), all),
        (&format!("memory_{all}"), all),
    ] {
        let bytes = columns * BLOCK;
        let kernel = kernel_of(&runtime, device, &format!("loopback_{name}"), bytes);
        let [a, b] = pair(&runtime, bytes);
        for seed in 1..4 {
            a.write(0, &pattern(seed, bytes)).unwrap();
            b.write(0, &vec![0; bytes]).unwrap();
            kernel.run(&[Arg::In(&a), Arg::Out(&b)], soon()).unwrap();
            assert!(content(&b) == pattern(seed, bytes), "{name}, seed {seed}");
        }
    }
}

fn chains(device: &str) {
    let runtime = Runtime::open().unwrap();
    let kernel = kernel_of(&runtime, device, "loopback_shim_1", BLOCK);
    // Slots of 52 bytes and 9 words: 46 fill a chain.
    for (operators, chains) in [(1, 1), (2, 1), (24, 1), (46, 1), (47, 2)] {
        let buffers: Vec<Buffer> = (0..=operators)
            .map(|_| runtime.buffers().get(BLOCK).unwrap())
            .collect();
        buffers[0].write(0, &pattern(operators as u32, BLOCK)).unwrap();
        let mut chain = Chain::new(&runtime, kernel.overlay(), soon());
        // Each hands on what it got.
        for pair in buffers.windows(2) {
            chain
                .push(&kernel, &[Arg::In(&pair[0]), Arg::Out(&pair[1])])
                .unwrap();
        }
        assert_eq!(chain.finish().unwrap(), chains);
        assert!(
            content(&buffers[operators]) == pattern(operators as u32, BLOCK),
            "{operators}"
        );
    }
}

/// Chains of three overlays in turns, in a pool of two contexts.
fn evictions(name: &str) {
    let device = xdna_driver::Device::open_first().unwrap();
    let contexts = Contexts::with_limit(&device, 2);
    let runtime = Runtime::with_contexts(device, contexts);
    let kernels = ["loopback_shim_1", "loopback_memory_1", "loopback_transpose_1"]
        .map(|overlay| kernel_of(&runtime, name, overlay, BLOCK));
    for (round, operators) in [1, 2, 24, 46].into_iter().enumerate() {
        for (i, kernel) in kernels.iter().enumerate() {
            let [a, b] = pair(&runtime, BLOCK);
            let seed = 10 * round as u32 + i as u32;
            a.write(0, &pattern(seed, BLOCK)).unwrap();
            let mut chain = Chain::new(&runtime, kernel.overlay(), soon());
            for _ in 0..operators {
                chain.push(kernel, &[Arg::In(&a), Arg::Out(&b)]).unwrap();
            }
            assert_eq!(chain.finish().unwrap(), 1);
            let expected = match i {
                2 => transposed(&pattern(seed, BLOCK)),
                _ => pattern(seed, BLOCK),
            };
            assert!(content(&b) == expected, "round {round}, kernel {i}");
        }
    }
    let snapshot = runtime.snapshot();
    let stats = snapshot.contexts;
    assert!(stats.evicted >= 3 && stats.live == 2, "{stats:?}");
    assert_eq!(runtime.device().contexts().unwrap().len(), 2);
    // Every command is counted for its context, those that are gone included.
    let live = snapshot.each_context.iter().map(|c| c.commands.completed);
    assert_eq!(live.sum::<u64>() + snapshot.past_contexts.completed, 12);
    assert!(snapshot.past_contexts.latency.count() >= 3);
    let runs = snapshot.kernels.values().map(|k| k.completed);
    assert_eq!(runs.sum::<u64>(), 3 * (1 + 2 + 24 + 46));
}

/// Rows of 128 words as columns of 32.
fn transposed(bytes: &[u8]) -> Vec<u8> {
    let words: Vec<&[u8]> = bytes.chunks(4).collect();
    let word = |i: usize| words[i % 32 * 128 + i / 32];
    (0..words.len()).flat_map(|i| word(i).to_vec()).collect()
}

/// A sequence of `operators` runs that hand on what they got, and its first and last buffer.
fn sequence(runtime: &Runtime, operators: usize) -> (Sequence, Buffer, Buffer) {
    let kernel = kernel_of(runtime, "npu4", "loopback_shim_1", BLOCK);
    let buffers: Vec<Buffer> = (0..=operators)
        .map(|_| runtime.buffers().get(BLOCK).unwrap())
        .collect();
    let args: Vec<[Arg<'_>; 2]> = buffers
        .windows(2)
        .map(|pair| [Arg::In(&pair[0]), Arg::Out(&pair[1])])
        .collect();
    let runs: Vec<(&Kernel, &[Arg<'_>])> = args.iter().map(|args| (&kernel, &args[..])).collect();
    let sequence = Sequence::new(runtime, kernel.overlay(), &runs).unwrap();
    (sequence, buffers[0].clone(), buffers[operators].clone())
}

fn again() {
    let runtime = Runtime::open().unwrap();
    let (mut sequence, first, last) = sequence(&runtime, 100);
    assert_eq!(sequence.chains(), 3);
    sequence.run(soon()).unwrap();
    for seed in 0..3 {
        first.write(0, &pattern(seed, BLOCK)).unwrap();
        let before = allocations();
        sequence.run(soon()).unwrap();
        assert_eq!(allocations() - before, 0);
        assert!(content(&last) == pattern(seed, BLOCK));
    }
    let counted = runtime.snapshot().kernels;
    assert_eq!(counted.values().map(|k| k.completed).sum::<u64>(), 400);
}

fn fails() {
    let runtime = Runtime::open().unwrap();
    let (mut sequence, first, last) = sequence(&runtime, 100);
    first.write(0, &pattern(7, BLOCK)).unwrap();
    let failed = sequence.run(soon()).unwrap_err();
    assert!(
        matches!(failed, Error::Failed { operator: Some(at), .. } if at == 46 + 3),
        "{failed}"
    );
    sequence.run(soon()).unwrap();
    assert!(content(&last) == pattern(7, BLOCK));
    assert_eq!(runtime.contexts().stats().abandoned, 1);
}

/// Runs of one kernel; XDNA_RUNS asks for another number, a multiple of 1000.
fn runs() -> u32 {
    let number = std::env::var("XDNA_RUNS").ok();
    number.map_or(10_000, |n| n.parse().expect("XDNA_RUNS is a number"))
}

fn flat() {
    let runtime = Runtime::open().unwrap();
    let kernel = kernel_of(&runtime, "npu4", "loopback_shim_1", BLOCK);
    let [a, b] = pair(&runtime, BLOCK);
    let mut run = kernel.prepare(&[Arg::In(&a), Arg::Out(&b)]).unwrap();
    run.run(soon()).unwrap();
    let next_handle = || runtime.device().create_bo(4096).unwrap().handle().get();
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let (runs, handle, open) = (runs(), next_handle(), descriptors());
    let before = allocations();
    for i in 0..runs {
        if i % 1000 == 0 {
            a.write(0, &pattern(i, BLOCK)).unwrap();
        }
        run.run(soon()).unwrap();
        if i % 1000 == 0 {
            let expected = pattern(i, BLOCK);
            assert!(content(&b) == expected, "run {i}");
        }
    }
    // The patterns' own, and nothing of the runs'.
    assert_eq!(allocations() - before, u64::from(runs / 1000) * 3);
    assert_eq!(next_handle(), handle, "a handle leaked");
    // Other tests of this process open and close theirs: this one's would be one a run.
    assert!(descriptors() < open + runs as usize / 2, "descriptors leaked");
    assert_eq!(runtime.device().contexts().unwrap().len(), 1);
    assert_eq!(kernel.stats().completed, u64::from(runs) + 1);
}
