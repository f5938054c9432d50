//! Each kind of fault that a script can name, as a client meets it.

mod support;

use std::process::ExitCode;
use std::time::Duration;

use nix::errno::Errno;
use support::*;
use xdna_sim::Npu;
use xdna_sim::profile::Kernel;
use xdna_uapi as uapi;
use xdna_uapi::ert::state;
use xdna_uapi::request::*;

fn with<T: Send>(npu: Npu, script: &str, test: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    npu.fault(script).expect("a script").run(test).expect("a device")
}

fn strix(script: &str, test: impl FnOnce() -> Result<()> + Send) -> Result<()> {
    with(Npu::strix(), script, test)
}

fn unplugged_devices_are_gone() -> Result<()> {
    strix("exec_cmd:2:unplug", || {
        let dev = Dev::open().expect("the node");
        let (_heap, ctx) = dev.ready()?;
        let command = dev.command()?;
        dev.exec(ctx, command.handle, &[])?;
        assert_eq!(dev.exec(ctx, command.handle, &[]), Err(Errno::ENODEV));
        assert_eq!(dev.info(command.handle).err(), Some(Errno::ENODEV));
        assert_eq!(
            Dev::open().err().and_then(|e| e.raw_os_error()),
            Some(nix::libc::ENODEV)
        );
        Ok(())
    })
}

fn a_reset_aborts_what_runs() -> Result<()> {
    let npu = Npu::strix().exec_time(Duration::from_secs(30));
    with(npu, "get_info:1:reset", || {
        let dev = Dev::open().expect("the node");
        let (_heap, ctx) = dev.ready()?;
        let command = dev.command()?;
        dev.exec(ctx, command.handle, &[])?;
        dev.counters()?;
        dev.wait(ctx, 0, SECOND)?;
        assert_eq!(state_of(&command), state::ABORT);
        // The context lives on.
        dev.exec(ctx, command.handle, &[]).map(drop)
    })
}

fn a_stolen_context_is_missing() -> Result<()> {
    strix("create_hwctx:1:steal", || {
        let dev = Dev::open().expect("the node");
        let _heap = dev.heap()?;
        let made = std::iter::from_fn(|| dev.context().ok()).count();
        assert_eq!((made, dev.context().err()), (15, Some(Errno::EINVAL)));
        assert_eq!(dev.counters()?.len(), 15, "the thief's is nobody's here");
        Ok(())
    })
}

fn async_error(dev: &Dev) -> Result<uapi::amdxdna_async_error> {
    let mut error = uapi::amdxdna_async_error::default();
    let mut arg = uapi::amdxdna_drm_get_array {
        param: uapi::DRM_AMDXDNA_HW_LAST_ASYNC_ERR,
        element_size: size_of_val(&error) as u32,
        num_element: 1,
        buffer: &raw mut error as u64,
        ..Default::default()
    };
    dev.call(DRM_IOCTL_AMDXDNA_GET_ARRAY, &mut arg)?;
    Ok(error)
}

fn errors_of_the_array_are_recorded() -> Result<()> {
    strix("get_info:1+:async", || {
        let dev = Dev::open().expect("the node");
        assert_eq!(async_error(&dev)?.err_code, 0);
        dev.counters()?;
        let first = async_error(&dev)?;
        assert_eq!(
            (first.err_code & 0xffff, first.err_code >> 32 & 0xff),
            (9, 3),
            "ECC of a core"
        );
        std::thread::sleep(Duration::from_millis(2));
        dev.counters()?;
        assert!(async_error(&dev)?.ts_us > first.ts_us);
        Ok(())
    })
}

