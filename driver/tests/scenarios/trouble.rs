//! Commands and devices that fail (driver-abi.md, section 8).

use std::time::Duration;

use xdna_driver::{Error, Finished, Outcome, Wait};

use super::{Scenario, scenario};
use crate::support::{context, device, elf, nothing, outcome, run, soon, warnings};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        scenario(
            "trap/a_rejected_packet_stays_new",
            "--device npu1 --kernel 7.3",
            rejected,
        ),
        scenario(
            "trap/a_firmware_error_is_told_from_a_timeout",
            "--fault command:1:error,command:2:mute --job-timeout 50",
            error,
        ),
        scenario(
            "trap/a_timeout_carries_the_health_report",
            "--fault command:1:hang --job-timeout 50",
            health,
        ),
        scenario(
            "trap/the_follower_of_a_timeout_is_aborted",
            "--fault command:1:hang --job-timeout 50",
            abort,
        ),
        scenario(
            "trap/a_command_right_after_a_timeout_is_lost_not_malformed",
            "--fault command:1:hang --job-timeout 50 --drop-window 500",
            lost,
        ),
        scenario(
            "trap/a_packet_overwritten_on_error_is_rebuilt_on_7_0",
            "--kernel 7.0 --fault command:1:error",
            rebuilt,
        ),
        scenario(
            "trap/a_packet_overwritten_on_error_is_rebuilt_on_6_19",
            "--kernel 6.19 --fault command:1:error",
            rebuilt,
        ),
        scenario(
            "trap/a_health_report_is_whole_once_the_state_is_terminal",
            "--fault command:*:hang --job-timeout 1",
            whole_reports,
        ),
        scenario(
            "trap/autosuspend_and_resume_are_transparent",
            "--autosuspend 30 --boot-time 30",
            resume,
        ),
        scenario(
            "trap/a_failed_resume_is_an_errno_from_7_0",
            "--autosuspend 400 --kernel 7.0 --fault resume:1:EIO",
            resume_fails,
        ),
        scenario(
            "trap/a_failed_resume_is_a_rejected_command_on_6_19",
            "--autosuspend 400 --kernel 6.19 --fault resume:1:EIO",
            resume_rejects,
        ),
        scenario(
            "trap/an_unplugged_device_is_gone",
            "--fault exec_cmd:2:unplug",
            unplugged,
        ),
        scenario(
            "trap/a_dead_firmware_channel_is_said_so",
            "--fault exec_cmd:2:EPIPE",
            dead,
        ),
        scenario(
            "completion/an_unplugged_device_ends_a_wait",
            "--fault syncobj_timeline_wait:1:unplug",
            unplugged_wait,
        ),
        scenario(
            "completion/a_lost_completion_is_a_timeout",
            "--fault command:1:lost --job-timeout 50",
            lost_completion,
        ),
        scenario(
            "completion/destroying_a_context_ends_its_commands",
            "--fault command:1:mute --job-timeout 0",
            destroyed,
        ),
        scenario(
            "trap/async_errors_are_recorded",
            "--fault exec_cmd:1:async",
            async_error,
        ),
    ]
}

fn rejected() {
    let device = device();
    let context = context(&device);
    // No firmware of an npu1 can preempt: the driver finds out when the job starts.
    let Finished { outcome, command } = run(&context, elf(&context));
    assert_eq!(outcome, Outcome::Rejected);
    assert_eq!(command.state(), 1);
}

fn error() {
    let device = device();
    let context = context(&device);
    assert_eq!(outcome(&context), Outcome::Failed { failed_at: None });
    assert_eq!(
        outcome(&context),
        Outcome::TimedOut {
            failed_at: None,
            health: None
        }
    );
}

fn health() {
    let device = device();
    let context = context(&device);
    let Outcome::TimedOut {
        failed_at: None,
        health: Some(health),
    } = outcome(&context)
    else {
        panic!("no report")
    };
    assert_eq!(health.fatal_error, 0);
}

fn abort() {
    let device = device();
    let context = context(&device);
    let first = context.submit(nothing(&context).build().unwrap()).unwrap();
    let second = context.submit(nothing(&context).build().unwrap()).unwrap();
    let Wait::Ended(second) = second.wait(soon()).unwrap() else {
        panic!("pending")
    };
    assert_eq!(second.outcome, Outcome::Aborted { failed_at: None });
    let Wait::Ended(first) = first.wait(soon()).unwrap() else {
        panic!("pending")
    };
    assert!(matches!(first.outcome, Outcome::TimedOut { .. }));
    assert_eq!(
        run(&context, first.command).outcome,
        Outcome::Completed,
        "handle and syncobj go on"
    );
}

