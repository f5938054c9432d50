//! One core that hands on what comes.

use libtest_mimic::Failed;
use xdna_kernels::Sequence;
use xdna_kernels::design::{Burst, Channel, Descriptor, Step};
use xdna_runtime::formats::Generation;
use xdna_sim::array::{Core, Program, Shape, TileId};

use super::Case;
use super::bench::{Buffers, code, overlay, random, run, same, to_bytes, to_words};
use super::fifo::Fifo;

const CORE: TileId = TileId { column: 0, row: 2 };

/// Copies buffers of 1,024 words, npu4. The control code beside it, in an ELF file, writes the configuration again and moves
/// nothing: ours moves the bytes.
pub const PASSTHROUGH: Case = (
    "passthrough_hands_words_on",
    &["npu4/mlir-aie/passthrough.xclbin"],
    passthrough,
);

/// Copies `words` words a buffer, each made another by `change`.
fn copier(input: Fifo, output: Fifo, words: usize, change: fn(u32) -> u32) -> Program {
    Program::new(move |core: Core| {
        let (mut input, mut output) = (input.clone(), output.clone());
        async move {
            loop {
                let (from, to) = (input.take(&core).await, output.take(&core).await);
                let got = core.words(from, words).await;
                let made: Vec<u32> = got.into_iter().map(change).collect();
                core.set_words(to, &made).await;
                input.give(&core).await;
                output.give(&core).await;
            }
        }
    })
}

fn passthrough() -> Result<(), Failed> {
    const PART: usize = 1024;
    const ALL: u32 = 5 * PART as u32;
    let program = copier(
        Fifo::own(&[0x8000, 0xc000], 1, 0),
        Fifo::own(&[0x400, 0x4000], 2, 3),
        PART,
        |w| w,
    );
    let mut array = overlay(Shape::npu4(), PASSTHROUGH.1[0], &[(CORE, program)])?;
    let transfer = |channel, id: u8, token| Step::Transfer {
        column: 0,
        channel,
        descriptor: Descriptor {
            id,
            length: ALL,
            burst: Burst::Longest,
            ..Descriptor::default()
        },
        argument: id,
        times: 1,
        token,
    };
    let (column, channel) = (0, Channel::input(0));
    let sequence = Sequence {
        generation: Generation::Npu4,
        columns: 1,
        steps: vec![
            transfer(Channel::output(0), 0, false),
            transfer(channel, 1, true),
            Step::Wait { column, channel },
        ],
    };
    let words: Vec<u32> = random(1).take(ALL as usize).collect();
    let mut buffers = Buffers::default();
    buffers.add(to_bytes(&words));
    let out = buffers.add(vec![0; 4 * words.len()]);
    run(&mut array, &sequence.control_code()?, &mut buffers)?;
    same(&to_words(buffers.bytes(out, 4 * words.len())?), &words)
}

/// Moves 16 words to a core and back, npu1. What its program computes is not documented: the stand-in turns bits around.
pub const OBJECT_FIFO: Case = (
    "object_fifo_moves_words",
    &["npu1/mlir-aie/objfifo.xclbin", "npu1/mlir-aie/objfifo.insts.bin"],
    object_fifo,
);

fn object_fifo() -> Result<(), Failed> {
    let program = copier(
        Fifo::own(&[0x8000, 0xc000], 1, 0),
        Fifo::own(&[0x400, 0x4000], 2, 3),
        16,
        u32::reverse_bits,
    );
    let mut array = overlay(Shape::npu1(), OBJECT_FIFO.1[0], &[(CORE, program)])?;
    for seed in [1, 2] {
        let words: Vec<u32> = random(seed).take(16).collect();
        let mut buffers = Buffers::default();
        buffers.add(to_bytes(&words));
        let out = buffers.add(vec![0; 64]);
        run(&mut array, &code(OBJECT_FIFO.1[1])?, &mut buffers)?;
        let expected: Vec<u32> = words.into_iter().map(u32::reverse_bits).collect();
        same(&to_words(buffers.bytes(out, 64)?), &expected)?;
    }
    Ok(())
}
