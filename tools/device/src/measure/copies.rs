//! Bytes between this program and buffers, without a command.

use std::time::Instant;

use xdna_driver::Device;

use super::numbers::bandwidth;
use super::{Effort, Numbers};

/// What buffers are filled with.
const PATTERN: u8 = 0xa5;

/// Copies into a buffer, or out of one, caches written back or invalidated.
pub(super) fn copy(device: &Device, effort: Effort, to_device: bool) -> anyhow::Result<Numbers> {
    let bo = device.create_bo(effort.bytes)?;
    let mut host = vec![PATTERN; effort.bytes];
    bo.write(0, &host)?;
    let begin = Instant::now();
    for _ in 0..effort.copies {
        if to_device {
            bo.write(0, &host)?;
        } else {
            bo.read(0, &mut host)?;
        }
    }
    let elapsed = begin.elapsed();
    anyhow::ensure!(host.iter().all(|b| *b == PATTERN), "the bytes came back changed");
    Ok(bandwidth(effort, elapsed))
}

/// Fills a mapped buffer and sums it up in place.
pub(super) fn map(device: &Device, effort: Effort) -> anyhow::Result<Numbers> {
    let bo = device.create_bo(effort.bytes)?;
    let words = effort.bytes / 8;
    let begin = Instant::now();
    let mut sum = 0_u64;
    for round in 0..effort.copies as u64 {
        bo.view_mut::<u64>(0, words)?.fill(round);
        sum += bo.view::<u64>(0, words)?.iter().sum::<u64>();
    }
    let elapsed = begin.elapsed();
    let rounds = effort.copies as u64;
    let expected = rounds * rounds.saturating_sub(1) / 2 * words as u64;
    anyhow::ensure!(sum == expected, "the sum is {sum}, not {expected}");
    Ok(bandwidth(effort, elapsed))
}
