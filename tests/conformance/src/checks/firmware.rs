//! Commands that the firmware executes: an empty PDI, control code of one NOOP (driver-abi 7, 8; with `--run`).

use std::os::fd::AsFd;
use std::time::Duration;

use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Fail, Outcome, check, told};
use crate::client::{Packet, Rig, SHARE, State, step};
use crate::env::Env;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::eventfd::EventFd;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check(
        "run.start_cu",
        "7.3, 8.1 (empty code: I)",
        |e| end(e, |r| r.empty_run(5)),
        DONE,
    ),
    check(
        "run.start_cu-15-words",
        "7.2",
        |e| end(e, |r| r.empty_run(15)),
        DONE,
    ),
    check(
        "run.start_cu-19-words",
        "7.2 R",
        |e| end(e, |r| r.empty_run(19)),
        DONE,
    ),
    check(
        "run.start_cu-20-words",
        "7.2 R",
        |e| end(e, |r| r.empty_run(20)),
        LONG,
    ),
    check(
        "run.start_cu-900-words",
        "7.2 R",
        |e| end(e, |r| r.empty_run(900)),
        LONG,
    ),
    check(
        "run.start_cu-extra-mask-word",
        "7.1",
        |e| end(e, extra_mask),
        DONE,
    ),
    check(
        "run.start_cu-count-beyond-bo",
        "7.1 R",
        |e| absent(e, 2000),
        &[(Any, "sent")],
    ),
    check(
        "run.start_cu-count-0",
        "7.1 R",
        |e| absent(e, 0),
        &[(Any, "sent")],
    ),
    check(
        "run.start_cu-mask-only",
        "7.1 R",
        |e| absent(e, 1),
        &[(Any, "sent")],
    ),
    check(
        "run.before-config",
        "6.5",
        before_config,
        &[(To(V6_18), "EXEC_CMD EINVAL"), (Any, "ended")],
    ),
    check(
        "run.three-in-order",
        "7.5",
        three,
        &[(Any, "0 COMPLETED, 1 COMPLETED, 2 COMPLETED")],
    ),
    check(
        "run.same-packet-again",
        "14",
        again,
        &[(Any, "COMPLETED COMPLETED")],
    ),
    check("run.polling-sees-the-state", "7.3", polling, DONE),
    check(
        "run.eventfd-fires",
        "2.3",
        eventfd,
        &[(Any, "readable, COMPLETED")],
    ),
    check(
        "run.point-without-flag",
        "2.3, 8.1",
        no_flag,
        &[(Any, "COMPLETED")],
    ),
    check("run.duplicate-of-data", "16.4", data_args, DONE),
    check(
        "run.counted",
        "9.2",
        counted,
        &[(Any, "3 submitted, 3 completed")],
    ),
    check("run.hundred", "7.5", hundred, &[(Any, "99 COMPLETED")]),
    check(
        "run.two-contexts",
        "7.5",
        two_contexts,
        &[(Any, "0 COMPLETED, 0 COMPLETED")],
    ),
    check(
        "run.after-idling",
        "8.6, 16.4 D",
        idling,
        &[(Any, "COMPLETED COMPLETED COMPLETED")],
    )
    .row("16.4 suspend/resume"),
];

pub(super) const DONE: Rules = &[(Any, "COMPLETED")];

/// Direct messages cut long payloads off to 6.18 and refuse them in 6.19; lists have room.
const LONG: Rules = &[(To(V6_18), "COMPLETED"), (Not(&List), "NEW"), (Any, "COMPLETED")];

fn end(env: &Env, packet: fn(&Rig) -> Packet) -> Outcome {
    let rig = Rig::to_run(env)?;
    rig.end_of(&packet(&rig))
}

/// The unit's bit in the first of two mask words.
fn extra_mask(rig: &Rig) -> Packet {
    let mut packet = rig.empty_run(5);
    packet.0.insert(2, 0);
    packet.0[0] += 1 << 12 | 1 << 10;
    packet
}

/// More words claimed than the buffer object of one page has, or none behind the mask: the payload counts as absent and
/// the command goes out without arguments; what the firmware makes of that is its own business.
fn absent(env: &Env, words: u32) -> Outcome {
    env.only(All(&[From(V7_2), List]), "the list path of 7.2 and later")?;
    let rig = Rig::to_run(env)?;
    let end = rig.end_of(&rig.empty_run(5).claiming(words))?;
    Ok(if end == "NEW" { end } else { "sent".into() })
}

/// What the firmware makes of an unconfigured unit is its own business; the job must end.
fn before_config(env: &Env) -> Outcome {
    env.may_run()?;
    let rig = Rig::unconfigured(env)?;
    match rig.submit(&rig.empty_run(5)) {
        Ok(seq) => {
            rig.wait(seq)?;
            Ok("ended".into())
        }
        Err(Fail::Call { errno, .. }) => Ok(format!("EXEC_CMD {errno:?}")),
        Err(other) => Err(other),
    }
}

