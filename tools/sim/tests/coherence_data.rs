//! Coherence mode and data: a loopback overlay moves what was flushed, and what it wrote shows after a flush.

mod support;

use std::process::ExitCode;

use support::*;
use xdna_kernels::{loopback::Pattern, prebuilt};
use xdna_runtime::formats::{Generation, Xclbin};
use xdna_sim::Npu;
use xdna_uapi as uapi;

/// What the loopback overlay leaves in its output, as the host sees it: before its flush after the command, and behind
/// it. `flush` names what is flushed before the command.
fn loopback(flush: &[&str]) -> (Result<(bool, Seen)>, Vec<String>) {
    let kernel = prebuilt::loopback(Generation::Npu4, 1, Pattern::Shim).expect("the overlay");
    let xclbin = Xclbin::read(&kernel.xclbin).expect("an xclbin");
    let image = xclbin.partition().expect("a partition").pdis[0].image.to_vec();
    let sizes: Vec<u64> = kernel.manifest.runs[0].buffers.iter().map(|b| b.bytes).collect();
    let control = &kernel.controls[0];
    caches::behind(Npu::strix(), "loopback", || {
        let dev = Dev::open().expect("the node");
        let heap = dev.heap()?;
        let ctx = dev.context()?;
        let (pdi, _) = dev.loaded(&heap.map, &image)?;
        dev.flush(pdi, 0, image.len() as u64)?;
        dev.configure(ctx, pdi)?;
        let (code, at) = dev.loaded(&heap.map, control)?;
        dev.flush(code, 0, control.len() as u64)?;
        let input = dev.bo(uapi::AMDXDNA_BO_SHARE, sizes[0])?;
        let output = dev.bo(uapi::AMDXDNA_BO_SHARE, sizes[1])?;
        let words: Vec<u32> = (1..=sizes[0] as u32 / 4)
            .map(|i| i.wrapping_mul(0x9e37_79b9))
            .collect();
        for (i, &word) in words.iter().enumerate() {
            input.map.store(i, word);
        }
        for (name, bo, size) in [("input", &input, sizes[0]), ("output", &output, sizes[1])] {
            if flush.contains(&name) {
                dev.flush(bo.handle, 0, size)?;
            }
        }
        let command = dev.bo(uapi::AMDXDNA_BO_CMD, 4096)?;
        let addresses = [
            dev.info(input.handle)?.xdna_addr,
            dev.info(output.handle)?.xdna_addr,
        ];
        write_transaction(&command, at, control.len(), &addresses);
        let seq = dev.exec(ctx, command.handle, &[code, input.handle, output.handle])?;
        dev.wait(ctx, seq, 60 * SECOND)?;
        assert_eq!(state_of(&command), COMPLETED);
        let count = sizes[1] as usize / 4;
        let read = || (0..count).map(|i| output.map.load(i)).collect::<Vec<u32>>();
        let before = read().iter().all(|&w| w == 0);
        dev.flush(output.handle, 0, sizes[1])?;
        let seen = match read() {
            all if all == Pattern::Shim.apply(&words) => Seen::Copy,
            all if all.iter().all(|&w| w == 0) => Seen::Zeros,
            _ => Seen::Other,
        };
        Ok((before, seen))
    })
}

/// What the host finds.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Copy,
    Zeros,
    Other,
}

fn what_the_device_writes_shows_after_a_flush() -> Result<()> {
    let (result, said) = loopback(&["input", "output"]);
    assert_eq!((result?, said), ((true, Seen::Copy), Vec::new()));
    Ok(())
}

fn data_that_were_not_flushed_do_not_travel() -> Result<()> {
    let (result, said) = loopback(&["output"]);
    assert_eq!(result?, (true, Seen::Zeros));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains(" of buffer 4 of client 1"), "{said:?}");
    Ok(())
}

fn a_fresh_buffer_that_was_not_flushed_goes_over_the_output() -> Result<()> {
    let (result, said) = loopback(&["input"]);
    assert_eq!((result?, said), ((true, Seen::Zeros), Vec::new()));
    Ok(())
}

const TESTS: &[trials::Named] = &[
    (
        "what_the_device_writes_shows_after_a_flush",
        what_the_device_writes_shows_after_a_flush,
    ),
    (
        "data_that_were_not_flushed_do_not_travel",
        data_that_were_not_flushed_do_not_travel,
    ),
    (
        "a_fresh_buffer_that_was_not_flushed_goes_over_the_output",
        a_fresh_buffer_that_was_not_flushed_goes_over_the_output,
    ),
];

fn main() -> ExitCode {
    trials::run(TESTS)
}
