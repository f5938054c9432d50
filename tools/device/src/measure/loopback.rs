//! Bytes through the array and back, without a core: the loopback overlays that the program carries.

use std::time::{Duration, Instant};

use xdna_driver::{Device, Generation};
use xdna_kernels::carried::{LOOPBACKS, Loopback, Run};
use xdna_kernels::loopback::Pattern;
use xdna_runtime::{Arg, Buffer, KernelBuilder, Runtime, formats};

use super::numbers::numbers;
use super::{Effort, Numbers, PATIENCE};

/// What outputs hold before the first run, and what is behind them after every one.
const POISON: u8 = 0xa5;
/// Bytes behind an output that must stay as they are.
const CANARY: usize = 4096;
/// Runs of one overlay end after this time.
const ENOUGH: Duration = Duration::from_secs(1);

/// The overlays of a pattern that a device can take, the one of fewest columns first.
fn overlays(generation: Generation, columns: u16, pattern: Pattern) -> Vec<&'static Loopback> {
    let made_for = match generation {
        Generation::Xdna1 => formats::Generation::Npu1,
        // npu5 and npu6 are the array of npu4.
        Generation::Xdna2 => formats::Generation::Npu4,
        _ => return Vec::new(),
    };
    LOOPBACKS
        .iter()
        .filter(|l| l.generation == made_for && l.pattern == pattern && u16::from(l.columns) <= columns)
        .collect()
}

/// Why there is nothing to run on a device.
pub(super) fn missing(device: &Device, pattern: Pattern) -> Option<String> {
    reason(device.chip().name, device.generation(), device.columns(), pattern)
}

fn reason(chip: &str, generation: Generation, columns: u16, pattern: Pattern) -> Option<String> {
    overlays(generation, columns, pattern).is_empty().then(|| {
        format!("no loopback overlay for {chip} with {columns} columns: there are those of npu1 and npu4")
    })
}

/// Runs the overlays of a pattern and compares what comes out with what should.
pub(super) fn run(device: &Device, pattern: Pattern, effort: Effort) -> anyhow::Result<Numbers> {
    let mut all = Numbers::new();
    for overlay in overlays(device.generation(), device.columns(), pattern) {
        // The longest run that fits into the effort's buffer.
        let fits = |run: &&Run| overlay.bytes(**run).0 <= effort.loopback;
        let run = overlay.runs.iter().rev().find(fits).unwrap_or(&overlay.runs[0]);
        let (bytes, runs, elapsed) = moves(device, overlay, *run, effort)?;
        let per_second = ((bytes * runs) as f64 / elapsed.as_secs_f64().max(1e-9)).round();
        if overlay.columns == 1 {
            all.insert("one_column_bytes_per_second".into(), per_second.into());
        } else {
            all.extend(numbers([
                ("columns", overlay.columns.into()),
                ("run_bytes", bytes.into()),
                ("runs", runs.into()),
                ("bytes_per_second", per_second.into()),
            ]));
        }
    }
    Ok(all)
}

/// Bytes that go in once, how often they did, and how long that took.
fn moves(
    device: &Device,
    overlay: &Loopback,
    run: Run,
    effort: Effort,
) -> anyhow::Result<(usize, usize, Duration)> {
    let runtime = Runtime::new(device.clone());
    let kernel = KernelBuilder::new(&runtime.overlay(overlay.xclbin)?, run.control).build(&runtime)?;
    let (bytes_in, bytes_out) = overlay.bytes(run);
    let words: Vec<u32> = (0..bytes_in as u32 / 4)
        .map(|i| i.wrapping_mul(0x9e37_79b9) ^ u32::from(overlay.columns))
        .collect();
    let (input, output) = (
        runtime.buffers().get(bytes_in)?,
        runtime.buffers().get(bytes_out + CANARY)?,
    );
    let sent: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
    input.write(0, &sent)?;
    output.write(0, &vec![POISON; output.len()])?;
    let mut prepared = kernel.prepare(&[Arg::In(&input), Arg::Out(&output)])?;
    // The first run loads the array's configuration.
    prepared.run(Instant::now() + PATIENCE)?;
    check(overlay, &words, &output)?;
    let begin = Instant::now();
    let mut runs = 0;
    while runs < effort.copies && begin.elapsed() < ENOUGH {
        prepared.run(Instant::now() + PATIENCE)?;
        runs += 1;
    }
    let elapsed = begin.elapsed();
    check(overlay, &words, &output)?;
    Ok((bytes_in, runs, elapsed))
}

/// What came out is what the overlay makes of `words`, and nothing behind it changed.
fn check(overlay: &Loopback, words: &[u32], output: &Buffer) -> anyhow::Result<()> {
    let mut got = vec![0; output.len()];
    output.read(0, &mut got)?;
    let mut want: Vec<u8> = overlay
        .pattern
        .apply(words)
        .iter()
        .flat_map(|w| w.to_le_bytes())
        .collect();
    want.resize(want.len() + CANARY, POISON);
    same(&got[..want.len()], &want).map_err(|e| anyhow::anyhow!("{} columns: {e}", overlay.columns))
}

fn same(got: &[u8], want: &[u8]) -> Result<(), String> {
    match got.iter().zip(want).position(|(g, w)| g != w) {
        None => Ok(()),
        Some(at) if at + CANARY >= want.len() => {
            Err(format!("byte {at} of the output, behind its end, was written"))
        }
        Some(at) => Err(format!(
            "byte {at} of the output is {:#04x}, not {:#04x}",
            got[at], want[at]
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_generation_has_overlays_of_one_column_and_of_all() {
        for pattern in Pattern::ALL {
            for (generation, device, all) in [(Generation::Xdna1, 5, 4), (Generation::Xdna2, 8, 8)] {
                let columns: Vec<_> = overlays(generation, device, pattern)
                    .iter()
                    .map(|l| l.columns)
                    .collect();
                assert_eq!(columns, [1, all]);
                assert_eq!(reason("npu", generation, device, pattern), None);
            }
        }
    }

    #[test]
    fn the_first_wrong_byte_is_told() {
        let want = [vec![1, 2, 3], vec![POISON; CANARY]].concat();
        let changed = |at: usize| {
            let mut got = want.clone();
            got[at] = 7;
            same(&got, &want).unwrap_err()
        };
        assert_eq!(same(&want, &want), Ok(()));
        assert_eq!(changed(2), "byte 2 of the output is 0x07, not 0x03");
        assert_eq!(changed(3), "byte 3 of the output, behind its end, was written");
    }

    #[test]
    fn a_device_that_takes_none_is_told() {
        assert_eq!(overlays(Generation::Xdna2, 4, Pattern::Shim).len(), 1);
        let said = reason("npu9", Generation::Xdna2, 0, Pattern::Shim);
        assert_eq!(
            said.as_deref(),
            Some("no loopback overlay for npu9 with 0 columns: there are those of npu1 and npu4")
        );
    }
}