fn firmware_refuses_contexts_and_configurations() -> Result<()> {
    strix("create:1:error", || {
        let dev = Dev::open().expect("the node");
        let _heap = dev.heap()?;
        assert_eq!(dev.context().err(), Some(Errno::EINVAL));
        dev.context().map(drop)
    })?;
    // To 6.18 the call fails, later the first command does.
    with(Npu::strix().kernel(Kernel::V6_18), "config:1:error", || {
        assert_eq!(Dev::open().expect("the node").ready().err(), Some(Errno::EINVAL));
        Ok(())
    })?;
    strix("config:1:error", || {
        let dev = Dev::open().expect("the node");
        let (_heap, ctx) = dev.ready()?;
        let command = dev.command()?;
        dev.exec(ctx, command.handle, &[])?;
        dev.wait(ctx, 0, SECOND)?;
        assert_eq!(state_of(&command), state::ERROR);
        Ok(())
    })
}

fn a_resume_fails_with_its_errno() -> Result<()> {
    let suspended = |kernel| {
        with(
            Npu::strix().kernel(kernel),
            "exec_cmd:1:suspend resume:1:EIO",
            move || {
                let dev = Dev::open().expect("the node");
                let (_heap, ctx) = dev.ready()?;
                let command = dev.command()?;
                let result = dev.exec(ctx, command.handle, &[]);
                if result.is_ok() {
                    dev.wait(ctx, 0, SECOND)?;
                }
                Ok((result, state_of(&command)))
            },
        )
    };
    // 6.19 creates the job all the same; it is rejected.
    assert_eq!(suspended(Kernel::V6_19)?, (Ok(0), state::NEW));
    assert_eq!(suspended(Kernel::V7_0)?, (Err(Errno::EIO), state::NEW));
    Ok(())
}

/// How the first command ends, and the word behind its header.
fn end(script: &str) -> Result<(u32, u32)> {
    let npu = Npu::strix().job_timeout(Duration::from_millis(20));
    with(npu, script, || {
        let dev = Dev::open().expect("the node");
        let (_heap, ctx) = dev.ready()?;
        let command = dev.command()?;
        dev.exec(ctx, command.handle, &[])?;
        dev.wait(ctx, 0, 10 * SECOND)?;
        Ok((state_of(&command), command.map.load(1)))
    })
}

fn commands_fail_hang_and_get_lost() -> Result<()> {
    assert_eq!(end("command:1:error=0x3000002")?, (state::ERROR, u32::MAX));
    // A health record of version 1, or none.
    assert_eq!(end("command:1:hang")?, (state::TIMEOUT, 1));
    assert_eq!(end("command:1:mute")?, (state::TIMEOUT, u32::MAX));
    assert_eq!(end("command:1:lost")?, (state::TIMEOUT, u32::MAX));
    assert_eq!(end("command:2:hang")?, (COMPLETED, 1));
    Ok(())
}

fn slow_firmware_is_late() -> Result<()> {
    strix("command:1:slow=60", || {
        let dev = Dev::open().expect("the node");
        let (_heap, ctx) = dev.ready()?;
        let command = dev.command()?;
        dev.exec(ctx, command.handle, &[])?;
        assert_eq!(dev.wait(ctx, 0, SECOND / 100), Err(Errno::ETIME));
        dev.wait(ctx, 0, 10 * SECOND)?;
        assert_eq!(state_of(&command), COMPLETED);
        Ok(())
    })
}

