//! How commands end, and how that is found out (driver-abi.md, section 8).

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use xdna_driver::{ChainBuilder, Command, Deadline, Error, Finished, Outcome, Wait};

use super::{Scenario, scenario};
use crate::support::{allocations, context, device, elf, instructions, nothing, outcome, run, soon};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("completion/a_command_completes", "", completes),
        scenario(
            "completion/polling_finds_every_end",
            "--fault command:2:error",
            polling,
        ),
        scenario(
            "completion/polling_ends_a_rejected_command",
            "--device npu1 --kernel 7.3",
            polling_rejected,
        ),
        scenario(
            "completion/an_eventfd_tells_without_a_thread",
            "--fault command:2:slow=50",
            eventfd,
        ),
        scenario(
            "completion/a_dropped_submission_keeps_its_buffers",
            "--fault command:1:slow=100",
            orphan,
        ),
        scenario("completion/submitting_allocates_nothing", "", allocates_nothing),
        scenario(
            "trap/waits_end_at_their_absolute_deadline",
            "--fault command:1:slow=2000",
            deadline,
        ),
        scenario("completion/preemptible_code_and_full_elf_run", "", preemptible),
        scenario(
            "completion/preemptible_code_is_refused_before_6_19",
            "--kernel 6.18",
            not_preemptible,
        ),
        scenario(
            "trap/seq_0_does_not_wait_for_point_0",
            "--fault command:2:slow=3000 --job-timeout 20000",
            seq_0,
        ),
        scenario("trap/duplicate_buffers_are_sent_once", "", duplicates),
    ]
}

fn completes() {
    let device = device();
    let context = context(&device);
    for seq in 0..10 {
        let submission = context.submit(nothing(&context).build().unwrap()).unwrap();
        assert_eq!(submission.seq().get(), seq);
        let Wait::Ended(Finished { outcome, command }) = submission.wait(soon()).unwrap() else {
            panic!("pending")
        };
        assert_eq!(outcome, Outcome::Completed);
        assert_eq!(command.state(), 4);
    }
}

fn polling() {
    let device = device();
    let context = context(&device);
    let poll = |command| match context.submit(command).unwrap().wait_polling(soon()).unwrap() {
        Wait::Ended(finished) => finished,
        Wait::Pending(_) => panic!("pending"),
    };
    let finished = poll(nothing(&context).build().unwrap());
    assert_eq!(finished.outcome, Outcome::Completed);
    assert_eq!(
        poll(finished.command).outcome,
        Outcome::Failed { failed_at: None }
    );
}

fn polling_rejected() {
    let device = device();
    let context = context(&device);
    let Wait::Ended(finished) = context
        .submit(elf(&context))
        .unwrap()
        .wait_polling(soon())
        .unwrap()
    else {
        panic!("pending")
    };
    assert_eq!(finished.outcome, Outcome::Rejected);
}

fn eventfd() {
    let device = device();
    let context = context(&device);
    assert_eq!(outcome(&context), Outcome::Completed);
    let submission = context.submit(nothing(&context).build().unwrap()).unwrap();
    let event = submission.completion_event().unwrap();
    let mut fds = [PollFd::new(event.as_fd(), PollFlags::POLLIN)];
    let start = Instant::now();
    assert_eq!(poll(&mut fds, PollTimeout::from(5000_u16)).unwrap(), 1);
    assert!(
        start.elapsed() > Duration::from_millis(30),
        "{:?}",
        start.elapsed()
    );
    let Wait::Ended(finished) = submission.wait(Deadline::at(Instant::now())).unwrap() else {
        panic!("pending")
    };
    assert_eq!(finished.outcome, Outcome::Completed);
}

fn orphan() {
    let device = device();
    let context = context(&device);
    let data = device.create_bo(4096).unwrap();
    let command = nothing(&context).uses(&data).build().unwrap();
    drop(context.submit(command).unwrap());
    assert!(data.is_in_flight());
    assert!(matches!(data.view::<u8>(0, 1), Err(Error::InFlight(_))));
    assert!(matches!(data.write(0, b"x"), Err(Error::InFlight(_))));
    // Commands of one context run in order.
    assert_eq!(outcome(&context), Outcome::Completed);
    drop(context.submit(nothing(&context).build().unwrap()).unwrap());
    assert!(!data.is_in_flight());
    data.write(0, b"x").unwrap();
}

fn allocates_nothing() {
    let device = device();
    let context = context(&device);
    let mut command = run(&context, nothing(&context).build().unwrap()).command;
    let before = allocations();
    for _ in 0..100 {
        command.set_u32(0, 3).unwrap();
        let Wait::Ended(finished) = context.submit(command).unwrap().wait(soon()).unwrap() else {
            panic!("pending")
        };
        command = finished.command;
    }
    assert_eq!(allocations() - before, 0);
}

fn deadline() {
    let device = device();
    let context = context(&device);
    let submission = context.submit(nothing(&context).build().unwrap()).unwrap();
    let start = Instant::now();
    let Wait::Pending(submission) = submission
        .wait(Deadline::after(Duration::from_millis(100)))
        .unwrap()
    else {
        panic!("ended")
    };
    let waited = start.elapsed();
    assert!((100..1500).contains(&waited.as_millis()), "{waited:?}");
    let Wait::Pending(submission) = submission.wait(Deadline::at(start)).unwrap() else {
        panic!("ended")
    };
    let Wait::Ended(finished) = submission.wait(soon()).unwrap() else {
        panic!("pending")
    };
    assert_eq!(finished.outcome, Outcome::Completed);
}

fn preemptible() {
    let device = device();
    let context = context(&device);
    let code = instructions(&device);
    let cu = context.cu(0).unwrap();
    let preempt = Command::start_npu_preempt(&device, cu, (&code, 20), (&code, 20), (&code, 20));
    assert_eq!(
        run(&context, preempt.u64(3).build().unwrap()).outcome,
        Outcome::Completed
    );
    assert_eq!(run(&context, elf(&context)).outcome, Outcome::Completed);
    let mut chain = ChainBuilder::new(&device);
    while chain.push(elf(&context)).is_ok() {}
    assert_eq!((chain.len(), chain.slot_bytes()), (73, 73 * 56));
    assert_eq!(run(&context, chain.build().unwrap()).outcome, Outcome::Completed);
}

fn not_preemptible() {
    let device = device();
    let code = instructions(&device);
    let refused = Command::start_elf(&device, (&code, 20), (&code, 20), (&code, 20)).build();
    assert!(matches!(refused, Err(Error::Unsupported { .. })));
}

fn seq_0() {
    let device = device();
    let context = context(&device);
    let first = context.submit(nothing(&context).build().unwrap()).unwrap();
    let second = context.submit(nothing(&context).build().unwrap()).unwrap();
    let Wait::Ended(first) = first.wait(soon()).unwrap() else {
        panic!("pending")
    };
    assert_eq!(first.outcome, Outcome::Completed);
    assert!(
        !second.has_terminal_state(),
        "waiting for one was waiting for both"
    );
    let Wait::Ended(second) = second.wait(soon()).unwrap() else {
        panic!("pending")
    };
    assert_eq!(second.outcome, Outcome::Completed);
}

fn duplicates() {
    let device = device();
    let context = context(&device);
    let data = device.create_bo(4096).unwrap();
    let command = nothing(&context)
        .addr(&data)
        .addr(&data)
        .uses(&data)
        .build()
        .unwrap();
    assert_eq!(command.buffers().len(), 5);
    assert_eq!(run(&context, command).outcome, Outcome::Completed);
}
