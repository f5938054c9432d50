//! Our own overlays without cores: what goes in comes out, as the pattern of each says.

use libtest_mimic::Failed;
use xdna_kernels::{loopback::Pattern, prebuilt};
use xdna_runtime::formats::{Generation, Xclbin};
use xdna_sim::array::{Array, Shape, Timing};

use super::bench::{Buffers, random, run, same, to_bytes, to_words};

/// Runs one after the other on an array that was configured once.
const RUNS: usize = 3;

/// Runs the first `runs` kinds of run of all overlays of a pattern.
fn works(pattern: Pattern, runs: usize) -> Result<(), Failed> {
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
        for (kind, control) in kernel.manifest.runs.iter().zip(&kernel.controls).take(runs) {
            for seed in 0..RUNS {
                let sizes: Vec<usize> = kind.buffers.iter().map(|b| b.bytes as usize).collect();
                let words: Vec<u32> = random(seed as u64 + 1).take(sizes[0] / 4).collect();
                let mut buffers = Buffers::default();
                buffers.add(to_bytes(&words));
                let out = buffers.add(vec![0xee; sizes[1]]);
                let cycles = run(&mut array, control, &mut buffers)
                    .map_err(|e| format!("{name} {}: {}", kind.name, e.message().unwrap_or_default()))?;
                let got = to_words(buffers.bytes(out, sizes[1])?);
                same(&got, &pattern.apply(&words))
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

pub const SHIM: super::Case = ("our_loopback_through_shims", &[], || works(Pattern::Shim, 2));
pub const MEMORY: super::Case = ("our_loopback_through_memory", &[], || works(Pattern::Memory, 2));
pub const TRANSPOSE: super::Case = ("our_loopback_that_transposes", &[], || {
    works(Pattern::Transpose, 1)
});
pub const PAD: super::Case = ("our_loopback_that_pads", &[], || works(Pattern::Pad, 1));
