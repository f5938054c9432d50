//! Timeline syncobjs without a device's fence (driver-abi 2.3).

use std::time::Duration;

use xdna_uapi::*;

use super::syncobj::waited;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Fail, Outcome, check, said, told};
use crate::client::{Client, FOR_SUBMIT, in_ms, now, step};
use crate::env::Env;
use crate::sys::{self, NOWHERE};

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check("timeline.signalled", "2.3", |e| at(e, 5, 0, 0), OK),
    check("timeline.earlier-point", "2.3", |e| at(e, 3, 0, 0), OK),
    check("timeline.later-point", "2.3", |e| at(e, 6, 0, 0), REFUSED),
    check(
        "timeline.later-point-for-submit",
        "2.3",
        |e| at(e, 6, 0, FOR_SUBMIT),
        ETIME,
    ),
    check(
        "timeline.later-point-available",
        "2.3",
        |e| at(e, 6, 0, AVAILABLE),
        ETIME,
    ),
    check("timeline.point-0-is-the-latest", "8.1", |e| at(e, 0, 0, 0), OK),
    check("timeline.available", "2.3", |e| at(e, 5, 0, AVAILABLE), OK),
    check("timeline.deadline-flag", "2.3", |e| at(e, 5, 0, DEADLINE), OK),
    check("timeline.all-flag", "2.3", |e| at(e, 5, 0, ALL), OK),
    check("timeline.unknown-flag-16", "2.3", |e| at(e, 5, 0, 16), REFUSED),
    check(
        "timeline.unknown-flag-high",
        "2.3",
        |e| at(e, 5, 0, 1 << 31),
        REFUSED,
    ),
    check(
        "timeline.for-ever-on-signalled",
        "2.3",
        |e| at(e, 5, i64::MAX, FOR_SUBMIT),
        OK,
    ),
    check(
        "timeline.past-deadline",
        "2.3",
        |e| at(e, 6, 1, FOR_SUBMIT),
        ETIME,
    ),
    check(
        "timeline.empty-syncobj",
        "2.3",
        |e| waited(e, 0, |c, h| c.timeline_wait(&[(h, 1)], 0, 0)),
        REFUSED,
    ),
    check(
        "timeline.unknown-handle",
        "2.3",
        |e| waited(e, 0, |c, _| c.timeline_wait(&[(9, 1)], 0, 0)),
        UNKNOWN,
    ),
    check(
        "timeline.zero-handle",
        "2.3",
        |e| waited(e, 0, |c, _| c.timeline_wait(&[(0, 1)], 0, 0)),
        UNKNOWN,
    ),
    check(
        "timeline.count-0",
        "2.3",
        |e| waited(e, 0, |c, _| c.timeline_wait(&[], i64::MAX, 0)),
        OK,
    ),
    check(
        "timeline.pointers-nowhere",
        "2.3 I",
        pointers_nowhere,
        &[(Any, "EFAULT")],
    ),
    check(
        "timeline.deadline-is-absolute",
        "2.3",
        absolute,
        &[(Any, "ETIME at the deadline")],
    ),
    check("timeline.first-of-two", "2.3", first_of_two, &[(Any, "1")]),
    check("timeline.all-of-two", "2.3", all_of_two, ETIME),
    check("timeline.interrupted", "2.3", interrupted, &[(Any, "EINTR")]),
    check("timeline.struct-of-40-bytes", "2.3", short_struct, OK),
    check("timeline.signal-wakes-waiter", "2.3", wakes, &[(Any, "ok")]),
    check(
        "timeline.two-processes-three-times",
        "16.4 D",
        hand_over,
        &[(Any, "ok")],
    )
    .row("16.4 fences, host"),
];

pub(super) const OK: Rules = &[(Any, "ok")];

pub(super) const REFUSED: Rules = &[(Any, "EINVAL")];

const ETIME: Rules = &[(Any, "ETIME")];

pub(super) const UNKNOWN: Rules = &[(Any, "ENOENT")];

const ALL: u32 = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL;
const AVAILABLE: u32 = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE;
const DEADLINE: u32 = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_DEADLINE;

