//! Signals while calls wait (driver-abi.md, 7.5 and 8.1).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sys::pthread::{pthread_kill, pthread_self};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use xdna_driver::{Deadline, Outcome, Wait};

use super::{Scenario, scenario};
use crate::support::{context, device, nothing, outcome, soon};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("completion/signals_interrupt_nothing", "--exec-time 2000", storm),
        scenario(
            "trap/interrupted_calls_are_retried",
            "--fault exec_cmd:1:EINTR,syncobj_timeline_wait:1:EINTR",
            interrupted,
        ),
        scenario(
            "trap/a_wait_that_is_always_interrupted_ends_at_its_deadline",
            "--fault syncobj_timeline_wait:1+:EINTR",
            always_interrupted,
        ),
        scenario(
            "trap/a_submission_that_is_always_interrupted_ends_at_its_deadline",
            "--fault exec_cmd:1+:EINTR",
            never_submitted,
        ),
    ]
}

/// Ends the storm, also when a check fails.
struct Calm<'a>(&'a AtomicBool);

impl Drop for Calm<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn storm() {
    extern "C" fn nothing_to_do(_: i32) {}
    let device = device();
    let context = context(&device);
    let action = SigAction::new(
        SigHandler::Handler(nothing_to_do),
        SaFlags::empty(),
        SigSet::empty(),
    );
    // SAFETY: the handler does nothing.
    unsafe { sigaction(Signal::SIGUSR1, &action) }.unwrap();
    let (target, done) = (pthread_self(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                pthread_kill(target, Signal::SIGUSR1).unwrap();
                std::thread::sleep(Duration::from_micros(500));
            }
        });
        let _calm = Calm(&done);
        for seq in 0..100 {
            let submission = context.submit(nothing(&context).build().unwrap()).unwrap();
            assert_eq!(submission.seq().get(), seq, "every command was submitted once");
            let Wait::Ended(finished) = submission.wait(soon()).unwrap() else {
                panic!("pending")
            };
            assert_eq!(finished.outcome, Outcome::Completed);
        }
    });
}

fn interrupted() {
    let device = device();
    let context = context(&device);
    assert_eq!(outcome(&context), Outcome::Completed);
}

fn always_interrupted() {
    let device = device();
    let context = context(&device);
    let submission = context.submit(nothing(&context).build().unwrap()).unwrap();
    let deadline = Deadline::after(Duration::from_millis(50));
    assert!(matches!(submission.wait(deadline), Ok(Wait::Pending(_))));
}

fn never_submitted() {
    let device = device();
    let context = context(&device);
    let deadline = Deadline::after(Duration::from_millis(50));
    let refused = context
        .submit_by(nothing(&context).build().unwrap(), deadline)
        .unwrap_err();
    assert_eq!(refused.reason.errno(), Some(libc::EINTR));
    assert!(refused.to_string().contains("nothing was submitted"), "{refused}");
    // The command is as it was.
    assert_eq!(refused.command.state(), 1);
}
