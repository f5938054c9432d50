//! GET_ARRAY (driver-abi 1.3, 9.4, 9.7).

use xdna_uapi::*;

use crate::axes::Feature::{AppHealth, Coredump, FwLog, RwAccess};
use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Fail, Outcome, check, said, yes};
use crate::client::{CMD, Client, DEV, HEAP_CHUNK, Heap, SHARE, area};
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
    check(
        "get_array.entry-state",
        "9.4",
        |e| entry(e, |a| a.word(88).to_string()),
        &[(To(V6_17), "EINVAL"), (To(V7_3), "1"), (Any, "0 | 1")],
    ),
    check(
        "get_array.entry-qos-echoed",
        "9.4",
        qos_echoed,
        &[(To(V6_17), "EINVAL"), (Any, "0 30 5 33 7")],
    ),
    check(
        "get_array.entry-heap_usage",
        "9.4",
        heap_usage,
        &[(To(V6_17), "EINVAL"), (Any, "grows by 0x4000")],
    )
    .row("16.6 memory usage"),
    check(
        "get_array.entry-unused-counters",
        "9.4",
        |e| entry(e, unused),
        &[
            (To(V6_17), "EINVAL"),
            (To(V7_3), "0 0 0"),
            (Any, "0 0 0 | others"),
        ],
    ),
    check(
        "get_array.entry-health-without-feature",
        "9.4",
        health,
        &[(To(V6_17), "EINVAL"), (Any, "0")],
    ),
    check(
        "get_array.entry-process-name",
        "9.4",
        name,
        &[(To(V6_17), "EINVAL"), (To(V7_3), "no name"), (Any, "a name")],
    ),
    check("get_array.async_error", "9.4", |e| sized(e, 2, 24, 1), ASYNC),
    check(
        "get_array.async_error-is-one-element",
        "9.4",
        async_count,
        &[(To(V6_17), "EINVAL"), (To(V6_18), "EOPNOTSUPP"), (Any, "1")],
    ),
    check(
        "get_array.async_error-decodes",
        "9.4",
        async_decodes,
        &[
            (To(V6_17), "EINVAL"),
            (To(V6_18), "EOPNOTSUPP"),
            (Any, "none | an error"),
        ],
    ),
    check("get_array.param-3", "9.4, 9.7", |e| sized(e, 3, 4096, 1), FW_LOG),
    check(
        "get_array.param-4",
        "9.4, 9.7",
        |e| sized(e, 4, 4096, 1),
        FW_TRACE,
    ),
    check(
        "get_array.param-5",
        "9.4, 9.7",
        |e| sized(e, 5, 4096, 1),
        COREDUMP,
    )
    .row("16.6 coredump, tile memory and register access"),
    check("get_array.param-7", "9.4, 9.7", |e| sized(e, 7, 16, 1), CONFIG),
    check(
        "get_array.param-7-short",
        "9.7",
        |e| sized(e, 7, 8, 1),
        CONFIG_SHORT,
    ),
    check("get_array.param-8", "9.4, 9.7", |e| sized(e, 8, 16, 1), CONFIG),
    check(
        "get_array.param-8-short",
        "9.7",
        |e| sized(e, 8, 8, 1),
        CONFIG_SHORT,
    ),
    check("get_array.param-9", "9.4, 9.7", |e| sized(e, 9, 64, 1), TILE),
    check("get_array.param-12", "9.4", |e| sized(e, 12, 64, 1), UNKNOWN),
    check("get_array.param-99", "9.4", |e| sized(e, 99, 64, 1), UNKNOWN),
    check("get_array.by-id", "9.4", |e| by_id(e, true), BY_ID),
    check(
        "get_array.by-id-unknown",
        "9.4",
        |e| by_id(e, false),
        BY_ID_UNKNOWN,
    ),
    check("get_array.by-id-zero", "9.4", |e| sized(e, 1, 160, 1), BY_ID_ZERO),
    check(
        "bo_usage.fresh",
        "9.4",
        |e| usage(e, fresh),
        &[
            (To(V6_17), "EINVAL"),
            (To(V7_0), "EOPNOTSUPP"),
            (Any, "0x0 0x0 0x0"),
        ],
    ),
    check(
        "bo_usage.of-the-vendors-test",
        "9.4, 16.2 D",
        |e| usage(e, vendors),
        USAGE,
    )
    .row("16.2 usage accounting"),
    check(
        "bo_usage.share-is-external",
        "9.4",
        |e| usage(e, share_only),
        &[
            (To(V6_17), "EINVAL"),
            (To(V7_0), "EOPNOTSUPP"),
            (Any, "0x14000 0x0 0x0"),
        ],
    ),
    check(
        "bo_usage.given-back",
        "9.4",
        |e| usage(e, given_back),
        &[
            (To(V6_17), "EINVAL"),
            (To(V7_0), "EOPNOTSUPP"),
            (Any, "0x0 0x0 0x0"),
        ],
    ),
    check(
        "bo_usage.dev-page-rounded",
        "9.4",
        |e| usage(e, dev_rounded),
        &[
            (To(V6_17), "EINVAL"),
            (To(V7_0), "EOPNOTSUPP"),
            (Any, "0x4000000 0x4000000 0x1000"),
        ],
    ),
    check("bo_usage.pid-0", "9.4", |e| pid(e, 0, 1), REFUSED_L8),
    check(
        "bo_usage.pid-unknown",
        "9.4",
        |e| pid(e, 0x7fff_fff0, 1),
        &[
            (To(V6_17), "EINVAL"),
            (To(V7_0), "EOPNOTSUPP"),
            (Any, "ok, zeros"),
        ],
    ),
    check(
        "bo_usage.two-elements",
        "9.4",
        |e| pid(e, std::process::id(), 2),
        REFUSED_L8,
    ),
];

