//! Bytes move through the whole stack: open, context, image, control code, DMA, and are in the output buffer.

mod files;
mod rig;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::time::Duration;

use files::Code;
use libtest_mimic::{Arguments, Failed, Trial};
use rig::{CANARY, ROOM, Rig, WORDS, assert_moved};
use support::*;
use xdna_sim::Npu;
use xdna_sim::array::{Core, Program, TileId};
use xdna_sim::profile::{AddressMode, Kernel};
use xdna_uapi as uapi;
use xdna_uapi::ert::{Header, opcode, state};

type Test = fn() -> Result<()>;

/// Waits for words that nobody sends.
const SILENT: Code = Code {
    send: false,
    ..Code::GOOD
};
/// Ends before it has moved anything.
const HASTY: Code = Code {
    wait: false,
    ..Code::GOOD
};
/// Sends for ever.
const ENDLESS: Code = Code {
    endless: true,
    ..Code::GOOD
};

fn bytes_arrive_and_nothing_else_changes() -> Result<()> {
    let cases = [
        (Npu::phoenix(), Kernel::V6_14, AddressMode::Sva),
        (Npu::phoenix(), Kernel::V7_3, AddressMode::Sva),
        (Npu::strix(), Kernel::V6_17, AddressMode::Sva),
        (Npu::strix(), Kernel::V7_3, AddressMode::Iova),
        (Npu::strix(), Kernel::Staging, AddressMode::Carveout),
        (Npu::strix(), Kernel::Oot, AddressMode::Sva),
    ];
    for (npu, kernel, mode) in cases {
        let moved = npu.kernel(kernel).address_mode(mode).run(|| {
            let rig = Rig::new(&files::pdi(false))?;
            // The second command finds the array as the first one left it.
            for seed in 0..2 {
                let from = rig.buffer(|i| (i as u32 + seed).wrapping_mul(0x9e37_79b9))?;
                let to = rig.buffer(|_| CANARY)?;
                let command = rig.command(&Code::GOOD.bytes(WORDS as u32), &from, &to)?;
                assert_eq!(rig.run(&command, &[&from, &to])?, COMPLETED, "{kernel} {mode:?}");
                assert_moved(&from, &to);
            }
            Ok(())
        });
        moved.expect("a device")?;
    }
    Ok(())
}

fn each_command_of_a_chain_moves_its_bytes() -> Result<()> {
    for count in [1, 2, 24] {
        let ran = Npu::strix().run(|| {
            let rig = Rig::new(&files::pdi(false))?;
            let code = Code::GOOD.bytes(WORDS as u32);
            // Each copies what the one before it wrote.
            let buffers: Vec<Bo> = (0..=count)
                .map(|n| rig.buffer(|i| if n == 0 { i as u32 * 7 } else { CANARY }))
                .collect::<Result<_>>()?;
            let commands: Vec<Bo> = buffers
                .windows(2)
                .map(|pair| rig.command(&code, &pair[0], &pair[1]))
                .collect::<Result<_>>()?;
            let chain = rig.dev.bo(uapi::AMDXDNA_BO_CMD, 4096)?;
            let handles = commands.iter().flat_map(|c| [c.handle, 0]);
            let words: Vec<u32> = [count, 0, 0, 0, 0, 0].into_iter().chain(handles).collect();
            for (i, &word) in words.iter().enumerate() {
                chain.map.store(1 + i, word);
            }
            chain
                .map
                .store(0, Header::new(opcode::CMD_CHAIN, words.len() as u32).0);
            let all: Vec<&Bo> = buffers.iter().collect();
            assert_eq!(rig.run(&chain, &all)?, COMPLETED);
            assert_moved(&buffers[0], &buffers[count as usize]);
            Ok(())
        });
        ran.expect("a device")?;
    }
    Ok(())
}

fn contexts_have_arrays_of_their_own() -> Result<()> {
    let ran = Npu::phoenix().run(|| {
        let good = Rig::new(&files::pdi(false))?;
        // Not configured to move anything: nothing the other context did helps it.
        let ctx = good.dev.context()?;
        let (pdi, _) = good.dev.loaded(&good.heap.map, &images::empty_pdi())?;
        good.dev.configure(ctx, pdi)?;
        let (from, to) = (good.buffer(|i| i as u32)?, good.buffer(|_| CANARY)?);
        let command = good.command(&Code::GOOD.bytes(WORDS as u32), &from, &to)?;
        assert_eq!(good.run(&command, &[])?, COMPLETED);
        assert_moved(&from, &to);
        let seq = good.dev.exec(ctx, command.handle, &[])?;
        assert!(good.dev.wait(ctx, seq, SECOND / 20).is_err());
        Ok(())
    });
    ran.expect("a device")
}

fn a_transfer_that_never_starts_times_out() -> Result<()> {
    let npu = Npu::strix().job_timeout(Duration::from_millis(30));
    let ran = npu.run(|| {
        let rig = Rig::new(&files::pdi(false))?;
        let (from, to) = (rig.buffer(|i| i as u32)?, rig.buffer(|_| CANARY)?);
        let stuck = rig.command(&SILENT.bytes(WORDS as u32), &from, &to)?;
        assert_eq!(rig.run(&stuck, &[])?, state::TIMEOUT);
        // The health record names the operation: the wait for the token, after two descriptors and two writes.
        assert_eq!(stuck.map.load(3), 6);
        // The context was configured anew: nothing is left of the transfer that hung.
        let good = rig.command(&Code::GOOD.bytes(WORDS as u32), &from, &to)?;
        assert_eq!(rig.run(&good, &[])?, COMPLETED);
        assert_moved(&from, &to);
        Ok(())
    });
    ran.expect("a device")
}