fn lost() {
    let device = device();
    let context = context(&device);
    let finished = run(&context, nothing(&context).build().unwrap());
    assert!(matches!(finished.outcome, Outcome::TimedOut { .. }));
    let mut again = run(&context, finished.command);
    assert_eq!(again.outcome, Outcome::Lost);
    for _ in 0..100 {
        if again.outcome != Outcome::Lost {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
        again = run(&context, again.command);
    }
    assert_eq!(again.outcome, Outcome::Completed);
}

fn rebuilt() {
    let device = device();
    let context = context(&device);
    let failed = run(&context, nothing(&context).build().unwrap());
    assert_eq!(failed.outcome, Outcome::Failed { failed_at: None });
    assert_eq!(run(&context, failed.command).outcome, Outcome::Completed);
}

fn resume() {
    let device = device();
    let context = context(&device);
    for _ in 0..3 {
        assert_eq!(outcome(&context), Outcome::Completed);
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn resume_fails() {
    let device = device();
    let context = context(&device);
    assert_eq!(outcome(&context), Outcome::Completed);
    let command = nothing(&context).build().unwrap();
    std::thread::sleep(Duration::from_millis(1000));
    let refused = context.submit(command).unwrap_err();
    assert_eq!(refused.reason.errno(), Some(libc::EIO));
    assert_eq!(run(&context, *refused.command).outcome, Outcome::Completed);
}

fn resume_rejects() {
    let device = device();
    let context = context(&device);
    assert_eq!(outcome(&context), Outcome::Completed);
    let command = nothing(&context).build().unwrap();
    std::thread::sleep(Duration::from_millis(1000));
    assert_eq!(run(&context, command).outcome, Outcome::Rejected);
}

fn unplugged() {
    let device = device();
    let context = context(&device);
    assert_eq!(outcome(&context), Outcome::Completed);
    let command = nothing(&context).build().unwrap();
    let refused = context.submit(command).unwrap_err();
    assert!(
        matches!(refused.reason, Error::DeviceGone { .. }),
        "{}",
        refused.reason
    );
    assert!(matches!(device.clocks(), Err(Error::DeviceGone { .. })));
    // What goes with the device has not leaked.
    let timeline = device.create_timeline();
    assert!(timeline.is_err());
    warnings::listen();
    drop((refused, context, device));
    assert_eq!(warnings::heard(), Vec::<String>::new());
}

fn unplugged_wait() {
    let device = device();
    let context = context(&device);
    let submission = context.submit(nothing(&context).build().unwrap()).unwrap();
    let e = submission.wait(soon()).unwrap_err();
    assert!(matches!(e, Error::DeviceGone { .. }), "{e}");
}

fn lost_completion() {
    let device = device();
    let context = context(&device);
    assert!(matches!(outcome(&context), Outcome::TimedOut { .. }));
    assert_eq!(outcome(&context), Outcome::Completed);
}

fn destroyed() {
    let device = device();
    let context = context(&device);
    let data = device.create_bo(4096).unwrap();
    let submission = context
        .submit(nothing(&context).uses(&data).build().unwrap())
        .unwrap();
    drop(context);
    assert!(data.is_in_flight());
    // The last that holds the context: the driver waits 2 s, then aborts.
    drop(submission);
    assert!(!data.is_in_flight());
    assert_eq!(std::sync::Arc::strong_count(&data), 1);
    data.write(0, b"free").unwrap();
}

fn dead() {
    let device = device();
    let context = context(&device);
    assert_eq!(outcome(&context), Outcome::Completed);
    let refused = context.submit(nothing(&context).build().unwrap()).unwrap_err();
    assert!(
        matches!(refused.reason, Error::FirmwareDead { .. }),
        "{}",
        refused.reason
    );
}

fn async_error() {
    let device = device();
    let context = context(&device);
    assert_eq!(device.last_async_error().unwrap(), None);
    let _ = context.submit(nothing(&context).build().unwrap());
    let error = device.last_async_error().unwrap().expect("an error");
    assert!(error.timestamp_us > 1_600_000_000_000_000, "{error:?}");
}

/// The driver fills the packet, writes the report, then the state: whoever sees the state sees the report.
fn whole_reports() {
    let device = device();
    let context = context(&device);
    let mut command = nothing(&context).build().unwrap();
    for round in 0..100 {
        let Wait::Ended(finished) = context.submit(command).unwrap().wait_polling(soon()).unwrap() else {
            panic!("pending")
        };
        let Outcome::TimedOut {
            health: Some(health), ..
        } = finished.outcome
        else {
            panic!("round {round}: {}", finished.outcome)
        };
        assert_eq!((health.fatal_error, health.module), (0, 0), "round {round}");
        command = finished.command;
    }
}