const REFUSED: Rules = &[(Any, "EINVAL")];
const REFUSED_L8: Rules = &[(To(V6_17), "EINVAL"), (To(V7_0), "EOPNOTSUPP"), (Any, "EINVAL")];
const UNKNOWN: Rules = &[
    (To(V6_17), "EINVAL"),
    (On(Oot), "EOPNOTSUPP | EINVAL"),
    (Any, "EOPNOTSUPP"),
];
const ASYNC: Rules = &[(To(V6_17), "EINVAL"), (To(V6_18), "EOPNOTSUPP"), (Any, "ok")];
const USAGE: Rules = &[
    (To(V6_17), "EINVAL"),
    (To(V7_0), "EOPNOTSUPP"),
    (Any, "0x4020000 0x400c000 0x4000"),
];
/// Log on from probe, trace off; payloads need CAP_SYS_ADMIN. Out of tree both depend on module parameters.
const FW_LOG: Rules = &[
    (To(V6_17), "EINVAL"),
    (To(V7_3), "EOPNOTSUPP"),
    (Not(&Has(FwLog)), "EOPNOTSUPP | ESHUTDOWN | EPERM"),
    (Not(&Admin), "EPERM"),
    (On(Oot), "ok | ESHUTDOWN"),
    (Any, "ok"),
];
const FW_TRACE: Rules = &[
    (To(V6_17), "EINVAL"),
    (To(V7_3), "EOPNOTSUPP"),
    (Not(&Has(FwLog)), "EOPNOTSUPP | ESHUTDOWN | EPERM"),
    (Not(&Admin), "EPERM"),
    (On(Oot), "ok | ESHUTDOWN"),
    (Any, "ESHUTDOWN"),
];
/// The request names process 0: with the feature, no such context.
const COREDUMP: Rules = &[
    (To(V6_17), "EINVAL"),
    (To(V7_3), "EOPNOTSUPP"),
    (Not(&Has(Coredump)), "EOPNOTSUPP"),
    (On(Oot), "EINVAL"),
    (Any, "ENOENT | EINVAL"),
];
const CONFIG: Rules = &[
    (To(V6_17), "EINVAL"),
    (To(V7_3), "EOPNOTSUPP"),
    (Not(&Has(FwLog)), "EOPNOTSUPP"),
    (Any, "ok"),
];
const CONFIG_SHORT: Rules = &[
    (To(V6_17), "EINVAL"),
    (To(V7_3), "EOPNOTSUPP"),
    (Not(&Has(FwLog)), "EOPNOTSUPP"),
    (Any, "ENOSPC"),
];
const TILE: Rules = &[
    (To(V6_17), "EINVAL"),
    (To(V7_3), "EOPNOTSUPP"),
    (Not(&Has(RwAccess)), "EOPNOTSUPP"),
    (Any, "ENOENT | EINVAL"),
];
const BY_ID: Rules = &[
    (To(V6_17), "EINVAL"),
    (To(V7_3), "EOPNOTSUPP"),
    (On(Oot), "ok | EOPNOTSUPP"),
    (Any, "ok"),
];
const BY_ID_UNKNOWN: Rules = &[
    (To(V6_17), "EINVAL"),
    (To(V7_3), "EOPNOTSUPP"),
    (On(Oot), "ENOENT | EINVAL | EOPNOTSUPP"),
    (Any, "ENOENT"),
];
const BY_ID_ZERO: Rules = &[
    (To(V6_17), "EINVAL"),
    (To(V7_3), "EOPNOTSUPP"),
    (On(Oot), "EINVAL | EOPNOTSUPP"),
    (Any, "EINVAL"),
];

