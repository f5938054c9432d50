//! Our own overlays without cores: what goes in comes out, as the pattern of each says.

use libtest_mimic::Failed;
use xdna_kernels::{loopback::Pattern, prebuilt};
use xdna_runtime::formats::{Generation, Xclbin};
use xdna_sim::array::{Array, Shape, Timing};

use super::bench::{Buffers, random, run, same, to_bytes, to_words};

/// Runs of one block one after the other on an array that was configured once.
const RUNS: usize = 3;

/// What should come out, from the words of the README alone: the kernels' crate has its own.
fn reference(pattern: Pattern, words: &[u32]) -> Vec<u32> {
    let mut out = Vec::new();
    match pattern {
        Pattern::Shim | Pattern::Memory => out.extend_from_slice(words),
        // Blocks of 32 x 128 as 128 x 32.
        Pattern::Transpose => {
            for block in words.chunks(32 * 128) {
                let rows: Vec<&[u32]> = block.chunks(128).collect();
                for column in 0..128 {
                    out.extend(rows.iter().map(|row| row[column]));
                }
            }
        }
        // Blocks of 30 x 120 as 33 x 128: 2 rows before and 1 behind, 3 words before and 5 behind.
        Pattern::Pad => {
            for block in words.chunks(30 * 120) {
                out.extend([0; 2 * 128]);
                for row in block.chunks(120) {
                    out.extend([0; 3]);
                    out.extend_from_slice(row);
                    out.extend([0; 5]);
                }
                out.extend([0; 128]);
            }
        }
    }
    out
}

/// Runs all overlays of a pattern: of one block, and of 64 in every column.
fn works(pattern: Pattern) -> Result<(), Failed> {
    for (generation, kernel) in prebuilt::kernels()? {
        if kernel.manifest.operator != format!("loopback/{}", pattern.name()) {
            continue;
        }
        let name = format!("{} {}", kernel.manifest.device, kernel.manifest.name);
        let shape = match generation {
            Generation::Npu1 => Shape::npu1(),
            Generation::Npu4 => Shape::npu4(),
        };
        let xclbin = Xclbin::read(&kernel.xclbin)?;
        let partition = xclbin.partition()?;
        let start = u8::try_from(partition.start_columns[0])?;
        let part = shape
            .partition(start, kernel.manifest.columns)
            .ok_or("too wide")?;
        let mut array = Array::new(part, Timing::default());
        array.load(partition.pdis[0].image)?;
        for (kind, control) in kernel.manifest.runs.iter().zip(&kernel.controls) {
            let times = if kind.name == "1" { RUNS } else { 1 };
            for seed in 0..times {
                let sizes: Vec<usize> = kind.buffers.iter().map(|b| b.bytes as usize).collect();
                let words: Vec<u32> = random(seed as u64 + 1).take(sizes[0] / 4).collect();
                let mut buffers = Buffers::default();
                buffers.add(to_bytes(&words));
                let out = buffers.add(vec![0xee; sizes[1]]);
                let cycles = run(&mut array, control, &mut buffers)
                    .map_err(|e| format!("{name} {}: {}", kind.name, e.message().unwrap_or_default()))?;
                let got = to_words(buffers.bytes(out, sizes[1])?);
                same(&got, &reference(pattern, &words))
                    .map_err(|e| format!("{name} {}: {}", kind.name, e.message().unwrap_or_default()))?;
                // A stream carries a word a cycle.
                let least = sizes[1] / 4 / usize::from(kernel.manifest.columns);
                if (cycles as usize) < least {
                    return Err(format!("{name}: {cycles} cycles for {least} words a column").into());
                }
            }
        }
    }
    Ok(())
}

pub const SHIM: super::Case = ("our_loopback_through_shims", &[], || works(Pattern::Shim));
pub const MEMORY: super::Case = ("our_loopback_through_memory", &[], || works(Pattern::Memory));
pub const TRANSPOSE: super::Case = ("our_loopback_that_transposes", &[], || works(Pattern::Transpose));
pub const PAD: super::Case = ("our_loopback_that_pads", &[], || works(Pattern::Pad));
