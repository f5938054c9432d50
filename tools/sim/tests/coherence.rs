//! Coherence mode: the device sees what was flushed, line by line, and a missing flush is caught and explained.

mod support;

use std::fs;
use std::process::ExitCode;

use nix::errno::Errno;
use support::*;
use xdna_sim::Npu;
use xdna_sim::profile::{AddressMode, Kernel};
use xdna_uapi as uapi;
use xdna_uapi::ert::state;

/// Operations of the control code: five cache lines.
const OPERATIONS: u32 = 76;

/// A configured context, and control code of five lines in a DEV buffer; both flushed but for what `flush` leaves out.
struct Rig {
    dev: Dev,
    _heap: Bo,
    ctx: Ctx,
    code: u32,
    at: u64,
    command: Bo,
}

impl Rig {
    fn new() -> Result<Self> {
        let dev = Dev::open().expect("the node");
        let heap = dev.heap()?;
        let ctx = dev.context()?;
        let pdi = images::empty_pdi();
        let (handle, _) = dev.loaded(&heap.map, &pdi)?;
        dev.flush(handle, 0, pdi.len() as u64)?;
        dev.configure(ctx, handle)?;
        let (code, at) = dev.loaded(&heap.map, &images::nops(OPERATIONS))?;
        let command = dev.bo(uapi::AMDXDNA_BO_CMD, 4096)?;
        Ok(Self {
            dev,
            _heap: heap,
            ctx,
            code,
            at,
            command,
        })
    }

    /// Runs the code; the state it ends in.
    fn run(&self, buffers: &[u64]) -> Result<u32> {
        write_transaction(&self.command, self.at, images::nops(OPERATIONS).len(), buffers);
        let seq = self.dev.exec(self.ctx, self.command.handle, &[self.code])?;
        self.dev.wait(self.ctx, seq, 5 * SECOND)?;
        Ok(state_of(&self.command))
    }
}

fn what_is_flushed_is_seen() -> Result<()> {
    for (kernel, mode) in [
        (Kernel::V6_17, AddressMode::Sva),
        (Kernel::V7_3, AddressMode::Sva),
        (Kernel::V7_3, AddressMode::Iova),
        (Kernel::Staging, AddressMode::Carveout),
        (Kernel::Oot, AddressMode::Sva),
    ] {
        let npu = Npu::strix().kernel(kernel).address_mode(mode);
        let (end, said) = caches::behind(npu, "flushed", || {
            let rig = Rig::new()?;
            rig.dev.flush(rig.code, 0, 320)?;
            rig.run(&[])
        });
        assert_eq!((end?, said), (COMPLETED, Vec::<String>::new()), "{kernel}");
    }
    Ok(())
}

fn a_missing_flush_is_caught_and_explained() -> Result<()> {
    let (end, said) = caches::behind(Npu::strix(), "missing", || Rig::new()?.run(&[]));
    // The device read the zeros of a fresh page.
    assert_eq!(end?, state::ERROR);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("missing flush: the device read bytes 0x0 to 0x140 of buffer 3 "),
        "{said:?}"
    );
    Ok(())
}

fn one_missing_line_is_caught() -> Result<()> {
    let (end, said) = caches::behind(Npu::strix(), "line", || {
        let rig = Rig::new()?;
        rig.dev.flush(rig.code, 0, 128)?;
        rig.dev.flush(rig.code, 192, 128)?;
        rig.run(&[])
    });
    // Zeros are an operation of another length.
    assert_eq!(end?, state::ERROR);
    assert!(said[0].contains("bytes 0x80 to 0xc0 of buffer 3"), "{said:?}");
    Ok(())
}

fn a_change_after_the_flush_is_not_seen() -> Result<()> {
    let (ends, said) = caches::behind(Npu::strix(), "change", || {
        let rig = Rig::new()?;
        rig.dev.flush(rig.code, 0, 320)?;
        // An operation that does not exist, in the third line.
        let word = (rig.at - uapi::DEV_HEAP_BASE) as usize / 4 + 40;
        rig._heap.map.store(word, 0x7f);
        let before = rig.run(&[])?;
        rig.dev.flush(rig.code, 160, 1)?;
        Ok::<_, Errno>((before, rig.run(&[])?))
    });
    assert_eq!(ends?, (COMPLETED, state::ERROR));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("bytes 0x80 to 0xc0 of buffer 3"), "{said:?}");
    Ok(())
}