fn what_code_does_not_wait_for_goes_on_with_the_next_command() -> Result<()> {
    let ran = Npu::strix().run(|| {
        let rig = Rig::new(&files::pdi(false))?;
        let (from, to) = (rig.buffer(|i| i as u32)?, rig.buffer(|_| CANARY)?);
        let hasty = rig.command(&HASTY.bytes(WORDS as u32), &from, &to)?;
        assert_eq!(rig.run(&hasty, &[])?, COMPLETED);
        assert_eq!(to.map.load(WORDS - 1), CANARY);
        let again = rig.command(&Code::GOOD.bytes(WORDS as u32), &from, &to)?;
        assert_eq!(rig.run(&again, &[])?, COMPLETED);
        assert_moved(&from, &to);
        Ok(())
    });
    ran.expect("a device")
}

fn a_transfer_without_end_leaves_others_their_time() -> Result<()> {
    let npu = Npu::strix().job_timeout(Duration::ZERO);
    let ran = npu.run(|| {
        let rig = Rig::new(&files::pdi(false))?;
        let (from, to) = (rig.buffer(|i| i as u32)?, rig.buffer(|_| CANARY)?);
        // The descriptor of the receiver follows itself: its token never comes.
        let endless = rig.command(&ENDLESS.bytes(WORDS as u32), &from, &to)?;
        let seq = rig.dev.exec(rig.ctx, endless.handle, &[])?;
        let other = Rig {
            ctx: rig.dev.context()?,
            ..rig
        };
        let (pdi, _) = other.dev.loaded(&other.heap.map, &files::pdi(false))?;
        other.dev.configure(other.ctx, pdi)?;
        let (from, to) = (other.buffer(|i| i as u32)?, other.buffer(|_| CANARY)?);
        let good = other.command(&Code::GOOD.bytes(WORDS as u32), &from, &to)?;
        assert_eq!(other.run(&good, &[])?, COMPLETED);
        assert_moved(&from, &to);
        assert!(other.dev.wait(rig.ctx, seq, SECOND / 50).is_err());
        assert_eq!(state_of(&endless), state::NEW);
        Ok(())
    });
    ran.expect("a device")
}

fn an_enabled_core_is_a_firmware_error() -> Result<()> {
    let run = |npu: Npu| {
        let ran = npu.run(|| {
            let rig = Rig::new(&files::pdi(true))?;
            let (from, to) = (rig.buffer(|i| i as u32)?, rig.buffer(|_| CANARY)?);
            let command = rig.command(&Code::GOOD.bytes(WORDS as u32), &from, &to)?;
            rig.run(&command, &[])
        });
        ran.expect("a device")
    };
    assert_eq!(run(Npu::strix())?, state::ERROR);
    let idle = Program::new(|core: Core| async move { core.busy(10).await });
    assert_eq!(run(Npu::strix().core(TileId::new(0, 2), idle))?, COMPLETED);
    Ok(())
}

fn a_buffer_that_is_gone_hangs() -> Result<()> {
    let npu = Npu::strix().job_timeout(Duration::from_millis(30));
    let ran = npu.run(|| {
        let rig = Rig::new(&files::pdi(false))?;
        let (from, to) = (rig.buffer(|i| i as u32)?, rig.buffer(|_| CANARY)?);
        let code = Code::GOOD.bytes(WORDS as u32);
        let (_, at) = rig.dev.loaded(&rig.heap.map, &code)?;
        let command = rig.dev.bo(uapi::AMDXDNA_BO_CMD, 4096)?;
        for buffers in [[8, rig.address(&to)?], [rig.address(&from)?, 8]] {
            write_transaction(&command, at, code.len(), &buffers);
            assert_eq!(rig.run(&command, &[])?, state::TIMEOUT);
        }
        assert!((0..ROOM).all(|i| to.map.load(i) == CANARY));
        Ok(())
    });
    ran.expect("a device")
}

const TESTS: &[(&str, Test)] = &[
    (
        "bytes_arrive_and_nothing_else_changes",
        bytes_arrive_and_nothing_else_changes,
    ),
    (
        "each_command_of_a_chain_moves_its_bytes",
        each_command_of_a_chain_moves_its_bytes,
    ),
    (
        "contexts_have_arrays_of_their_own",
        contexts_have_arrays_of_their_own,
    ),
    (
        "a_transfer_that_never_starts_times_out",
        a_transfer_that_never_starts_times_out,
    ),
    (
        "what_code_does_not_wait_for_goes_on_with_the_next_command",
        what_code_does_not_wait_for_goes_on_with_the_next_command,
    ),
    (
        "a_transfer_without_end_leaves_others_their_time",
        a_transfer_without_end_leaves_others_their_time,
    ),
    (
        "an_enabled_core_is_a_firmware_error",
        an_enabled_core_is_a_firmware_error,
    ),
    ("a_buffer_that_is_gone_hangs", a_buffer_that_is_gone_hangs),
];

fn main() -> ExitCode {
    let reason = Npu::available().err();
    let trials = TESTS
        .iter()
        .map(|&(name, test)| {
            let name = match &reason {
                Some(reason) => format!("{name} ({reason})"),
                None => name.to_owned(),
            };
            let run = move || test().map_err(|e| Failed::from(e.to_string()));
            Trial::test(name, run).with_ignored_flag(reason.is_some())
        })
        .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
