//! Context handles and syncobjs, DESTROY_HWCTX (driver-abi 4.2, 6.1, 6.6).

use xdna_uapi::*;

use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Fail, Outcome, check, said, yes};
use crate::client::Client;
use crate::env::Env;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check(
        "hwctx.first-handle",
        "4.2",
        |e| sequence(e, first),
        &[(To(V7_3), "1"), (Any, "1 | another")],
    ),
    check("hwctx.handles-ascend", "4.2", |e| sequence(e, two), ONE_APART),
    check(
        "hwctx.handles-are-cyclic",
        "4.2",
        |e| sequence(e, cyclic),
        ONE_APART,
    ),
    check(
        "hwctx.handles-wrap-after-255",
        "4.2, 6.1",
        wrap,
        &[(To(V7_3), "1"), (Any, "1 | another")],
    ),
    check(
        "hwctx.failed-attempt-takes-a-handle",
        "1.4, 4.2 R",
        failed,
        &[(To(V6_18), "2"), (To(V7_3), "1"), (Any, "1 | another")],
    ),
    check(
        "hwctx.failed-attempt-without-heap",
        "6.1",
        failed_no_heap,
        &[(To(V6_18), "2"), (To(V7_3), "1"), (Any, "1 | another")],
    ),
    check(
        "hwctx.failed-ext-takes-no-handle",
        "6.1",
        failed_ext,
        &[(To(V7_3), "1"), (Any, "1 | another")],
    ),
    check("hwctx.syncobj-differs", "4.2", syncobjs_differ, &[(Any, "yes")]),
    check(
        "hwctx.syncobj-is-a-handle",
        "4.2, 15",
        syncobj_number,
        &[(Any, "yes")],
    ),
    check("hwctx.syncobj-survives-destroy", "6.6", syncobj_survives, OK),
    check("hwctx.syncobj-destroyed-first", "6.6", syncobj_first, OK),
    check("hwctx.destroy", "6.6", destroy, OK),
    check("hwctx.destroy-pad", "6.6", destroy_pad, REFUSED),
    check(
        "hwctx.destroy-unknown",
        "6.6",
        |e| said(Client::open(e)?.destroy_hwctx(7)),
        REFUSED,
    ),
    check(
        "hwctx.destroy-zero",
        "6.6",
        |e| said(Client::open(e)?.destroy_hwctx(0)),
        REFUSED,
    ),
    check("hwctx.destroy-twice", "6.6", destroy_twice, REFUSED),
    check(
        "hwctx.destroy-of-another-client",
        "6.6",
        destroy_other,
        &[(To(V7_3), "EINVAL"), (Any, "EINVAL | ENOENT")],
    ),
    check("hwctx.closed-with-a-live-context", "2.2", closed, OK),
];

const OK: Rules = &[(Any, "ok")];
const REFUSED: Rules = &[(Any, "EINVAL")];

/// Staging and the out-of-tree driver number contexts device-wide: others may come between.
const ONE_APART: Rules = &[(To(V7_3), "1 apart"), (Any, "1 apart | not 1 apart")];

type Arg = amdxdna_drm_create_hwctx;

fn sequence(env: &Env, then: fn(&Client) -> Outcome) -> Outcome {
    let client = Client::open(env)?;
    let _heap = client.heap()?;
    then(&client)
}

fn number(handle: u32) -> Outcome {
    Ok(match handle {
        0..=9 => handle.to_string(),
        _ => "another".into(),
    })
}

fn apart(first: u32, second: u32) -> Outcome {
    Ok(if second == first + 1 {
        "1 apart"
    } else {
        "not 1 apart"
    }
    .into())
}

fn first(client: &Client) -> Outcome {
    number(client.context(1)?.handle)
}

fn two(client: &Client) -> Outcome {
    apart(client.context(1)?.handle, client.context(1)?.handle)
}

fn cyclic(client: &Client) -> Outcome {
    let first = client.context(1)?.handle;
    client.destroy_hwctx(first)?;
    apart(first, client.context(1)?.handle)
}

fn wrap(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let _heap = client.heap()?;
    for _ in 0..255 {
        let context = client.context(1)?;
        client.destroy_hwctx(context.handle)?;
        client.syncobj_destroy(context.syncobj, 0)?;
    }
    number(client.context(1)?.handle)
}

fn failed(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let _heap = client.heap()?;
    refused(client.context(0))?;
    number(client.context(1)?.handle)
}

fn failed_no_heap(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    refused(client.context(1))?;
    let _heap = client.heap()?;
    number(client.context(1)?.handle)
}

fn failed_ext(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let _heap = client.heap()?;
    refused(client.create_hwctx(Arg {
        ext: 1,
        ..Default::default()
    }))?;
    number(client.context(1)?.handle)
}

fn refused<T>(result: Result<T, Fail>) -> Result<(), Fail> {
    match result {
        Ok(_) => Err(Fail::Step {
            what: "a context that should be refused",
            errno: nix::errno::Errno::UnknownErrno,
        }),
        Err(_) => Ok(()),
    }
}

fn syncobjs_differ(env: &Env) -> Outcome {
    sequence(env, |client| {
        let (first, second) = (client.context(1)?, client.context(1)?);
        yes(first.syncobj != 0 && second.syncobj != 0 && first.syncobj != second.syncobj)
    })
}

fn syncobj_number(env: &Env) -> Outcome {
    sequence(env, |client| {
        let context = client.context(1)?;
        yes(client.syncobj(0)? != context.syncobj)
    })
}

fn syncobj_survives(env: &Env) -> Outcome {
    sequence(env, |client| {
        let context = client.context(1)?;
        client.destroy_hwctx(context.handle)?;
        said(client.syncobj_destroy(context.syncobj, 0))
    })
}

fn syncobj_first(env: &Env) -> Outcome {
    sequence(env, |client| {
        let context = client.context(1)?;
        client.syncobj_destroy(context.syncobj, 0)?;
        said(client.destroy_hwctx(context.handle))
    })
}

fn destroy(env: &Env) -> Outcome {
    sequence(env, |client| {
        said(client.destroy_hwctx(client.context(1)?.handle))
    })
}

fn destroy_pad(env: &Env) -> Outcome {
    sequence(env, |client| {
        let mut arg = amdxdna_drm_destroy_hwctx {
            handle: client.context(1)?.handle,
            pad: 1,
        };
        said(client.call(request::DRM_IOCTL_AMDXDNA_DESTROY_HWCTX, &mut arg))
    })
}

fn destroy_twice(env: &Env) -> Outcome {
    sequence(env, |client| {
        let handle = client.context(1)?.handle;
        client.destroy_hwctx(handle)?;
        said(client.destroy_hwctx(handle))
    })
}

fn destroy_other(env: &Env) -> Outcome {
    let other = Client::open(env)?;
    let client = Client::open(env)?;
    let _heap = client.heap()?;
    said(other.destroy_hwctx(client.context(1)?.handle))
}

fn closed(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let heap = client.heap()?;
    client.context(1)?;
    drop(heap);
    drop(client);
    let again = Client::open(env)?;
    let _heap = again.heap()?;
    said(again.context(1))
}
