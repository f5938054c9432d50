//! GET_ARRAY (driver-abi 1.3, 9.4, 9.7).

use xdna_uapi::*;

use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Fail, Outcome, check, said, yes};
use crate::client::{Client, Heap, area};
use crate::env::Env;
use crate::sys::{Area, NOWHERE};

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check(
        "get_array.all-lists-us",
        "9.4",
        |e| entry(e, |_| "yes".into()),
        &[(To(V6_17), "EINVAL"), (Any, "yes")],
    )
    .row("16.6 HW_CONTEXT_ALL"),
    check(
        "get_array.all-element-size",
        "9.4",
        |e| all(e, 144, 64),
        &[(To(V6_17), "EINVAL"), (Any, "144 x 1")],
    ),
    check(
        "get_array.all-larger-element",
        "9.4",
        |e| all(e, 4096, 64),
        &[(To(V6_17), "EINVAL"), (To(V7_3), "144 x 1"), (Any, "160 x 1")],
    ),
    check(
        "get_array.all-smaller-element",
        "9.4",
        |e| all(e, 64, 64),
        &[(To(V6_17), "EINVAL"), (Any, "64 x 1")],
    ),
    check(
        "get_array.all-truncates",
        "9.4",
        truncates,
        &[(To(V6_17), "EINVAL"), (Any, "1")],
    ),
    check(
        "get_array.all-packed-at-returned-size",
        "9.4",
        packed,
        &[(To(V6_17), "EINVAL"), (Any, "yes")],
    ),
    check(
        "get_array.all-none",
        "9.4",
        none,
        &[(To(V6_17), "EINVAL"), (Any, "0")],
    ),
    check(
        "get_array.all-element-4097",
        "9.4",
        |e| sized(e, 0, 4097, 1),
        REFUSED,
    ),
    check(
        "get_array.all-1025-elements",
        "9.4",
        |e| sized(e, 0, 144, 1025),
        REFUSED,
    ),
    check(
        "get_array.all-1024-elements",
        "9.4",
        |e| sized(e, 0, 144, 1024),
        &[(To(V6_17), "EINVAL"), (Any, "ok")],
    ),
    check("get_array.element_size-0", "4.2", |e| sized(e, 0, 0, 1), REFUSED),
    check("get_array.num_element-0", "4.2", |e| sized(e, 0, 144, 0), REFUSED),
    check("get_array.pad", "4.2", pad, REFUSED),
    check(
        "get_array.nowhere",
        "9.1",
        nowhere,
        &[(To(V6_17), "EINVAL"), (Any, "EFAULT")],
    ),
    check("get_array.async_error", "9.4", |e| sized(e, 2, 24, 1), ASYNC),
    check(
        "get_array.async_error-is-one-element",
        "9.4",
        async_count,
        &[(To(V6_17), "EINVAL"), (To(V6_18), "EOPNOTSUPP"), (Any, "1")],
    ),
    check(
        "get_array.async_error-stays",
        "8.7",
        async_stays,
        &[(To(V6_17), "EINVAL"), (To(V6_18), "EOPNOTSUPP"), (Any, "yes")],
    ),
    check(
        "get_array.async_error-decodes",
        "8.7, 9.4",
        async_decodes,
        &[
            (To(V6_17), "EINVAL"),
            (To(V6_18), "EOPNOTSUPP"),
            (Any, "none | an error"),
        ],
    ),
];

const REFUSED: Rules = &[(Any, "EINVAL")];
const ASYNC: Rules = &[(To(V6_17), "EINVAL"), (To(V6_18), "EOPNOTSUPP"), (Any, "ok")];

const ALL: u32 = DRM_AMDXDNA_HW_CONTEXT_ALL;

pub(super) fn sized(env: &Env, param: u32, size: u32, count: u32) -> Outcome {
    said(Client::open(env)?.get_array(param, &area(1 << 20)?, size, count))
}

fn pad(env: &Env) -> Outcome {
    let buffer = area(1 << 20)?;
    let mut arg = amdxdna_drm_get_array {
        param: ALL,
        element_size: 144,
        num_element: 4,
        pad: 1,
        buffer: buffer.addr(),
    };
    said(Client::open(env)?.call(request::DRM_IOCTL_AMDXDNA_GET_ARRAY, &mut arg))
}

/// A client with one context of this QoS.
pub(super) fn one(env: &Env, qos: [u32; 8]) -> Result<(Client, Heap, u32), Fail> {
    let client = Client::open(env)?;
    let heap = client.heap()?;
    let context = client.context_with(Env::CORE_ROWS, 0, qos)?;
    Ok((client, heap, context.handle))
}

pub(super) const NO_QOS: [u32; 8] = [0, 0, 0, 0, 0, 0, 0xff, 0];

