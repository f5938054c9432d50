//! Forks, subprocesses, threads.

use std::process::Command;

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use xdna_driver::{Error, Outcome, Wait};

use super::{Scenario, scenario};
use crate::support::{context, device, nothing, outcome, run, soon};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        scenario(
            "trap/a_subprocess_destroys_contexts_on_6_18_and_that_is_said",
            "--kernel 6.18",
            subprocess_lost,
        ),
        scenario(
            "trap/a_forked_child_destroys_contexts_on_6_19_and_that_is_said",
            "--kernel 6.19",
            child_lost,
        ),
        scenario(
            "trap/a_duplicated_descriptor_destroys_contexts_on_6_17_and_that_is_said",
            "--kernel 6.17",
            duplicate_lost,
        ),
        scenario(
            "trap/a_subprocess_does_no_harm_from_7_0",
            "--kernel 7.0",
            subprocess,
        ),
        scenario("trap/a_device_is_not_used_after_fork", "", after_fork),
        scenario("trap/every_descriptor_closes_on_exec", "", closes_on_exec),
        scenario("processes/threads_share_a_device", "", threads),
        scenario(
            "processes/five_commands_in_flight_wait_for_a_place",
            "--exec-time 2000",
            queue,
        ),
        scenario("processes/timelines_order_work", "", timelines),
    ]
}

fn subprocess_lost() {
    let device = device();
    let before = context(&device);
    assert_eq!(outcome(&before), Outcome::Completed);
    let command = nothing(&before).build().unwrap();
    assert!(Command::new("true").status().unwrap().success());
    let refused = before.submit(command).unwrap_err();
    assert!(
        matches!(refused.reason, Error::ContextLost { minor: 1, .. }),
        "{}",
        refused.reason
    );
    assert!(
        refused.reason.to_string().contains("start no subprocess"),
        "{}",
        refused.reason
    );
    // Buffers survive, and new contexts can be created.
    let after = context(&device);
    assert_eq!(run(&after, *refused.command).outcome, Outcome::Completed);
}

fn child_lost() {
    let device = device();
    let context = context(&device);
    in_child(|| ());
    let refused = context.submit(nothing(&context).build().unwrap()).unwrap_err();
    assert!(
        matches!(refused.reason, Error::ContextLost { minor: 6, .. }),
        "{}",
        refused.reason
    );
}

fn duplicate_lost() {
    let device = device();
    let context = context(&device);
    for fd in 3..64 {
        // SAFETY: a number goes in and comes out.
        let copy = unsafe { libc::dup(fd) };
        // SAFETY: the copy was made one line up, or it is -1, which closes nothing.
        unsafe { libc::close(copy) };
    }
    let refused = context.submit(nothing(&context).build().unwrap()).unwrap_err();
    assert!(
        matches!(refused.reason, Error::ContextLost { minor: 0, .. }),
        "{}",
        refused.reason
    );
}

fn subprocess() {
    let device = device();
    let context = context(&device);
    assert!(Command::new("true").status().unwrap().success());
    assert_eq!(outcome(&context), Outcome::Completed);
}

fn after_fork() {
    let device = device();
    let context = context(&device);
    let data = device.create_bo(4096).unwrap();
    let command = nothing(&context).addr(&data).build().unwrap();
    let timeline = device.create_timeline().unwrap();
    let submission = context.submit(nothing(&context).build().unwrap()).unwrap();
    let mut parts = Some((device.clone(), context.clone(), data.clone(), command));
    let mut flying = Some(submission);
    // The child's destructors must not close the parent's handles: they run over there.
    in_child(|| {
        let (device, context, data, command) = parts.take().unwrap();
        assert!(matches!(device.create_bo(4096), Err(Error::OtherProcess { .. })));
        assert!(matches!(
            device.context(4).build(),
            Err(Error::OtherProcess { .. })
        ));
        assert!(matches!(
            context.submit(command).unwrap_err().reason,
            Error::OtherProcess { .. }
        ));
        // Nothing that is the parent's is asked for or changed.
        let refused = |e: Error| assert!(matches!(e, Error::OtherProcess { .. }), "{e}");
        refused(device.contexts().unwrap_err());
        refused(device.clocks().unwrap_err());
        refused(device.power_mode().unwrap_err());
        refused(device.telemetry().unwrap_err());
        refused(device.sensors().unwrap_err());
        refused(device.bo_usage(1).unwrap_err());
        refused(device.fdinfo().unwrap_err());
        refused(device.set_client_name("child").unwrap_err());
        refused(device.supports(xdna_driver::Feature::Telemetry).unwrap_err());
        refused(timeline.signal(1).unwrap_err());
        refused(timeline.wait(0, soon()).unwrap_err());
        refused(timeline.signalled().unwrap_err());
        refused(timeline.export().unwrap_err());
        refused(timeline.follow(&context, 2).unwrap_err());
        refused(context.export_fence().unwrap_err());
        refused(data.export().unwrap_err());
        let submission = flying.take().unwrap();
        refused(submission.completion_event().unwrap_err());
        refused(submission.wait(soon()).unwrap_err());
        drop((device, context, data));
    });
    let Wait::Ended(finished) = flying.take().unwrap().wait(soon()).unwrap() else {
        panic!("pending")
    };
    assert_eq!(finished.outcome, Outcome::Completed);
    assert_eq!(timeline.signalled().unwrap(), 0);
    let (_, _, _, command) = parts.take().unwrap();
    assert_eq!(run(&context, command).outcome, Outcome::Completed);
    data.write(0, b"still ours").unwrap();
}

