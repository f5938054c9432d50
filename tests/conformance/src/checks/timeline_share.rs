//! Timelines queried, handed on and watched (driver-abi 2.3).

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::EventFd;
use xdna_uapi::*;

use super::timeline::{OK, REFUSED, UNKNOWN, five};
use crate::axes::When::*;
use crate::check::{Check, Fail, Outcome, check, said, told};
use crate::client::{Client, step};
use crate::env::Env;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check("timeline.query", "2.3", |e| queried(e, 0), &[(Any, "5")]),
    check(
        "timeline.query-last-submitted",
        "2.3",
        |e| queried(e, 1),
        &[(Any, "5")],
    ),
    check(
        "timeline.query-fresh",
        "8.1",
        |e| told(query_fresh(e)),
        &[(Any, "0")],
    ),
    check(
        "timeline.query-unknown",
        "2.3 I",
        |e| told(Client::open(e)?.syncobj_query(9, 0)),
        UNKNOWN,
    ),
    check("timeline.transfer", "2.3", transfer, OK),
    check("timeline.export-and-import", "2.3", export_import, OK),
    check(
        "timeline.export-unknown",
        "2.3 I",
        |e| said(Client::open(e)?.syncobj_export(9, 0, 0)),
        REFUSED,
    ),
    check("timeline.import-eventfd", "2.3 I", import_eventfd, REFUSED),
    check("timeline.sync-file", "2.3", sync_file, OK),
    check(
        "timeline.eventfd-fires",
        "2.3",
        |e| eventfd(e, 5),
        &[(Any, "readable")],
    ),
    check(
        "timeline.eventfd-of-later-point-waits",
        "2.3",
        |e| eventfd(e, 6),
        &[(Any, "silent, then readable")],
    ),
    check("timeline.eventfd-unknown", "2.3 I", eventfd_unknown, UNKNOWN),
    check("client.name", "2.3", client_name, &[(Any, "ok | EINVAL")]),
];

fn queried(env: &Env, flags: u32) -> Outcome {
    let (client, handle) = five(env)?;
    told(client.syncobj_query(handle, flags))
}

fn query_fresh(env: &Env) -> Result<u64, Fail> {
    let client = Client::open(env)?;
    client.syncobj_query(client.syncobj(0)?, 0)
}

fn transfer(env: &Env) -> Outcome {
    let (client, handle) = five(env)?;
    let other = client.syncobj(0)?;
    client.syncobj_transfer((handle, 5), (other, 2))?;
    said(client.timeline_wait(&[(other, 2)], 0, 0))
}

fn export_import(env: &Env) -> Outcome {
    let (client, handle) = five(env)?;
    let fd = client.syncobj_export(handle, 0, 0)?;
    let other = Client::open(env)?;
    let same = other.syncobj_import(&fd, 0, 0)?;
    client.timeline_signal(handle, 8)?;
    said(other.timeline_wait(&[(same, 8)], 0, 0))
}

fn import_eventfd(env: &Env) -> Outcome {
    let fd = step("eventfd", EventFd::new())?;
    said(Client::open(env)?.syncobj_import(&fd, 0, 0))
}

/// A signalled binary syncobj's fence travels through a sync file into another syncobj.
fn sync_file(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let (from, to) = (client.syncobj(1)?, client.syncobj(0)?);
    let fd = client.syncobj_export(from, DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE, 0)?;
    client.syncobj_import(&fd, DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE, to)?;
    said(client.syncobj_wait(&[to], 0, 0))
}

fn readable(fd: &EventFd, limit: Duration) -> Result<bool, Fail> {
    let until = Instant::now() + limit;
    let left = PollTimeout::try_from(until - Instant::now()).unwrap_or(PollTimeout::ZERO);
    Ok(step(
        "poll",
        poll(&mut [PollFd::new(fd.as_fd(), PollFlags::POLLIN)], left),
    )? > 0)
}

fn eventfd(env: &Env, point: u64) -> Outcome {
    let (client, handle) = five(env)?;
    let fd = step("eventfd", EventFd::new())?;
    client.syncobj_eventfd(handle, point, 0, &fd)?;
    if readable(&fd, Duration::from_millis(100))? {
        return Ok("readable".into());
    }
    client.timeline_signal(handle, point)?;
    Ok(if readable(&fd, Duration::from_secs(5))? {
        "silent, then readable"
    } else {
        "silent"
    }
    .into())
}

fn eventfd_unknown(env: &Env) -> Outcome {
    let fd = step("eventfd", EventFd::new())?;
    said(Client::open(env)?.syncobj_eventfd(9, 1, 0, &fd))
}

fn client_name(env: &Env) -> Outcome {
    let name = crate::client::holding(b"conformance")?;
    let mut arg = drm_set_client_name {
        name_len: 11,
        name: name.addr(),
    };
    said(Client::open(env)?.call(request::DRM_IOCTL_SET_CLIENT_NAME, &mut arg))
}