fn nowhere(env: &Env) -> Outcome {
    let (client, _heap, _) = one(env, NO_QOS)?;
    let mut arg = amdxdna_drm_get_array {
        param: ALL,
        element_size: 144,
        num_element: 4,
        pad: 0,
        buffer: NOWHERE,
    };
    said(client.call(request::DRM_IOCTL_AMDXDNA_GET_ARRAY, &mut arg))
}

fn all(env: &Env, size: u32, count: u32) -> Outcome {
    let (client, _heap, _) = one(env, NO_QOS)?;
    client.sole(1)?;
    match client.get_array(ALL, &area(1 << 20)?, size, count) {
        Ok((size, count)) => Ok(format!("{size} x {count}")),
        Err(fail) => said::<()>(Err(fail)),
    }
}

fn truncates(env: &Env) -> Outcome {
    let (client, _heap, _) = one(env, NO_QOS)?;
    client.context(1)?;
    match client.get_array(ALL, &area(4096)?, 144, 1) {
        Ok((_, count)) => Ok(count.to_string()),
        Err(fail) => said::<()>(Err(fail)),
    }
}

fn packed(env: &Env) -> Outcome {
    let (client, _heap, first) = one(env, NO_QOS)?;
    let second = client.context(1)?.handle;
    let buffer = area(1 << 20)?;
    match client.get_array(ALL, &buffer, 1024, 64) {
        Ok((size, count)) => {
            let pid = u64::from(std::process::id());
            let ours = (0..count as usize)
                .map(|n| n * size as usize)
                .filter(|at| buffer.long(at + 16) == pid);
            let mut handles: Vec<_> = ours.map(|at| buffer.word(at)).collect();
            handles.sort_unstable();
            yes(handles == [first, second])
        }
        Err(fail) => said::<()>(Err(fail)),
    }
}

fn none(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    client.sole(0)?;
    match client.get_array(ALL, &area(4096)?, 144, 8) {
        Ok((_, count)) => Ok(count.to_string()),
        Err(fail) => said::<()>(Err(fail)),
    }
}

/// Copies the entry of `context` to the front of the buffer.
pub(super) fn find(client: &Client, context: u32, size: u32) -> Result<Result<Area, String>, Fail> {
    let buffer = area(1 << 20)?;
    let (size, count) = match client.get_array(ALL, &buffer, size, 64) {
        Ok(got) => got,
        Err(fail) => return Ok(Err(said::<()>(Err(fail))?)),
    };
    let pid = u64::from(std::process::id());
    let mut entries = (0..count as usize).map(|n| n * size as usize);
    Ok(
        match entries.find(|at| buffer.long(at + 16) == pid && buffer.word(*at) == context) {
            Some(at) => {
                let bytes = buffer.read(at, size as usize);
                buffer.write(0, &[0; 4096]);
                buffer.write(0, &bytes);
                Ok(buffer)
            }
            None => Err("not listed".into()),
        },
    )
}

pub(super) fn entry(env: &Env, show: fn(&Area) -> String) -> Outcome {
    let (client, _heap, context) = one(env, NO_QOS)?;
    Ok(find(&client, context, 144)?.map_or_else(|text| text, |entry| show(&entry)))
}

fn async_count(env: &Env) -> Outcome {
    match Client::open(env)?.get_array(DRM_AMDXDNA_HW_LAST_ASYNC_ERR, &area(4096)?, 24, 5) {
        Ok((_, count)) => Ok(count.to_string()),
        Err(fail) => said::<()>(Err(fail)),
    }
}

/// Reading the last error leaves it there.
fn async_stays(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let read = || {
        let buffer = area(4096)?;
        client.get_array(DRM_AMDXDNA_HW_LAST_ASYNC_ERR, &buffer, 24, 1)?;
        Ok([buffer.long(0), buffer.long(8), buffer.long(16)])
    };
    match (read(), read()) {
        (Ok(first), Ok(second)) => yes(first == second),
        (Err(fail), _) | (_, Err(fail)) => said::<()>(Err(fail)),
    }
}

/// Nothing yet, or driver 4, severity 3, class 2.
fn async_decodes(env: &Env) -> Outcome {
    let buffer = area(4096)?;
    if let Err(fail) = Client::open(env)?.get_array(DRM_AMDXDNA_HW_LAST_ASYNC_ERR, &buffer, 24, 1) {
        return said::<()>(Err(fail));
    }
    let code = buffer.long(0);
    Ok(
        match (code, code >> 16 & 0xff, code >> 24 & 0xff, code >> 40 & 0xff) {
            (0, ..) => "none".into(),
            (_, 4, 3, 2) => "an error".into(),
            _ => format!("{code:#x}"),
        },
    )
}
