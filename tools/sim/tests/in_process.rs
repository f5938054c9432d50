//! The device inside a test process: one filtered thread per test.

mod support;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use nix::errno::Errno;
use support::*;
use xdna_sim::Npu;
use xdna_sim::profile::{AddressMode, Device, Kernel, Protocol};
use xdna_uapi as uapi;
use xdna_uapi::ert::state;

type Test = fn() -> Result<()>;

fn a_command_completes() -> Result<()> {
    Npu::strix().run(run_one).expect("a device")
}

fn run_one() -> Result<()> {
    let dev = Dev::open().expect("the node");
    let (heap, ctx) = dev.ready()?;
    let command = dev.command()?;
    for seq in 0..10 {
        assert_eq!(dev.exec(ctx, command.handle, &[heap.handle])?, seq);
        dev.wait(ctx, seq, SECOND)?;
        assert_eq!(state_of(&command), COMPLETED);
    }
    let counters = dev.counters()?;
    assert_eq!(
        (counters[0].command_submissions, counters[0].command_completions),
        (10, 10)
    );
    dev.destroy(ctx)
}

fn every_profile_runs_a_command() -> Result<()> {
    for kernel in Kernel::all() {
        for device in [Device::Npu1, Device::Npu4, Device::Npu5, Device::Npu6] {
            Npu::new(device).kernel(kernel).run(run_one).expect("a device")?;
        }
    }
    Ok(())
}

fn the_context_limit_is_the_devices() -> Result<()> {
    for (npu, limit) in [(Npu::phoenix(), 6), (Npu::strix(), 16)] {
        npu.run(|| {
            let (a, b) = (Dev::open().expect("a"), Dev::open().expect("b"));
            let (_x, _y) = (a.heap()?, b.heap()?);
            for i in 0..limit {
                if i % 2 == 0 {
                    a.context()?
                } else {
                    b.context()?
                };
            }
            assert_eq!(a.context().unwrap_err(), Errno::EINVAL);
            drop((b, _y));
            a.context().map(drop)
        })
        .expect("a device")?;
    }
    Ok(())
}

fn a_hanging_command_times_out() -> Result<()> {
    let npu = Npu::strix()
        .job_timeout(Duration::from_millis(30))
        .fault("command:2:hang")
        .expect("a script");
    npu.run(|| {
        let dev = Dev::open().expect("the node");
        let (_heap, ctx) = dev.ready()?;
        let commands: Vec<Bo> = (0..4).map(|_| dev.command()).collect::<Result<_, _>>()?;
        let seqs: Vec<u64> = commands
            .iter()
            .map(|c| dev.exec(ctx, c.handle, &[]))
            .collect::<Result<_, _>>()?;
        let started = Instant::now();
        dev.wait(ctx, seqs[3], SECOND)?;
        assert!(
            started.elapsed() >= Duration::from_millis(20),
            "{:?}",
            started.elapsed()
        );
        let states: Vec<u32> = commands.iter().map(state_of).collect();
        assert_eq!(
            states,
            [state::COMPLETED, state::TIMEOUT, state::ABORT, state::ABORT]
        );
        // Health record, then 0xFF to the end.
        assert_eq!((commands[1].map.load(1), commands[1].map.load(9)), (1, u32::MAX));
        assert_eq!(commands[2].map.load(1), u32::MAX);
        write_command(&commands[0]);
        let seq = dev.exec(ctx, commands[0].handle, &[])?;
        dev.wait(ctx, seq, SECOND)?;
        assert_eq!(state_of(&commands[0]), COMPLETED);
        Ok(())
    })
    .expect("a device")
}

fn the_fifth_submission_waits_for_a_slot() -> Result<()> {
    Npu::strix()
        .exec_time(Duration::from_millis(20))
        .run(|| {
            let dev = Dev::open().expect("the node");
            let (_heap, ctx) = dev.ready()?;
            let commands: Vec<Bo> = (0..5).map(|_| dev.command()).collect::<Result<_, _>>()?;
            let started = Instant::now();
            for c in &commands[..4] {
                dev.exec(ctx, c.handle, &[])?;
            }
            assert!(
                started.elapsed() < Duration::from_millis(15),
                "{:?}",
                started.elapsed()
            );
            dev.exec(ctx, commands[4].handle, &[])?;
            assert!(
                started.elapsed() >= Duration::from_millis(19),
                "{:?}",
                started.elapsed()
            );
            assert_eq!(dev.wait(ctx, 4, 1), Err(Errno::ETIME));
            dev.wait(ctx, 4, SECOND)?;
            assert_eq!(state_of(&commands[4]), COMPLETED);
            Ok(())
        })
        .expect("a device")
}