fn three(env: &Env) -> Outcome {
    let rig = Rig::to_run(env)?;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let seq = rig.submit(&rig.empty_run(5))?;
        rig.wait(seq)?;
        seen.push(format!("{seq} {}", rig.state()));
    }
    Ok(seen.join(", "))
}

/// After a success the packet may be sent again as it is, but for its state.
fn again(env: &Env) -> Outcome {
    let rig = Rig::to_run(env)?;
    let first = rig.end_of(&rig.empty_run(5))?;
    let header = rig.packet.area.word(0) & !0xf | State::NEW.0;
    rig.packet.area.write_words(0, &[header]);
    let seq = rig.exec(rig.packet.handle, &[rig.code])?;
    rig.wait(seq)?;
    Ok(format!("{first} {}", rig.state()))
}

fn polling(env: &Env) -> Outcome {
    let rig = Rig::to_run(env)?;
    rig.submit(&rig.empty_run(5))?;
    for _ in 0..20_000 {
        if rig.state().terminal() {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(rig.state().to_string())
}

fn eventfd(env: &Env) -> Outcome {
    let rig = Rig::to_run(env)?;
    rig.submit(&rig.empty_run(5))?;
    let seq = rig.exec_again()?;
    let fd = step("eventfd", EventFd::new())?;
    rig.client.syncobj_eventfd(rig.context.syncobj, seq, 0, &fd)?;
    let ready = step(
        "poll",
        poll(&mut [PollFd::new(fd.as_fd(), PollFlags::POLLIN)], 15_000_u16),
    )?;
    Ok(format!(
        "{}, {}",
        if ready > 0 { "readable" } else { "silent" },
        rig.state()
    ))
}

/// A submitted point has its fence: no FOR_SUBMIT is needed.
fn no_flag(env: &Env) -> Outcome {
    let rig = Rig::to_run(env)?;
    let seq = rig.submit(&rig.empty_run(5))?;
    rig.client
        .timeline_wait(&[(rig.context.syncobj, seq)], crate::client::in_ms(15_000), 0)?;
    Ok(rig.state().to_string())
}

/// Three data buffers among the arguments, mapped and flushed as a client would.
fn data_args(env: &Env) -> Outcome {
    let rig = Rig::to_run(env)?;
    let mut args = vec![rig.code];
    let mut kept = Vec::new();
    for _ in 0..3 {
        let bo = rig.client.mapped(SHARE, 4096)?;
        bo.area.flush(0, 4096);
        args.push(bo.handle);
        kept.push(bo);
    }
    rig.packet.area.write_words(0, &rig.empty_run(11).0);
    let seq = rig.exec(rig.packet.handle, &args)?;
    rig.wait(seq)?;
    Ok(rig.state().to_string())
}

fn counted(env: &Env) -> Outcome {
    let rig = Rig::to_run(env)?;
    for _ in 0..3 {
        rig.end_of(&rig.empty_run(5))?;
    }
    let pid = u64::from(std::process::id());
    let found = rig
        .client
        .contexts()?
        .into_iter()
        .find(|c| c.pid == pid && c.handle == rig.context.handle);
    Ok(found.map_or("not listed".into(), |c| {
        format!("{} submitted, {} completed", c.submissions, c.completions)
    }))
}

fn hundred(env: &Env) -> Outcome {
    let rig = Rig::to_run(env)?;
    rig.packet.area.write_words(0, &rig.empty_run(5).0);
    let mut last = 0;
    for _ in 0..100 {
        last = rig.submit(&rig.empty_run(5))?;
        rig.wait(last)?;
    }
    told(Ok(format!("{last} {}", rig.state())))
}

fn two_contexts(env: &Env) -> Outcome {
    let (first, second) = (Rig::to_run(env)?, Rig::to_run(env)?);
    let mut seen = Vec::new();
    for rig in [&first, &second] {
        let seq = rig.submit(&rig.empty_run(5))?;
        rig.wait(seq)?;
        seen.push(format!("{seq} {}", rig.state()));
    }
    Ok(seen.join(", "))
}

/// Long enough for autosuspend (5 s after the last use from 6.19 on), twice.
fn idling(env: &Env) -> Outcome {
    env.may_idle()?;
    let rig = Rig::to_run(env)?;
    let mut seen = vec![rig.end_of(&rig.empty_run(5))?];
    for _ in 0..2 {
        std::thread::sleep(Duration::from_secs(8));
        seen.push(rig.end_of(&rig.empty_run(5))?);
    }
    Ok(seen.join(" "))
}
