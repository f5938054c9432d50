//! Sums of bf16 vectors: one stage, and two stages on two cores that share a buffer.

use libtest_mimic::Failed;
use xdna_sim::array::{Core, Program, Shape, TileId};

use super::Case;
use super::bench::{Buffers, code, overlay, random, run, same};
use super::fifo::Fifo;

/// Elements of a vector, and of a buffer.
const ALL: usize = 4096;
const PART: usize = 1024;

/// C = A + B.
pub const SINGLE_ADD: Case = (
    "single_add_adds_two_vectors",
    &[
        "npu1/xdna-npu-toolkit/single-add.xclbin",
        "npu1/xdna-npu-toolkit/single-add.insts.bin",
    ],
    single_add,
);

/// D = (A + B) + C, the sum of the first stage stays on the array.
pub const FUSED_ADD_ADD: Case = (
    "fused_add_add_adds_three_vectors",
    &[
        "npu1/xdna-npu-toolkit/fused-add-add.xclbin",
        "npu1/xdna-npu-toolkit/fused-add-add.insts.bin",
    ],
    fused_add_add,
);

fn value(bf16: [u8; 2]) -> f32 {
    f32::from_bits(u32::from(u16::from_le_bytes(bf16)) << 16)
}

/// To the nearest, ties to even.
fn bf16(value: f32) -> [u8; 2] {
    let bits = value.to_bits();
    (((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16).to_le_bytes()
}

fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    let pairs = a.as_chunks::<2>().0.iter().zip(b.as_chunks::<2>().0);
    pairs.flat_map(|(a, b)| bf16(value(*a) + value(*b))).collect()
}

/// A vector of finite values of about one.
fn vector(seed: u64) -> Vec<u8> {
    let values = random(seed).map(|r| bf16(r as f32 / 2f32.powi(31) - 1.0));
    values.take(ALL).flatten().collect()
}

fn adder(inputs: [Fifo; 2], output: Fifo) -> Program {
    Program::new(move |core: Core| {
        let ([mut a, mut b], mut output) = (inputs.clone(), output.clone());
        async move {
            loop {
                let (at_a, at_b, to) = (a.take(&core).await, b.take(&core).await, output.take(&core).await);
                let sums = sum(
                    &core.bytes(at_a, 2 * PART).await,
                    &core.bytes(at_b, 2 * PART).await,
                );
                core.set_bytes(to, &sums).await;
                a.give(&core).await;
                b.give(&core).await;
                output.give(&core).await;
            }
        }
    })
}

fn check(array: &mut xdna_sim::array::Array, control: &str, inputs: &[Vec<u8>]) -> Result<(), Failed> {
    let mut buffers = Buffers::default();
    for input in inputs {
        buffers.add(input.clone());
    }
    let out = buffers.add(vec![0; 2 * ALL]);
    run(array, &code(control)?, &mut buffers)?;
    let expected = inputs[1..].iter().fold(inputs[0].clone(), |s, v| sum(&s, v));
    same(buffers.bytes(out, 2 * ALL)?, &expected)
}

fn single_add() -> Result<(), Failed> {
    let program = adder(
        [
            Fifo::own(&[0xc00, 0x4800], 1, 0),
            Fifo::own(&[0x8000, 0xc000], 3, 2),
        ],
        Fifo::own(&[0x400, 0x4000], 4, 5),
    );
    let mut array = overlay(Shape::npu1(), SINGLE_ADD.1[0], &[(TileId::new(0, 2), program)])?;
    check(&mut array, SINGLE_ADD.1[1], &[vector(1), vector(2)])
}

fn fused_add_add() -> Result<(), Failed> {
    let first = adder(
        [
            Fifo::own(&[0xc00, 0x4800], 1, 0),
            Fifo::own(&[0x8000, 0xc000], 3, 2),
        ],
        Fifo::own(&[0x400, 0x4000], 4, 5),
    );
    // The second stage reads the first one's result out of the memory below.
    let second = adder(
        [
            Fifo::south(&[0x4_0400, 0x4_4000], 5, 4),
            Fifo::own(&[0x8000, 0xc000], 1, 0),
        ],
        Fifo::own(&[0x400, 0x4000], 2, 3),
    );
    let cores = [(TileId::new(0, 2), first), (TileId::new(0, 3), second)];
    let mut array = overlay(Shape::npu1(), FUSED_ADD_ADD.1[0], &cores)?;
    check(&mut array, FUSED_ADD_ADD.1[1], &[vector(3), vector(4), vector(5)])
}