fn wrong_mappings_are_refused() -> Result<()> {
    Npu::strix()
        .run(|| {
            let dev = Dev::open().expect("the node");
            let bo = dev.create_bo(uapi::AMDXDNA_BO_SHARE, 4096)?;
            let offset = dev.info(bo)?.map_offset;
            let map = |offset, len, flags| Mapping::with(&dev.file, offset, len, flags).err();
            assert_eq!(map(offset, 8192, nix::libc::MAP_SHARED), Some(Errno::EINVAL));
            assert_eq!(map(offset, 4096, nix::libc::MAP_PRIVATE), Some(Errno::EINVAL));
            assert_eq!(map(0, 4096, nix::libc::MAP_SHARED), Some(Errno::EOPNOTSUPP));
            let other = Dev::open().expect("the node");
            assert_eq!(Mapping::new(&other.file, offset, 4096).err(), Some(Errno::EACCES));
            assert_eq!(dev.info(bo)?.vaddr, u64::MAX);
            let first = dev.map(bo, 4096)?;
            let second = dev.map(bo, 4096)?;
            assert_eq!(
                (dev.info(bo)?.vaddr, dev.info(bo)?.xdna_addr),
                (first.address(), first.address())
            );
            first.store(7, 99);
            assert_eq!(second.load(7), 99);
            drop(first);
            assert_eq!(dev.info(bo)?.vaddr, u64::MAX);
            Ok(())
        })
        .expect("a device")
}

fn buffers_travel_between_clients() -> Result<()> {
    Npu::strix()
        .run(|| {
            let (a, b) = (Dev::open().expect("a"), Dev::open().expect("b"));
            let bo = a.bo(uapi::AMDXDNA_BO_SHARE, 8192)?;
            let mut export = uapi::drm_prime_handle {
                handle: bo.handle,
                flags: 2,
                fd: -1,
            };
            a.call(uapi::request::DRM_IOCTL_PRIME_HANDLE_TO_FD, &mut export)?;
            let import = |dev: &Dev| {
                let mut import = uapi::drm_prime_handle {
                    handle: 0,
                    flags: 0,
                    fd: export.fd,
                };
                dev.call(uapi::request::DRM_IOCTL_PRIME_FD_TO_HANDLE, &mut import)
                    .map(|()| import.handle)
            };
            let theirs = import(&b)?;
            assert_eq!((import(&b)?, import(&a)?), (theirs, bo.handle));
            let map = b.map(theirs, 8192)?;
            bo.map.store(100, 42);
            assert_eq!(map.load(100), 42);
            drop((bo, a));
            assert_eq!(map.load(100), 42);
            Ok(())
        })
        .expect("a device")
}

fn address_modes_differ_in_what_a_client_sees() -> Result<()> {
    let look = |mode, kernel| {
        Npu::strix()
            .kernel(kernel)
            .address_mode(mode)
            .run(|| {
                let dev = Dev::open().expect("the node");
                let bo = dev.bo(uapi::AMDXDNA_BO_SHARE, 4096)?;
                Ok((dev.info(bo.handle)?.xdna_addr, bo.map.address()))
            })
            .expect("a device")
    };
    assert_eq!(look(AddressMode::Sva, Kernel::V7_0)?.0, u64::MAX);
    let (device, user) = look(AddressMode::Sva, Kernel::V7_1)?;
    assert_eq!(device, user);
    let (device, user) = look(AddressMode::Iova, Kernel::V7_3)?;
    assert!(device != user && device != u64::MAX);
    Ok(())
}

fn an_idle_device_suspends_and_resumes() -> Result<()> {
    let npu = Npu::strix()
        .autosuspend(Duration::from_millis(50))
        .fault("resume:2:EIO")
        .expect("a script");
    npu.run(|| {
        let dev = Dev::open().expect("the node");
        let (_heap, ctx) = dev.ready()?;
        let command = dev.command()?;
        let pause = || std::thread::sleep(Duration::from_millis(150));
        pause();
        dev.exec(ctx, command.handle, &[])?;
        pause();
        assert_eq!(dev.exec(ctx, command.handle, &[]), Err(Errno::EIO));
        dev.exec(ctx, command.handle, &[]).map(drop)
    })
    .expect("a device")
}

