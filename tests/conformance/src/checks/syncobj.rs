//! Syncobjs without a device's fence (driver-abi 2.3).

use xdna_uapi::*;

use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Fail, Outcome, check, said, told};
use crate::client::{Client, FOR_SUBMIT};
use crate::env::Env;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check(
        "syncobj.create",
        "2.3",
        |e| told(Client::open(e)?.syncobj(0)),
        &[(Any, "1")],
    ),
    check(
        "syncobj.create-signalled",
        "2.3",
        |e| waited(e, 1, |c, h| c.syncobj_wait(&[h], 0, 0)),
        OK,
    ),
    check(
        "syncobj.create-unknown-flag",
        "2.3 I",
        |e| said(Client::open(e)?.syncobj(2)),
        REFUSED,
    ),
    check("syncobj.own-number-space", "15", number_space, &[(Any, "1")]),
    check("syncobj.lowest-free-handle", "15", lowest_free, &[(Any, "1")]),
    check(
        "syncobj.destroy",
        "2.3",
        |e| waited(e, 0, |c, h| c.syncobj_destroy(h, 0)),
        OK,
    ),
    check(
        "syncobj.destroy-pad",
        "2.3",
        |e| waited(e, 0, |c, h| c.syncobj_destroy(h, 1)),
        REFUSED,
    ),
    check(
        "syncobj.destroy-unknown",
        "2.3",
        |e| said(Client::open(e)?.syncobj_destroy(9, 0)),
        REFUSED,
    ),
    check("syncobj.destroy-twice", "2.3", destroy_twice, REFUSED),
    check(
        "syncobj.wait-unsignalled",
        "2.3",
        |e| waited(e, 0, |c, h| c.syncobj_wait(&[h], 0, 0)),
        REFUSED,
    ),
    check(
        "syncobj.wait-for-submit-polls",
        "2.3",
        |e| waited(e, 0, |c, h| c.syncobj_wait(&[h], 0, FOR_SUBMIT)),
        ETIME,
    ),
    check(
        "syncobj.wait-unknown",
        "2.3",
        |e| waited(e, 0, |c, _| c.syncobj_wait(&[9], 0, 0)),
        UNKNOWN,
    ),
    check("syncobj.signal", "2.3", |e| waited(e, 0, signal), OK),
    check("syncobj.reset", "2.3", |e| waited(e, 1, reset), REFUSED),
];

const OK: Rules = &[(Any, "ok")];
const REFUSED: Rules = &[(Any, "EINVAL")];
const ETIME: Rules = &[(Any, "ETIME")];
const UNKNOWN: Rules = &[(Any, "ENOENT")];

pub(super) fn waited<T>(env: &Env, flags: u32, then: fn(&Client, u32) -> Result<T, Fail>) -> Outcome {
    let client = Client::open(env)?;
    let handle = client.syncobj(flags)?;
    said(then(&client, handle))
}

fn number_space(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    client.create_bo(crate::client::SHARE, 4096)?;
    told(client.syncobj(0))
}

fn lowest_free(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let first = client.syncobj(0)?;
    client.syncobj(0)?;
    client.syncobj_destroy(first, 0)?;
    told(client.syncobj(0))
}

fn destroy_twice(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let handle = client.syncobj(0)?;
    client.syncobj_destroy(handle, 0)?;
    said(client.syncobj_destroy(handle, 0))
}

fn signal(client: &Client, handle: u32) -> Result<u32, Fail> {
    client.syncobj_array(request::DRM_IOCTL_SYNCOBJ_SIGNAL, handle)?;
    client.syncobj_wait(&[handle], 0, 0)
}

fn reset(client: &Client, handle: u32) -> Result<u32, Fail> {
    client.syncobj_array(request::DRM_IOCTL_SYNCOBJ_RESET, handle)?;
    client.syncobj_wait(&[handle], 0, 0)
}
