//! 1 / x of f32 vectors: two cores, each with both channels of a shim for itself.

use libtest_mimic::Failed;
use xdna_sim::array::{Core, Program, Shape, TileId};

use super::Case;
use super::bench::{Buffers, code, overlay, random, run, same, to_bytes, to_words};
use super::fifo::Fifo;

/// Elements of a vector, and of a buffer.
const ALL: usize = 65536;
const PART: usize = 1024;

/// c = 1 / a, npu4.
pub const RECIPROCAL: Case = (
    "vector_reciprocal_is_one_over_each_element",
    &[
        "npu4/mlir-air/vector_reciprocal.xclbin",
        "npu4/mlir-air/vector_reciprocal.insts.bin",
    ],
    reciprocal,
);

fn one_over(word: u32) -> u32 {
    (1.0 / f32::from_bits(word)).to_bits()
}

fn reciprocal() -> Result<(), Failed> {
    let program = Program::new(|core: Core| {
        let mut input = Fifo::own(&[0xc000, 0x400], 2, 3);
        let mut output = Fifo::own(&[0x8000, 0x4000], 1, 0);
        async move {
            loop {
                let (from, to) = (input.take(&core).await, output.take(&core).await);
                let results: Vec<u32> = core.words(from, PART).await.into_iter().map(one_over).collect();
                core.set_words(to, &results).await;
                input.give(&core).await;
                output.give(&core).await;
            }
        }
    });
    let cores = [2, 3].map(|row| (TileId::new(0, row), program.clone()));
    let mut array = overlay(Shape::npu4(), RECIPROCAL.1[0], &cores)?;
    let values = random(1).map(|r| (1.0 + 9.0 * (r as f32 / 2f32.powi(32))).to_bits());
    let words: Vec<u32> = values.take(ALL).collect();
    let mut buffers = Buffers::default();
    buffers.add(to_bytes(&words));
    let out = buffers.add(vec![0; 4 * ALL]);
    run(&mut array, &code(RECIPROCAL.1[1])?, &mut buffers)?;
    let expected: Vec<u32> = words.into_iter().map(one_over).collect();
    same(&to_words(buffers.bytes(out, 4 * ALL)?), &expected)
}
