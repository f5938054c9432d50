//! Eight threads in each of two processes, each with its context, while things go wrong.
//!
//! `XDNA_STRESS` is another number of commands per thread.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use xdna_driver::query::Context;
use xdna_driver::{Command, Deadline, Device, Outcome, Submission, Wait};

use super::{Scenario, scenario};
use crate::support::{context, device, nothing};

const THREADS: usize = 8;
/// Commands per thread if `XDNA_STRESS` says nothing: a minute's worth on two processors.
const COMMANDS: u64 = 10_000;
/// Commands one thread has in flight: what follows a hanging one is aborted.
const IN_FLIGHT: usize = 2;

/// Numbers without common factors, so that faults meet everywhere. The time limit counts each command's own time
/// up to 7.1: a hanging one does not wait for the others to fall silent.
const FAULTS: &str = "--kernel 7.1 --job-timeout 40 --fault command:7/101:error,command:13/211:hang,\
                      command:17/307:mute,command:19/401:lost,command:23/53:slow=1,exec_cmd:5/97:EINTR,\
                      exec_cmd:11/113:ENOMEM,syncobj_timeline_wait:3/89:EINTR";

pub fn scenarios() -> Vec<Scenario> {
    vec![scenario(
        "stress/two_processes_of_eight_threads_lose_nothing",
        FAULTS,
        two_processes,
    )]
}

/// How many commands ended how.
type Ends = BTreeMap<&'static str, u64>;

fn commands() -> u64 {
    let number = std::env::var("XDNA_STRESS").ok();
    number.map_or(COMMANDS, |n| n.parse().expect("XDNA_STRESS is a number"))
}

fn two_processes() {
    // SAFETY: this process has one thread.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            let fine = std::panic::catch_unwind(one_process).is_ok();
            std::process::exit(i32::from(!fine));
        }
        ForkResult::Parent { child } => {
            one_process();
            assert_eq!(waitpid(child, None).unwrap(), WaitStatus::Exited(child, 0));
        }
    }
}

fn one_process() {
    let device = device();
    let before = descriptors();
    let mut ends = Ends::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(|| worker(&device))).collect();
        for (end, n) in threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("a thread"))
        {
            *ends.entry(end).or_insert(0) += n;
        }
    });
    println!("process {}: {ends:?}", std::process::id());
    assert_eq!(ends.values().sum::<u64>(), THREADS as u64 * commands());
    for end in ["completed", "failed", "aborted", "timed out"] {
        assert!(ends.contains_key(end), "{end} did not happen: {ends:?}");
    }
    assert_eq!(descriptors(), before, "a descriptor leaked");
    no_handle_is_left(&device);
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// The next handles are the lowest there are, and the driver lists no context.
fn no_handle_is_left(device: &Device) {
    let bo = device.create_bo(4096).unwrap();
    assert_eq!(
        bo.handle().get(),
        2,
        "buffers leaked: the heap alone has a handle"
    );
    let timeline = format!("{:?}", device.create_timeline().unwrap());
    assert!(
        timeline.contains("SyncobjHandle(1)"),
        "syncobjs leaked: {timeline}"
    );
    assert_eq!(contexts(device), []);
}

/// This process's contexts.
fn contexts(device: &Device) -> Vec<Context> {
    let mut all = device.contexts().unwrap();
    all.retain(|c| c.pid == i64::from(std::process::id()));
    all
}

/// One thread's work, in a context of its own.
fn worker(device: &Device) -> Ends {
    let context = context(device);
    let mut idle: Vec<Command> = (0..IN_FLIGHT)
        .map(|_| nothing(&context).build().unwrap())
        .collect();
    let mut flying: VecDeque<Submission> = VecDeque::new();
    let (mut ends, mut submitted) = (Ends::new(), 0);
    loop {
        if let Some(command) = idle.pop_if(|_| submitted < commands()) {
            match context.submit(command) {
                Ok(submission) => {
                    assert_eq!(
                        submission.seq().get(),
                        submitted,
                        "a submission was lost or doubled"
                    );
                    submitted += 1;
                    flying.push_back(submission);
                }
                Err(refused) => {
                    assert_eq!(refused.reason.errno(), Some(libc::ENOMEM), "{}", refused.reason);
                    idle.push(*refused.command);
                }
            }
            continue;
        }
        let Some(submission) = flying.pop_front() else {
            break;
        };
        let Wait::Ended(finished) = submission
            .wait(Deadline::after(Duration::from_secs(600)))
            .unwrap()
        else {
            panic!("a command is lost")
        };
        *ends.entry(name(finished.outcome)).or_insert(0) += 1;
        idle.push(finished.command);
    }
    let listed = contexts(device);
    let mine = listed
        .iter()
        .find(|c| c.id == context.id().get())
        .expect("listed");
    assert_eq!((mine.submissions, mine.completions), (submitted, submitted));
    ends
}

fn name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Completed => "completed",
        Outcome::Failed { .. } => "failed",
        Outcome::Aborted { .. } => "aborted",
        Outcome::TimedOut { .. } => "timed out",
        Outcome::Lost => "lost while its context recovered",
        other => panic!("{other}"),
    }
}