/// Every ioctl that scripts name.
const IOCTLS: [(&str, u32); 28] = [
    ("version", DRM_IOCTL_VERSION),
    ("gem_close", DRM_IOCTL_GEM_CLOSE),
    ("get_cap", DRM_IOCTL_GET_CAP),
    ("prime_handle_to_fd", DRM_IOCTL_PRIME_HANDLE_TO_FD),
    ("prime_fd_to_handle", DRM_IOCTL_PRIME_FD_TO_HANDLE),
    ("syncobj_create", DRM_IOCTL_SYNCOBJ_CREATE),
    ("syncobj_destroy", DRM_IOCTL_SYNCOBJ_DESTROY),
    ("syncobj_handle_to_fd", DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD),
    ("syncobj_fd_to_handle", DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE),
    ("syncobj_wait", DRM_IOCTL_SYNCOBJ_WAIT),
    ("syncobj_reset", DRM_IOCTL_SYNCOBJ_RESET),
    ("syncobj_signal", DRM_IOCTL_SYNCOBJ_SIGNAL),
    ("syncobj_timeline_wait", DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT),
    ("syncobj_query", DRM_IOCTL_SYNCOBJ_QUERY),
    ("syncobj_transfer", DRM_IOCTL_SYNCOBJ_TRANSFER),
    ("syncobj_timeline_signal", DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL),
    ("syncobj_eventfd", DRM_IOCTL_SYNCOBJ_EVENTFD),
    ("create_hwctx", DRM_IOCTL_AMDXDNA_CREATE_HWCTX),
    ("destroy_hwctx", DRM_IOCTL_AMDXDNA_DESTROY_HWCTX),
    ("config_hwctx", DRM_IOCTL_AMDXDNA_CONFIG_HWCTX),
    ("create_bo", DRM_IOCTL_AMDXDNA_CREATE_BO),
    ("get_bo_info", DRM_IOCTL_AMDXDNA_GET_BO_INFO),
    ("sync_bo", DRM_IOCTL_AMDXDNA_SYNC_BO),
    ("exec_cmd", DRM_IOCTL_AMDXDNA_EXEC_CMD),
    ("get_info", DRM_IOCTL_AMDXDNA_GET_INFO),
    ("set_state", DRM_IOCTL_AMDXDNA_SET_STATE),
    ("wait_cmd", DRM_IOCTL_AMDXDNA_WAIT_CMD),
    ("get_array", DRM_IOCTL_AMDXDNA_GET_ARRAY),
];

fn any_ioctl_fails_with_any_errno_at_any_call() -> Result<()> {
    assert_eq!(IOCTLS.map(|(name, _)| name)[..], *xdna_sim::kmd::IOCTL_NAMES);
    for (i, (name, request)) in IOCTLS.into_iter().enumerate() {
        // Errnos that none of them has of its own.
        let errno = [Errno::ENOTTY, Errno::EUCLEAN, Errno::EXFULL, Errno::ENOMEDIUM][i % 4];
        let nth = 1 + i % 3;
        strix(&format!("{name}:{nth}:{errno:?}"), || {
            let dev = Dev::open().expect("the node");
            for call in 1..5 {
                let result = dev.call(request, &mut [0u64; 8]);
                assert_eq!(result == Err(errno), call == nth, "{name} {call}: {result:?}");
            }
            Ok(())
        })?;
    }
    // It does nothing then.
    strix("create_bo:2:ENOMEM", || {
        let dev = Dev::open().expect("the node");
        let create = || dev.create_bo(uapi::AMDXDNA_BO_SHARE, 4096);
        assert_eq!([create(), create(), create()], [Ok(1), Err(Errno::ENOMEM), Ok(2)]);
        Ok(())
    })
}

const TESTS: &[trials::Named] = &[
    (
        "any_ioctl_fails_with_any_errno_at_any_call",
        any_ioctl_fails_with_any_errno_at_any_call,
    ),
    ("unplugged_devices_are_gone", unplugged_devices_are_gone),
    ("a_reset_aborts_what_runs", a_reset_aborts_what_runs),
    ("a_stolen_context_is_missing", a_stolen_context_is_missing),
    (
        "errors_of_the_array_are_recorded",
        errors_of_the_array_are_recorded,
    ),
    (
        "firmware_refuses_contexts_and_configurations",
        firmware_refuses_contexts_and_configurations,
    ),
    ("a_resume_fails_with_its_errno", a_resume_fails_with_its_errno),
    ("commands_fail_hang_and_get_lost", commands_fail_hang_and_get_lost),
    ("slow_firmware_is_late", slow_firmware_is_late),
];

fn main() -> ExitCode {
    trials::run(TESTS)
}