fn a_second_device_on_a_thread_is_refused() -> Result<()> {
    let refused = Npu::strix()
        .run(|| Npu::phoenix().start().err().map(|e| e.to_string()))
        .expect("a device");
    assert!(refused.expect("an error").contains("one per process tree"));
    Ok(())
}

fn closing_a_duplicate_kills_contexts_to_6_19() -> Result<()> {
    for (kernel, dies) in [
        (Kernel::V6_17, true),
        (Kernel::V6_19, true),
        (Kernel::V7_0, false),
    ] {
        Npu::strix()
            .kernel(kernel)
            .run(|| {
                let dev = Dev::open().expect("the node");
                let (_heap, ctx) = dev.ready()?;
                let command = dev.command()?;
                drop(dev.file.try_clone().expect("dup"));
                let result = dev.exec(ctx, command.handle, &[]);
                assert_eq!(result.is_err(), dies, "{kernel}: {result:?}");
                // Buffers survive, and new contexts can be created.
                assert!(dev.context().is_ok());
                assert_eq!(dev.counters()?.is_empty(), dies);
                Ok(())
            })
            .expect("a device")?;
    }
    Ok(())
}

fn firmware_decides_about_a_second_heap_chunk() -> Result<()> {
    let grow = |protocol| {
        Npu::strix()
            .firmware(protocol)
            .run(|| {
                let dev = Dev::open().expect("the node");
                let room = Mapping::reserve(128 << 20)?;
                let first = dev.create_bo(uapi::AMDXDNA_BO_DEV_HEAP, uapi::DEV_HEAP_CHUNK)?;
                let heap = room.fix(0, &dev.file, dev.info(first)?.map_offset, 64 << 20)?;
                let ctx = dev.context()?;
                let small = dev.create_bo(uapi::AMDXDNA_BO_DEV, 60 << 20)?;
                assert_eq!(dev.create_bo(uapi::AMDXDNA_BO_DEV, 60 << 20), Err(Errno::EAGAIN));
                let second = dev.create_bo(uapi::AMDXDNA_BO_DEV_HEAP, uapi::DEV_HEAP_CHUNK)?;
                assert_eq!(dev.info(second)?.xdna_addr, 0x0800_0000);
                let map = room.fix(64 << 20, &dev.file, dev.info(second)?.map_offset, 64 << 20)?;
                let result = dev.create_bo(uapi::AMDXDNA_BO_DEV, 40 << 20);
                let _ = (heap, ctx, small, map, room);
                Ok(result)
            })
            .expect("a device")
    };
    assert_eq!(grow(Protocol { major: 6, minor: 15 })?, Err(Errno::EOPNOTSUPP));
    assert!(grow(Protocol { major: 6, minor: 18 })?.is_ok());
    Ok(())
}

const TESTS: &[(&str, Test)] = &[
    ("a_command_completes", a_command_completes),
    ("every_profile_runs_a_command", every_profile_runs_a_command),
    (
        "the_context_limit_is_the_devices",
        the_context_limit_is_the_devices,
    ),
    ("a_hanging_command_times_out", a_hanging_command_times_out),
    (
        "the_fifth_submission_waits_for_a_slot",
        the_fifth_submission_waits_for_a_slot,
    ),
    ("wrong_mappings_are_refused", wrong_mappings_are_refused),
    ("buffers_travel_between_clients", buffers_travel_between_clients),
    (
        "address_modes_differ_in_what_a_client_sees",
        address_modes_differ_in_what_a_client_sees,
    ),
    (
        "an_idle_device_suspends_and_resumes",
        an_idle_device_suspends_and_resumes,
    ),
    (
        "a_second_device_on_a_thread_is_refused",
        a_second_device_on_a_thread_is_refused,
    ),
    (
        "closing_a_duplicate_kills_contexts_to_6_19",
        closing_a_duplicate_kills_contexts_to_6_19,
    ),
    (
        "firmware_decides_about_a_second_heap_chunk",
        firmware_decides_about_a_second_heap_chunk,
    ),
];

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let reason = Npu::available().err().map(|e| e.to_string());
    let trials = TESTS.iter().map(|&(name, test)| {
        let shown = reason
            .as_ref()
            .map_or(name.to_owned(), |r| format!("{name} ({r})"));
        let run = move || test().map_err(|e| Failed::from(format!("{e}")));
        Trial::test(shown, run).with_ignored_flag(reason.is_some())
    });
    libtest_mimic::run(&args, trials.collect()).exit_code()
}
