//! How commands end, and how that is found out (driver-abi.md, section 8).

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::pthread::{pthread_kill, pthread_self};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::sync::atomic::{AtomicBool, Ordering};
use xdna_driver::{ChainBuilder, Command, Deadline, Error, Finished, Outcome, Wait};

use super::{Scenario, scenario};
use crate::support::{allocations, context, dev_bo, device, instructions, nothing, outcome, run, soon};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        scenario("completion/a_command_completes", "", completes),
        scenario("completion/a_chain_completes", "", chain_completes),
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
            "trap/a_packet_overwritten_on_error_is_rebuilt",
            "--kernel 7.0 --fault command:1:error",
            rebuilt,
        ),
        scenario(
            "trap/a_chain_overwritten_on_error_is_rebuilt",
            "--fault command:1:error@1",
            chain_rebuilt,
        ),
        scenario(
            "trap/a_failed_chain_names_the_command",
            "--fault command:1:error@1",
            chain_index,
        ),
        scenario(
            "trap/a_timed_out_chain_reports_health_in_its_first_command",
            "--fault command:1:hang@1 --job-timeout 50",
            chain_health,
        ),
        scenario("completion/preemptible_code_and_full_elf_run", "", preemptible),
        scenario(
            "completion/preemptible_code_is_refused_before_6_19",
            "--kernel 6.18",
            not_preemptible,
        ),
        scenario(
            "trap/seq_0_does_not_wait_for_point_0",
            "--fault command:2:slow=1500",
            seq_0,
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
        scenario("completion/signals_interrupt_nothing", "--exec-time 2000", storm),
        scenario(
            "trap/interrupted_calls_are_retried",
            "--fault exec_cmd:1:EINTR,syncobj_timeline_wait:1:EINTR",
            interrupted,
        ),
        scenario(
            "trap/async_errors_are_recorded",
            "--fault exec_cmd:1:async",
            async_error,
        ),
        scenario("trap/duplicate_buffers_are_sent_once", "", duplicates),
        scenario(
            "trap/a_start_cu_of_more_than_19_words_is_refused_alone",
            "",
            nineteen_words,
        ),
        scenario("trap/chains_count_their_slots", "", slots),
        scenario(
            "trap/chains_count_legacy_slots",
            "--kernel 6.18 --device npu1",
            legacy_slots,
        ),
        scenario("trap/chains_do_not_mix_opcodes", "", mixed),
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

fn chain_completes() {
    let device = device();
    let context = context(&device);
    let mut chain = ChainBuilder::new(&device);
    for _ in 0..24 {
        chain.push(nothing(&context).build().unwrap()).unwrap();
    }
    let Finished { outcome, command } = run(&context, chain.build().unwrap());
    assert_eq!(outcome, Outcome::Completed);
    let again = run(&context, command);
    assert_eq!(again.outcome, Outcome::Completed);
    assert_eq!(again.command.into_links().len(), 24);
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

fn elf(context: &xdna_driver::HwContext) -> Command {
    let device = context.device();
    let code = instructions(device);
    Command::start_elf(device, (&code, 20), (&code, 20), (&code, 20))
        .build()
        .unwrap()
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

fn rejected() {
    let device = device();
    let context = context(&device);
    // No firmware of an npu1 can preempt: the driver finds out when the job starts.
    let Finished { outcome, command } = run(&context, elf(&context));
    assert_eq!(outcome, Outcome::Rejected);
    assert_eq!(command.state(), 1);
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

fn chain_of(context: &xdna_driver::HwContext, commands: usize) -> Command {
    let mut chain = ChainBuilder::new(context.device());
    for _ in 0..commands {
        chain.push(nothing(context).build().unwrap()).unwrap();
    }
    chain.build().unwrap()
}

fn chain_rebuilt() {
    let device = device();
    let context = context(&device);
    let failed = run(&context, chain_of(&context, 3));
    assert!(!failed.outcome.is_success());
    assert_eq!(run(&context, failed.command).outcome, Outcome::Completed);
}

fn chain_index() {
    let device = device();
    let context = context(&device);
    assert_eq!(
        run(&context, chain_of(&context, 3)).outcome,
        Outcome::Failed { failed_at: Some(1) }
    );
}

fn chain_health() {
    let device = device();
    let context = context(&device);
    let outcome = run(&context, chain_of(&context, 3)).outcome;
    assert!(
        matches!(
            outcome,
            Outcome::TimedOut {
                failed_at: Some(_),
                health: Some(_)
            }
        ),
        "{outcome}"
    );
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
    let start = Instant::now();
    let Wait::Ended(first) = first.wait(soon()).unwrap() else {
        panic!("pending")
    };
    assert_eq!(first.outcome, Outcome::Completed);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    let Wait::Ended(second) = second.wait(soon()).unwrap() else {
        panic!("pending")
    };
    assert_eq!(second.outcome, Outcome::Completed);
    assert!(start.elapsed() > Duration::from_secs(1), "{:?}", start.elapsed());
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

/// Ends the storm, also when a check fails.
struct Calm<'a>(&'a AtomicBool);

impl Drop for Calm<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
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

fn interrupted() {
    let device = device();
    let context = context(&device);
    assert_eq!(outcome(&context), Outcome::Completed);
}

fn async_error() {
    let device = device();
    let context = context(&device);
    assert_eq!(device.last_async_error().unwrap(), None);
    let _ = context.submit(nothing(&context).build().unwrap());
    let error = device.last_async_error().unwrap().expect("an error");
    assert!(error.timestamp_us > 1_600_000_000_000_000, "{error:?}");
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

fn words(context: &xdna_driver::HwContext, n: u32) -> Command {
    let command = Command::start_cu(context.device(), context.cu(0).unwrap());
    (0..n)
        .fold(command, |command, word| command.u32(word))
        .build()
        .unwrap()
}

fn nineteen_words() {
    let device = device();
    let context = context(&device);
    let data = device.create_bo(4096).unwrap();
    let mut fits = words(&context, 15);
    fits.set_addr(15 * 4, &data, 0).unwrap();
    fits.set_u64(17 * 4, 0).unwrap();
    assert_eq!(run(&context, fits).outcome, Outcome::Completed);
    let refused = context.submit(words(&context, 20)).unwrap_err();
    assert!(
        matches!(
            refused.reason,
            Error::TooLarge {
                len: 20,
                limit: 19,
                ..
            }
        ),
        "{}",
        refused.reason
    );
    let mut chain = ChainBuilder::new(&device);
    chain.push(*refused.command).unwrap();
    assert_eq!(run(&context, chain.build().unwrap()).outcome, Outcome::Completed);
}

/// Pushes commands of 15 words until the chain is full; runs it and returns how many fitted.
fn fill() -> usize {
    let device = device();
    let context = context(&device);
    let mut chain = ChainBuilder::new(&device);
    loop {
        let command = nothing(&context).u64(0).u64(0).build().unwrap();
        if let Err(full) = chain.push(command) {
            assert!(
                matches!(full.reason, Error::TooLarge { limit: 4096, .. }),
                "{}",
                full.reason
            );
            break;
        }
    }
    let commands = chain.len();
    assert_eq!(run(&context, chain.build().unwrap()).outcome, Outcome::Completed);
    commands
}

fn slots() {
    assert_eq!(fill(), 36);
}

fn legacy_slots() {
    assert_eq!(fill(), 60);
}

fn mixed() {
    let device = device();
    let context = context(&device);
    let mut chain = ChainBuilder::new(&device);
    chain.push(nothing(&context).build().unwrap()).unwrap();
    let code = dev_bo(&device, &[0; 64]);
    let npu = Command::start_npu(&device, context.cu(0).unwrap(), &code, 64)
        .build()
        .unwrap();
    assert!(matches!(
        chain.push(npu).unwrap_err().reason,
        Error::MixedChain { first: 0, other: 20 }
    ));
    let nested = chain_of(&context, 1);
    assert!(matches!(chain.push(nested).unwrap_err().reason, Error::BadChain));
    assert!(matches!(ChainBuilder::new(&device).build(), Err(Error::BadChain)));
}