fn a_pdi_that_was_not_flushed_is_refused() -> Result<()> {
    let (result, said) = caches::behind(Npu::strix().kernel(Kernel::V6_18), "pdi", || {
        let dev = Dev::open().expect("the node");
        let heap = dev.heap()?;
        // It flushes, so it is known how.
        dev.flush(heap.handle, 1 << 20, 64)?;
        let (pdi, _) = dev.loaded(&heap.map, &images::empty_pdi())?;
        let ctx = dev.context()?;
        let refused = dev.configure(ctx, pdi);
        dev.flush(pdi, 0, 4096)?;
        Ok::<_, Errno>((refused, dev.configure(ctx, pdi)))
    });
    assert_eq!(result?, (Err(Errno::EINVAL), Ok(())));
    assert!(
        said.iter().all(|l| l.contains("of buffer 2")) && !said.is_empty(),
        "{said:?}"
    );
    Ok(())
}

fn a_first_flush_after_the_configuration_comes_too_late() -> Result<()> {
    for flushed in ["the code", "the image"] {
        let (result, said) = caches::behind(Npu::strix(), "late", || {
            let dev = Dev::open().expect("the node");
            let heap = dev.heap()?;
            let (pdi, _) = dev.loaded(&heap.map, &images::empty_pdi())?;
            let ctx = dev.context()?;
            dev.configure(ctx, pdi)?;
            let (code, at) = dev.loaded(&heap.map, &images::nops(OPERATIONS))?;
            dev.flush(if flushed == "the code" { code } else { pdi }, 0, 320)?;
            dev.flush(code, 0, 320)?;
            let command = dev.bo(uapi::AMDXDNA_BO_CMD, 4096)?;
            write_transaction(&command, at, images::nops(OPERATIONS).len(), &[]);
            let seq = dev.exec(ctx, command.handle, &[code])?;
            dev.wait(ctx, seq, 5 * SECOND)?;
            Ok::<_, Errno>(state_of(&command))
        });
        assert_eq!(result?, state::ERROR, "{flushed}");
        assert!(
            said.iter()
                .all(|l| l.contains("missing flush") && l.contains("of buffer 2 "))
                && !said.is_empty(),
            "{flushed}: {said:?}"
        );
    }
    Ok(())
}

fn a_client_that_does_not_flush_by_ioctl_gets_one_warning() -> Result<()> {
    let (result, said) = caches::behind(Npu::strix(), "warning", || {
        let dev = Dev::open().expect("the node");
        let (heap, ctx) = dev.ready()?;
        let command = dev.command()?;
        for seq in 0..3 {
            dev.exec(ctx, command.handle, &[heap.handle])?;
            dev.wait(ctx, seq, SECOND)?;
            assert_eq!(state_of(&command), COMPLETED);
        }
        Ok::<_, Errno>(())
    });
    result?;
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("has flushed no buffer by SYNC_BO"), "{said:?}");
    Ok(())
}

fn coherent_devices_say_nothing() -> Result<()> {
    let file = std::env::temp_dir().join(format!("xdna-coherent-{}", std::process::id()));
    let end = Npu::strix()
        .trace(&file)
        .run(|| Rig::new()?.run(&[]))
        .expect("a device");
    let text = fs::read_to_string(&file).expect("the trace");
    fs::remove_file(&file).expect("the trace goes");
    assert_eq!(end?, COMPLETED);
    assert!(!text.contains("missing flush"), "{text}");
    Ok(())
}

const TESTS: &[trials::Named] = &[
    ("what_is_flushed_is_seen", what_is_flushed_is_seen),
    (
        "a_missing_flush_is_caught_and_explained",
        a_missing_flush_is_caught_and_explained,
    ),
    ("one_missing_line_is_caught", one_missing_line_is_caught),
    (
        "a_change_after_the_flush_is_not_seen",
        a_change_after_the_flush_is_not_seen,
    ),
    (
        "a_pdi_that_was_not_flushed_is_refused",
        a_pdi_that_was_not_flushed_is_refused,
    ),
    (
        "a_first_flush_after_the_configuration_comes_too_late",
        a_first_flush_after_the_configuration_comes_too_late,
    ),
    (
        "a_client_that_does_not_flush_by_ioctl_gets_one_warning",
        a_client_that_does_not_flush_by_ioctl_gets_one_warning,
    ),
    ("coherent_devices_say_nothing", coherent_devices_say_nothing),
];

fn main() -> ExitCode {
    trials::run(TESTS)
}
