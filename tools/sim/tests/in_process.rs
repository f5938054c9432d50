//! The device inside a test process: one filtered thread per test.

mod support;

use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use support::*;
use xdna_sim::Npu;
use xdna_sim::profile::{Device, Kernel};
use xdna_uapi::{self as uapi, ert::state};

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
        .exec_time(Duration::from_millis(150))
        .run(|| {
            let dev = Dev::open().expect("the node");
            let (_heap, ctx) = dev.ready()?;
            let commands: Vec<Bo> = (0..5).map(|_| dev.command()).collect::<Result<_, _>>()?;
            for c in &commands[..4] {
                dev.exec(ctx, c.handle, &[])?;
            }
            assert_ne!(state_of(&commands[0]), COMPLETED);
            dev.exec(ctx, commands[4].handle, &[])?;
            assert_eq!(state_of(&commands[0]), COMPLETED);
            assert_eq!(dev.wait(ctx, 4, 1), Err(Errno::ETIME));
            dev.wait(ctx, 4, SECOND)?;
            assert_eq!(state_of(&commands[4]), COMPLETED);
            Ok(())
        })
        .expect("a device")
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

fn nobody_takes_the_memory_of_others() -> Result<()> {
    let npu = Npu::strix().run(|| {
        let dev = Dev::open().expect("the node");
        let command = dev.command()?;
        let shorter = dev.file.set_len(0).map_err(|e| e.raw_os_error());
        assert_eq!(shorter, Err(Some(Errno::EPERM as i32)));
        // It would be SIGBUS.
        assert_eq!(state_of(&command), state::NEW);
        Ok(())
    });
    npu.expect("a device")
}

fn only_eventfds_hear_of_points() -> Result<()> {
    let npu = Npu::strix().run(|| {
        let dev = Dev::open().expect("the node");
        let (_heap, ctx) = dev.ready()?;
        let (pipe, _end) = nix::unistd::pipe()?;
        let mut arg = uapi::drm_syncobj_eventfd {
            handle: ctx.syncobj,
            point: 1,
            fd: pipe.as_raw_fd(),
            ..Default::default()
        };
        let refused = dev.call(uapi::request::DRM_IOCTL_SYNCOBJ_EVENTFD, &mut arg);
        assert_eq!(refused, Err(Errno::EINVAL));
        Ok(())
    });
    npu.expect("a device")
}

fn h_clock(dev: &Dev) -> Result<u32> {
    let mut clocks = uapi::amdxdna_drm_query_clock_metadata::default();
    let mut arg = uapi::amdxdna_drm_get_info {
        param: uapi::DRM_AMDXDNA_QUERY_CLOCK_METADATA,
        buffer_size: size_of_val(&clocks) as u32,
        buffer: &raw mut clocks as u64,
    };
    dev.call(uapi::request::DRM_IOCTL_AMDXDNA_GET_INFO, &mut arg)?;
    Ok(clocks.h_clock.freq_mhz)
}

fn contexts_touch_the_clock_where_qos_does() -> Result<()> {
    for (kernel, last) in [
        (Kernel::V6_18, 792),
        (Kernel::V6_19, 1800),
        (Kernel::V7_1, 1800),
        (Kernel::V7_2, 792),
    ] {
        Npu::strix()
            .kernel(kernel)
            .run(|| {
                let dev = Dev::open().expect("the node");
                let _heap = dev.heap()?;
                let ctx = dev.context()?;
                assert_eq!(h_clock(&dev)?, 1800, "{kernel}");
                dev.destroy(ctx)?;
                assert_eq!(h_clock(&dev)?, last, "{kernel}");
                dev.context()?;
                assert_eq!(h_clock(&dev)?, 1800, "{kernel}");
                Ok(())
            })
            .expect("a device")?;
    }
    Ok(())
}

const TESTS: &[trials::Named] = &[
    (
        "contexts_touch_the_clock_where_qos_does",
        contexts_touch_the_clock_where_qos_does,
    ),
    (
        "nobody_takes_the_memory_of_others",
        nobody_takes_the_memory_of_others,
    ),
    ("only_eventfds_hear_of_points", only_eventfds_hear_of_points),
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
];

fn main() -> ExitCode {
    trials::run(TESTS)
}
