//! One core, one buffer in, one buffer out.

use libtest_mimic::Failed;
use xdna_sim::array::{Program, Shape, TileId};

use super::Case;
use super::bench::{Buffers, code, overlay, random, run, same, to_bytes, to_words};
use super::fifo::Fifo;

const CORE: TileId = TileId { column: 0, row: 2 };

/// Adds one to 16 words: shim to core and back, 17 words in.
pub const ADD_ONE: Case = (
    "add_one_adds_one",
    &["npu1/xdna-emu/add_one.xclbin", "npu1/xdna-emu/add_one.insts.bin"],
    add_one,
);

/// Adds `f(index)` to each of `words` words, buffer by buffer.
fn adder(input: Fifo, output: Fifo, words: usize, f: fn(usize) -> u32) -> Program {
    Program::new(move |core| {
        let (mut input, mut output) = (input.clone(), output.clone());
        async move {
            loop {
                let (from, to) = (input.take(&core).await, output.take(&core).await);
                let got = core.words(from, words).await;
                let sums: Vec<u32> = got
                    .iter()
                    .enumerate()
                    .map(|(i, w)| w.wrapping_add(f(i)))
                    .collect();
                core.set_words(to, &sums).await;
                core.busy(words as u64).await;
                input.give(&core).await;
                output.give(&core).await;
            }
        }
    })
}

fn add_one() -> Result<(), Failed> {
    let program = adder(
        Fifo::own(&[0x400, 0x4000], 1, 0),
        Fifo::own(&[0x8000, 0xc000], 2, 3),
        16,
        |_| 1,
    );
    let mut array = overlay(Shape::npu1(), ADD_ONE.1[0], &[(CORE, program)])?;
    let words: Vec<u32> = random(1).take(17).collect();
    let mut buffers = Buffers::default();
    buffers.add(to_bytes(&words));
    buffers.add(Vec::new());
    let out = buffers.add(vec![0; 64]);
    run(&mut array, &code(ADD_ONE.1[1])?, &mut buffers)?;
    let expected: Vec<u32> = words[..16].iter().map(|w| w.wrapping_add(1)).collect();
    same(&to_words(buffers.bytes(out, 64)?), &expected)
}

/// Adds one to 1,024 words in buffers of 32, through a memory tile both ways.
pub const ADD_ONE_THROUGH_A_MEMORY_TILE: Case = (
    "add_one_through_a_memory_tile_adds_one",
    &[
        "npu1/iree-amd-aie/add_one.pdi",
        "npu1/iree-amd-aie/add_one_insts.txt",
    ],
    add_one_through_a_memory_tile,
);

fn add_one_through_a_memory_tile() -> Result<(), Failed> {
    let program = adder(
        Fifo::own(&[0x8000, 0xc000], 1, 0),
        Fifo::own(&[0x400, 0x4000], 2, 3),
        32,
        |_| 1,
    );
    let mut array = overlay(
        Shape::npu1(),
        ADD_ONE_THROUGH_A_MEMORY_TILE.1[0],
        &[(CORE, program)],
    )?;
    let control = code(ADD_ONE_THROUGH_A_MEMORY_TILE.1[1])?;
    // A second run finds the array as the first one left it.
    for seed in [2, 3] {
        let words: Vec<u32> = random(seed).take(1024).collect();
        let mut buffers = Buffers::default();
        buffers.add(to_bytes(&words));
        let out = buffers.add(vec![0; 4096]);
        run(&mut array, &control, &mut buffers)?;
        let expected: Vec<u32> = words.iter().map(|w| w.wrapping_add(1)).collect();
        same(&to_words(buffers.bytes(out, 4096)?), &expected)?;
    }
    Ok(())
}

/// Adds constants that the control code writes into the core's memory, npu4.
pub const ADD_BLOCKWRITE: Case = (
    "add_blockwrite_adds_what_control_code_wrote",
    &[
        "npu4/mlir-aie/add_blockwrite.xclbin",
        "npu4/mlir-aie/add_blockwrite.insts.bin",
    ],
    add_blockwrite,
);

/// Where the constants are.
const CONSTANTS: u32 = 0x480;

fn add_blockwrite() -> Result<(), Failed> {
    let program = Program::new(|core| {
        let mut input = Fifo::own(&[0x400, 0x420], 1, 0);
        let mut output = Fifo::own(&[0x440, 0x460], 2, 3);
        async move {
            loop {
                let (from, to) = (input.take(&core).await, output.take(&core).await);
                let (words, constants) = (core.words(from, 8).await, core.words(CONSTANTS, 8).await);
                let sums: Vec<u32> = words
                    .iter()
                    .zip(&constants)
                    .map(|(w, c)| w.wrapping_add(*c))
                    .collect();
                core.set_words(to, &sums).await;
                input.give(&core).await;
                output.give(&core).await;
            }
        }
    });
    let mut array = overlay(Shape::npu4(), ADD_BLOCKWRITE.1[0], &[(CORE, program)])?;
    let words: Vec<u32> = random(4).take(64).collect();
    let mut buffers = Buffers::default();
    buffers.add(to_bytes(&words));
    buffers.add(vec![0; 128]);
    let out = buffers.add(vec![0; 256]);
    run(&mut array, &code(ADD_BLOCKWRITE.1[1])?, &mut buffers)?;
    // A block of 1 to 8, whose fifth word is then overwritten.
    let constants = [1, 2, 3, 4, 42, 6, 7, 8];
    let sums = words.iter().zip(constants.iter().cycle());
    let expected: Vec<u32> = sums.map(|(w, c)| w.wrapping_add(*c)).collect();
    same(&to_words(buffers.bytes(out, 256)?), &expected)
}
