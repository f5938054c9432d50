//! Time: limits of commands, deadlines of waits, devices that sleep (driver-abi.md, 8.5 and 8.6).

use std::time::{Duration, Instant};

use xdna_driver::{Deadline, HwContext, Outcome, Submission, Wait};

use super::{Scenario, scenario};
use crate::support::{context, device, nothing, outcome, soon};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        scenario(
            "trap/the_time_limit_of_7_2_begins_anew_while_anything_ends_on_the_device",
            "--kernel 7.2 --fault command:1:hang --job-timeout 1000",
            device_wide,
        ),
        scenario(
            "trap/the_time_limit_of_7_1_is_each_commands_own",
            "--kernel 7.1 --fault command:1:hang --job-timeout 300",
            each,
        ),
        scenario(
            "trap/a_wait_begins_after_the_submission_that_wakes_the_device",
            "--kernel 7.3 --autosuspend 100 --boot-time 1500",
            wakes,
        ),
    ]
}

fn start(context: &HwContext) -> Submission {
    context.submit(nothing(context).build().unwrap()).unwrap()
}

fn times_out(submission: Submission) {
    let Wait::Ended(finished) = submission.wait(soon()).unwrap() else {
        panic!("pending")
    };
    assert!(
        matches!(finished.outcome, Outcome::TimedOut { .. }),
        "{}",
        finished.outcome
    );
}

fn device_wide() {
    let device = device();
    let (stuck, busy) = (context(&device), context(&device));
    let hanging = start(&stuck);
    // Three limits long there is always something that ends.
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(3) {
        assert_eq!(outcome(&busy), Outcome::Completed);
    }
    let Wait::Pending(hanging) = hanging.wait(Deadline::at(Instant::now())).unwrap() else {
        panic!("ended while the device was busy")
    };
    times_out(hanging);
}

fn each() {
    let device = device();
    let (stuck, busy) = (context(&device), context(&device));
    let hanging = start(&stuck);
    let begin = Instant::now();
    while !hanging.has_terminal_state() {
        assert_eq!(outcome(&busy), Outcome::Completed);
        assert!(begin.elapsed() < Duration::from_secs(20), "no limit");
    }
    times_out(hanging);
}

fn wakes() {
    let device = device();
    let context = context(&device);
    assert_eq!(outcome(&context), Outcome::Completed);
    std::thread::sleep(Duration::from_millis(500));
    let command = nothing(&context).build().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let begin = Instant::now();
    let submission = context.submit(command).unwrap();
    assert!(begin.elapsed() > Duration::from_secs(1), "the device was awake");
    // Shorter than the way out of sleep: that was spent in the submission.
    let deadline = Deadline::after(Duration::from_millis(1000));
    let Wait::Ended(finished) = submission.wait(deadline).unwrap() else {
        panic!("the wait has waited for the device")
    };
    assert_eq!(finished.outcome, Outcome::Completed);
}