/// A client whose first syncobj is signalled up to point 5.
pub(super) fn five(env: &Env) -> Result<(Client, u32), Fail> {
    let client = Client::open(env)?;
    let handle = client.syncobj(0)?;
    client.timeline_signal(handle, 5)?;
    Ok((client, handle))
}

fn at(env: &Env, point: u64, deadline: i64, flags: u32) -> Outcome {
    let (client, handle) = five(env)?;
    said(client.timeline_wait(&[(handle, point)], deadline, flags))
}

fn pointers_nowhere(env: &Env) -> Outcome {
    let (client, _) = five(env)?;
    let mut arg = drm_syncobj_timeline_wait {
        handles: NOWHERE,
        points: NOWHERE,
        count_handles: 1,
        ..Default::default()
    };
    said(client.call(request::DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &mut arg))
}

fn absolute(env: &Env) -> Outcome {
    let (client, handle) = five(env)?;
    let deadline = in_ms(80);
    let outcome = said(client.timeline_wait(&[(handle, 6)], deadline, FOR_SUBMIT))?;
    let late = now() - deadline;
    Ok(match late {
        ..0 => format!("{outcome} too early"),
        0..5_000_000_000 => format!("{outcome} at the deadline"),
        _ => format!("{outcome} seconds late"),
    })
}

fn first_of_two(env: &Env) -> Outcome {
    let (client, handle) = five(env)?;
    let other = client.syncobj(0)?;
    told(client.timeline_wait(&[(other, 1), (handle, 5)], in_ms(1000), FOR_SUBMIT))
}

fn all_of_two(env: &Env) -> Outcome {
    let (client, handle) = five(env)?;
    let other = client.syncobj(0)?;
    said(client.timeline_wait(&[(other, 1), (handle, 5)], in_ms(20), FOR_SUBMIT | ALL))
}

fn interrupted(env: &Env) -> Outcome {
    let (client, handle) = five(env)?;
    step("setitimer", sys::interrupt_every(Duration::from_millis(50)))?;
    let outcome = said(client.timeline_wait(&[(handle, 6)], in_ms(5000), FOR_SUBMIT));
    step("setitimer", sys::stop_interrupting())?;
    outcome
}

fn short_struct(env: &Env) -> Outcome {
    let (client, handle) = five(env)?;
    let (handles, points) = (crate::client::words(&[handle])?, crate::client::words(&[5, 0])?);
    let mut arg = drm_syncobj_timeline_wait {
        handles: handles.addr(),
        points: points.addr(),
        count_handles: 1,
        ..Default::default()
    };
    let forty = request::DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT & !(0x3fff << 16) | 40 << 16;
    said(client.call(forty, &mut arg))
}

/// A thread signals what this one waits for.
fn wakes(env: &Env) -> Outcome {
    let (client, handle) = five(env)?;
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| client.timeline_wait(&[(handle, 6)], in_ms(10_000), FOR_SUBMIT));
        std::thread::sleep(Duration::from_millis(50));
        client.timeline_signal(handle, 6)?;
        said(waiter.join().unwrap_or(Err(Fail::Step {
            what: "thread",
            errno: nix::errno::Errno::EIO,
        })))
    })
}

/// Two processes, a shared timeline: the parent signals odd points, the child even ones.
fn hand_over(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let handle = client.syncobj(0)?;
    let fd = client.syncobj_export(handle, 0, 0)?;
    let in_child = || {
        let other = Client::open(env)?;
        let mine = other.syncobj_import(&fd, 0, 0)?;
        for round in 0..3 {
            other.timeline_wait(&[(mine, 2 * round + 1)], in_ms(10_000), FOR_SUBMIT)?;
            other.timeline_signal(mine, 2 * round + 2)?;
        }
        Ok("ok".into())
    };
    let child = step(
        "fork",
        sys::fork(|| in_child().unwrap_or_else(|fail: Fail| fail.to_string())),
    )?;
    for round in 0..3 {
        client.timeline_signal(handle, 2 * round + 1)?;
        client.timeline_wait(&[(handle, 2 * round + 2)], in_ms(10_000), FOR_SUBMIT)?;
    }
    let (Ok(text) | Err(text)) = step("wait", child.finish(Duration::from_secs(20)))?;
    Ok(text)
}
