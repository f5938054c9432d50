//! Control code that configures the array: by control packets, and by loading images.

use std::sync::{Arc, OnceLock};

use libtest_mimic::Failed;
use xdna_runtime::formats::elf::{ControlElf, Target};
use xdna_sim::array::{Arguments, Array, Core, Program, Shape, TileId, Timing, Window};

use super::Case;
use super::bench::{Buffers, code, file, overlay, random, run, same, to_bytes, to_words};
use super::fifo::Fifo;

const CORE: TileId = TileId { column: 0, row: 2 };

/// Adds twelve to 64 by 64 bytes; routes, descriptors and program come in control packets, data in packets too.
pub const CONTROL_PACKETS: Case = (
    "control_packets_configure_an_adder_of_twelve",
    &[
        "npu4/mlir-aie/ctrl_packet_reconfig.xclbin",
        "npu4/mlir-aie/ctrl_packet_reconfig.insts.bin",
        "npu4/mlir-aie/ctrl_packet_reconfig.ctrlpkt.bin",
    ],
    control_packets,
);

/// Adds two to 512 words in place, by a file that brings its own image.
pub const LOADED: Case = ("a_loaded_image_adds_two", &["npu4/mlir-aie/loadpdi.elf"], loaded);

/// Two images, one after the other: parts of a buffer get two, three or five.
pub const LOADED_TWICE: Case = (
    "two_loaded_images_add_two_and_three",
    &["npu4/mlir-aie/reconfigure_loadpdi.elf"],
    loaded_twice,
);

fn control_packets() -> Result<(), Failed> {
    const BYTES: usize = 64 * 64;
    let program = Program::new(|core: Core| async move {
        let mut input = Fifo::own(&[0x400], 1, 0);
        let mut output = Fifo::own(&[0x8000], 2, 3);
        let (from, to) = (input.take(&core).await, output.take(&core).await);
        let bytes = core.bytes(from, BYTES).await;
        let sums: Vec<u8> = bytes.iter().map(|b| b.wrapping_add(12)).collect();
        core.set_bytes(to, &sums).await;
        input.give(&core).await;
        output.give(&core).await;
    });
    let mut array = overlay(Shape::npu4(), CONTROL_PACKETS.1[0], &[(CORE, program)])?;
    let bytes = to_bytes(&random(1).take(BYTES / 4).collect::<Vec<_>>());
    let mut buffers = Buffers::default();
    buffers.add(bytes.clone());
    let out = buffers.add(vec![0; BYTES]);
    buffers.add(file(CONTROL_PACKETS.1[2])?);
    run(&mut array, &code(CONTROL_PACKETS.1[1])?, &mut buffers)?;
    let expected: Vec<u8> = bytes.iter().map(|b| b.wrapping_add(12)).collect();
    same(buffers.bytes(out, BYTES)?, &expected)
}

/// Adds to `words` words what `value` makes of program memory: one buffer each way.
fn adder(words: usize, value: impl Fn(Vec<u8>) -> u32 + Clone + Send + Sync + 'static) -> Program {
    Program::new(move |core: Core| {
        let value = value.clone();
        async move {
            let value = value(core.program().await);
            let mut input = Fifo::own(&[0x4000], 1, 0);
            let mut output = Fifo::own(&[0x400], 2, 3);
            loop {
                let (from, to) = (input.take(&core).await, output.take(&core).await);
                let got = core.words(from, words).await;
                let sums: Vec<u32> = got.iter().map(|w| w.wrapping_add(value)).collect();
                core.set_words(to, &sums).await;
                input.give(&core).await;
                output.give(&core).await;
            }
        }
    })
}

/// Runs the first kernel of a full ELF file on one buffer, which it changes in place.
fn run_elf(name: &str, program: Program, words: Vec<u32>) -> Result<Vec<u32>, Failed> {
    let bytes = file(name)?;
    let elf = ControlElf::read(&bytes)?;
    let kernel = elf.kernels.first().ok_or("no kernel")?;
    let mut buffers = Buffers::default();
    let len = 4 * words.len();
    let data = buffers.add(to_bytes(&words));
    // Sections of the same number are equal: the first will do.
    let images: Vec<(String, usize)> = elf
        .sections
        .iter()
        .filter(|s| s.name.starts_with(".pdi."))
        .map(|s| (s.name.clone(), buffers.add(s.data.to_vec())))
        .collect();
    let addresses = buffers.addresses();
    let control = elf.relocate(kernel.text, |target| match target {
        Target::Argument(0) => Some(addresses[data]),
        Target::Pdi(n) => {
            let image = images.iter().find(|(name, _)| *name == format!(".pdi.{n}"))?;
            Some(addresses[image.1])
        }
        _ => None,
    })?;
    let mut array = Array::new(Shape::npu4(), Timing::default());
    array.stand_in(CORE, program);
    array.run(&control, Arguments::Written, &mut Window::new(&mut buffers))?;
    Ok(to_words(buffers.bytes(data, len)?))
}

fn loaded() -> Result<(), Failed> {
    let words: Vec<u32> = random(1).take(512).collect();
    let got = run_elf(LOADED.1[0], adder(128, |_| 2), words.clone())?;
    let expected: Vec<u32> = words.iter().map(|w| w.wrapping_add(2)).collect();
    same(&got, &expected)
}

fn loaded_twice() -> Result<(), Failed> {
    // Which of the two programs was loaded shows in program memory.
    let first = Arc::new(OnceLock::<Vec<u8>>::new());
    let program = adder(4, move |loaded| {
        let is_first = *first.get_or_init(|| loaded.clone()) == loaded;
        if is_first { 2 } else { 3 }
    });
    let words: Vec<u32> = random(2).take(16).collect();
    let got = run_elf(LOADED_TWICE.1[0], program, words.clone())?;
    let added = [2, 3, 0, 5];
    let expected: Vec<u32> = words
        .iter()
        .enumerate()
        .map(|(i, w)| w.wrapping_add(added[i / 4]))
        .collect();
    same(&got, &expected)
}