/// Runs `work` in a forked child, which must not panic.
fn in_child(work: impl FnOnce()) {
    // SAFETY: this process has one thread.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            let fine = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_ok();
            std::process::exit(i32::from(!fine));
        }
        ForkResult::Parent { child } => {
            assert_eq!(waitpid(child, None).unwrap(), WaitStatus::Exited(child, 0))
        }
    }
}

fn threads() {
    let device = device();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let context = context(&device);
                let mut command = nothing(&context).build().unwrap();
                for _ in 0..50 {
                    let finished = run(&context, command);
                    assert_eq!(finished.outcome, Outcome::Completed);
                    command = finished.command;
                }
            });
        }
    });
    assert_eq!(device.contexts().unwrap(), []);
}

fn queue() {
    let device = device();
    let context = context(&device);
    let submissions: Vec<_> = (0..12)
        .map(|_| context.submit(nothing(&context).build().unwrap()).unwrap())
        .collect();
    for submission in submissions.into_iter().rev() {
        let Wait::Ended(finished) = submission.wait(soon()).unwrap() else {
            panic!("pending")
        };
        assert_eq!(finished.outcome, Outcome::Completed);
    }
}

fn timelines() {
    let device = device();
    let ours = device.create_timeline().unwrap();
    let fd = ours.export().unwrap();
    let theirs = device.import_timeline(std::os::fd::AsFd::as_fd(&fd)).unwrap();
    let now = || xdna_driver::Deadline::at(std::time::Instant::now());
    assert!(!theirs.wait(1, now()).unwrap());
    ours.signal(3).unwrap();
    assert!(theirs.wait(2, now()).unwrap());
    assert_eq!(theirs.signalled().unwrap(), 3);
    std::thread::scope(|scope| {
        scope.spawn(|| assert!(theirs.wait(4, soon()).unwrap()));
        ours.signal(4).unwrap();
    });
    let context = context(&device);
    assert_eq!(outcome(&context), Outcome::Completed);
    ours.follow(&context, 9).unwrap();
    assert!(theirs.wait(9, soon()).unwrap());
    context.export_fence().unwrap();
}

fn closes_on_exec() {
    let before = descriptors();
    let device = device();
    let context = context(&device);
    let timeline = device.create_timeline().unwrap();
    let submission = context.submit(nothing(&context).build().unwrap()).unwrap();
    let _made = [
        device.create_bo(4096).unwrap().export().unwrap(),
        timeline.export().unwrap(),
        context.export_fence().unwrap(),
        submission.completion_event().unwrap(),
    ];
    let made: Vec<i32> = descriptors()
        .into_iter()
        .filter(|fd| !before.contains(fd))
        .collect();
    assert_eq!(made.len(), 5, "the node's and four others: {made:?}");
    for fd in made {
        // SAFETY: a number goes in and comes out.
        let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
        assert_eq!(flags, libc::FD_CLOEXEC, "descriptor {fd}");
    }
}

/// Descriptors of this process, without the one that reads the list.
fn descriptors() -> Vec<i32> {
    let list = std::fs::read_dir("/proc/self/fd").unwrap();
    let names: Vec<_> = list.map(|entry| entry.unwrap().file_name()).collect();
    let numbers = names.iter().map(|name| name.to_str().unwrap().parse().unwrap());
    // SAFETY: a number goes in and comes out.
    numbers
        .filter(|fd| unsafe { libc::fcntl(*fd, libc::F_GETFD) } >= 0)
        .collect()
}