const ALL: u32 = DRM_AMDXDNA_HW_CONTEXT_ALL;

fn sized(env: &Env, param: u32, size: u32, count: u32) -> Outcome {
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
fn one(env: &Env, qos: [u32; 8]) -> Result<(Client, Heap, u32), Fail> {
    let client = Client::open(env)?;
    let heap = client.heap()?;
    let context = client.context_with(Env::CORE_ROWS, 0, qos)?;
    Ok((client, heap, context.handle))
}

const NO_QOS: [u32; 8] = [0, 0, 0, 0, 0, 0, 0xff, 0];

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

fn sole(client: &Client, contexts: usize) -> Result<(), Fail> {
    if client.contexts()?.len() == contexts {
        Ok(())
    } else {
        Err(Fail::Needs("a device that nobody else uses"))
    }
}

fn all(env: &Env, size: u32, count: u32) -> Outcome {
    let (client, _heap, _) = one(env, NO_QOS)?;
    sole(&client, 1)?;
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
    sole(&client, 0)?;
    match client.get_array(ALL, &area(4096)?, 144, 8) {
        Ok((_, count)) => Ok(count.to_string()),
        Err(fail) => said::<()>(Err(fail)),
    }
}

/// Copies the entry of `context` to the front of the buffer.
fn find(client: &Client, context: u32, size: u32) -> Result<Result<Area, String>, Fail> {
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

fn entry(env: &Env, show: fn(&Area) -> String) -> Outcome {
    let (client, _heap, context) = one(env, NO_QOS)?;
    Ok(find(&client, context, 144)?.map_or_else(|text| text, |entry| show(&entry)))
}

fn unused(entry: &Area) -> String {
    let counters = [entry.long(40), entry.long(48), entry.long(56)];
    if counters == [0; 3] {
        "0 0 0".into()
    } else {
        "others".into()
    }
}

/// The health words of a context that never failed, without APP_HEALTH.
fn health(env: &Env) -> Outcome {
    env.only(Not(&Has(AppHealth)), "firmware or kernel without APP_HEALTH")?;
    entry(env, |entry| {
        (116..140)
            .step_by(4)
            .map(|at| entry.word(at))
            .fold(0, |all, word| all | word)
            .to_string()
    })
}

fn qos_echoed(env: &Env) -> Outcome {
    let (client, _heap, context) = one(env, [0, 30, 5, 33, 7, 0x200, 0xff, 0])?;
    Ok(find(&client, context, 144)?.map_or_else(
        |text| text,
        |entry| {
            [96, 100, 104, 108, 112]
                .map(|at| entry.word(at).to_string())
                .join(" ")
        },
    ))
}

fn heap_usage(env: &Env) -> Outcome {
    let (client, _heap, context) = one(env, NO_QOS)?;
    let before = match find(&client, context, 144)? {
        Ok(entry) => entry.long(72),
        Err(text) => return Ok(text),
    };
    client.create_bo(DEV, 0x4000)?;
    let after = find(&client, context, 144)?;
    Ok(after.map_or_else(
        |text| text,
        |entry| format!("grows by {:#x}", entry.long(72).wrapping_sub(before)),
    ))
}

fn name(env: &Env) -> Outcome {
    let (client, _heap, context) = one(env, NO_QOS)?;
    Ok(find(&client, context, 160)?.map_or_else(
        |text| text,
        |entry| {
            if entry.read(144, 16)[0] == 0 {
                "no name".into()
            } else {
                "a name".into()
            }
        },
    ))
}

fn async_count(env: &Env) -> Outcome {
    match Client::open(env)?.get_array(DRM_AMDXDNA_HW_LAST_ASYNC_ERR, &area(4096)?, 24, 5) {
        Ok((_, count)) => Ok(count.to_string()),
        Err(fail) => said::<()>(Err(fail)),
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

fn by_id(env: &Env, known: bool) -> Outcome {
    let (client, _heap, context) = one(env, NO_QOS)?;
    let buffer = area(4096)?;
    buffer.write_words(0, &[if known { context } else { context + 1000 }]);
    buffer.write_words(16, &[std::process::id(), 0]);
    said(client.get_array(newer::HW_CONTEXT_BY_ID, &buffer, 160, 1))
}

/// Total, internal and heap bytes after `fill`.
fn usage(env: &Env, fill: fn(&Client) -> Result<(), Fail>) -> Outcome {
    let client = Client::open(env)?;
    fill(&client)?;
    let buffer = area(4096)?;
    buffer.write_words(0, &[std::process::id(), 0]);
    match client.get_array(DRM_AMDXDNA_BO_USAGE, &buffer, 32, 1) {
        Ok(_) => Ok(format!(
            "{:#x} {:#x} {:#x}",
            buffer.long(8),
            buffer.long(16),
            buffer.long(24)
        )),
        Err(fail) => said::<()>(Err(fail)),
    }
}

fn fresh(_: &Client) -> Result<(), Fail> {
    Ok(())
}

fn share_only(client: &Client) -> Result<(), Fail> {
    client.create_bo(SHARE, 0x14000).map(drop)
}

fn given_back(client: &Client) -> Result<(), Fail> {
    let share = client.create_bo(SHARE, 0x14000)?;
    let cmd = client.create_bo(CMD, 4096)?;
    client.gem_close(share)?;
    client.gem_close(cmd)
}

fn dev_rounded(client: &Client) -> Result<(), Fail> {
    let _heap = client.heap()?;
    client.create_bo(DEV, 100).map(drop)
}

/// The amounts of the vendor's test; the CMD-class part in commands of 4 KiB, which every level takes.
fn vendors(client: &Client) -> Result<(), Fail> {
    let _heap = client.heap()?;
    client.create_bo(SHARE, 0x14000)?;
    for _ in 0..0xC000 / 4096 {
        client.create_bo(CMD, 4096)?;
    }
    client.create_bo(DEV, 0x4000)?;
    debug_assert_eq!(HEAP_CHUNK, 0x400_0000);
    Ok(())
}

fn pid(env: &Env, pid: u32, count: u32) -> Outcome {
    let buffer = area(4096)?;
    buffer.write_words(0, &[pid, 0, 9, 9, 9, 9, 9, 9]);
    match Client::open(env)?.get_array(DRM_AMDXDNA_BO_USAGE, &buffer, 32, count) {
        Ok(_) => {
            let zeros = (8..32).step_by(8).all(|at| buffer.long(at) == 0);
            Ok(if zeros { "ok, zeros" } else { "ok" }.into())
        }
        Err(fail) => said::<()>(Err(fail)),
    }
}
