//! GET_BO_INFO and mmap (driver-abi 1.4, 4.2, 5.1, 5.4).

use std::thread::sleep;
use std::time::Duration;

use xdna_uapi::*;

use crate::axes::Kernel::*;
use crate::axes::Mode::{Carveout, Iova, Sva};
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Outcome, check, said, yes};
use crate::client::{CMD, Client, SHARE};
use crate::env::Env;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check(
        "bo_info.unknown",
        "4.2",
        |e| said(Client::open(e)?.bo_info(42)),
        &[(Any, "ENOENT")],
    ),
    check(
        "bo_info.zero",
        "4.2",
        |e| said(Client::open(e)?.bo_info(0)),
        &[(Any, "ENOENT")],
    ),
    check("bo_info.closed", "4.2", closed, &[(Any, "ENOENT")]),
    check("bo_info.of-another-client", "4.2", other, &[(Any, "ENOENT")]),
    check(
        "bo_info.ext",
        "4.2",
        |e| with(e, |arg| arg.ext = 1),
        &[(Any, "EINVAL")],
    ),
    check(
        "bo_info.ext_flags",
        "4.2",
        |e| with(e, |arg| arg.ext_flags = 1),
        &[(Any, "EINVAL")],
    ),
    check(
        "bo_info.pad",
        "1.4, 4.2",
        |e| with(e, |arg| arg.pad = 1),
        &[(To(V6_14), "ok"), (Any, "EINVAL")],
    ),
    check("bo_info.ext-before-handle", "4.2", ext_first, &[(Any, "EINVAL")]),
    check("bo_info.map_offset-above-4g", "5.4", above_4g, &[(Any, "yes")]),
    check(
        "bo_info.map_offsets-differ",
        "5.4",
        offsets_differ,
        &[(Any, "yes")],
    ),
    check(
        "bo_info.share-vaddr-unmapped",
        "4.2, 4.3",
        |e| unmapped(e, SHARE, |info| info.vaddr),
        INVALID,
    ),
    check(
        "bo_info.share-vaddr-mapped",
        "4.2, 5.4",
        |e| mapped(e, SHARE, |info| info.vaddr),
        &[(Any, "the mapping")],
    ),
    check(
        "bo_info.share-xdna_addr-unmapped",
        "1.4, 5.1",
        |e| unmapped(e, SHARE, |info| info.xdna_addr),
        XDNA_UNMAPPED,
    ),
    check(
        "bo_info.share-xdna_addr-mapped",
        "1.4, 5.1",
        |e| mapped(e, SHARE, |info| info.xdna_addr),
        XDNA_MAPPED,
    ),
    check(
        "bo_info.cmd-vaddr-mapped",
        "4.2, 5.4",
        |e| mapped(e, CMD, |info| info.vaddr),
        &[(Any, "the mapping")],
    ),
    check("bo_info.vaddr-after-munmap", "1.4 R", after_munmap, AFTER_MUNMAP),
    check("bo_info.vaddr-of-two-mappings", "1.4, 5.4", two_mappings, TWO),
];

const INVALID: Rules = &[(Any, "all ones")];
const XDNA_UNMAPPED: Rules = &[(In(Sva), "all ones"), (Any, "an address")];
const XDNA_MAPPED: Rules = &[
    (To(V7_0), "all ones"),
    (In(Sva), "the mapping"),
    (In(Iova), "an address"),
    (In(Carveout), "an address"),
];

/// What carveout mode reads is not documented.
const AFTER_MUNMAP: Rules = &[
    (To(V7_0), "kept"),
    (In(Carveout), "kept | all ones"),
    (On(Oot), "kept | all ones"),
    (All(&[In(Iova), From(V7_2)]), "kept"),
    (Any, "all ones"),
];
const TWO: Rules = &[
    (To(V6_14), "EEXIST"),
    (In(Carveout), "first | latest"),
    (On(Oot), "first | latest"),
    (All(&[In(Iova), From(V7_2)]), "latest"),
    (Any, "first"),
];

fn closed(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let handle = client.create_bo(SHARE, 4096)?;
    client.gem_close(handle)?;
    said(client.bo_info(handle))
}

fn other(env: &Env) -> Outcome {
    let (mine, other) = (Client::open(env)?, Client::open(env)?);
    let handle = mine.create_bo(SHARE, 4096)?;
    said(other.bo_info(handle))
}

fn with(env: &Env, change: fn(&mut amdxdna_drm_get_bo_info)) -> Outcome {
    let client = Client::open(env)?;
    let handle = client.create_bo(SHARE, 4096)?;
    let mut arg = amdxdna_drm_get_bo_info {
        handle,
        ..Default::default()
    };
    change(&mut arg);
    said(client.call(request::DRM_IOCTL_AMDXDNA_GET_BO_INFO, &mut arg))
}

fn ext_first(env: &Env) -> Outcome {
    let mut arg = amdxdna_drm_get_bo_info {
        ext: 1,
        handle: 42,
        ..Default::default()
    };
    said(Client::open(env)?.call(request::DRM_IOCTL_AMDXDNA_GET_BO_INFO, &mut arg))
}

fn above_4g(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    yes(client.bo_info(client.create_bo(SHARE, 4096)?)?.map_offset >= 1 << 32)
}

fn offsets_differ(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let first = client.bo_info(client.create_bo(SHARE, 1 << 20)?)?.map_offset;
    let second = client.bo_info(client.create_bo(SHARE, 1 << 20)?)?.map_offset;
    yes(first.abs_diff(second) >= 1 << 20)
}

fn named(value: u64, mapping: u64) -> Outcome {
    Ok(match value {
        u64::MAX => "all ones",
        0 => "zero",
        addr if addr == mapping => "the mapping",
        _ => "an address",
    }
    .into())
}

fn unmapped(env: &Env, kind: u32, field: fn(&amdxdna_drm_get_bo_info) -> u64) -> Outcome {
    let client = Client::open(env)?;
    let info = client.bo_info(client.create_bo(kind, 8192)?)?;
    named(field(&info), 1)
}

fn mapped(env: &Env, kind: u32, field: fn(&amdxdna_drm_get_bo_info) -> u64) -> Outcome {
    let client = Client::open(env)?;
    let bo = client.mapped(kind, 8192)?;
    named(field(&client.bo_info(bo.handle)?), bo.area.addr())
}

fn after_munmap(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let bo = client.mapped(SHARE, 8192)?;
    let addr = bo.area.addr();
    drop(bo.area);
    // From 7.1 a work queue takes the address back.
    sleep(Duration::from_millis(200));
    Ok(match client.bo_info(bo.handle)?.vaddr {
        u64::MAX => "all ones".into(),
        kept if kept == addr => "kept".into(),
        other => format!("{other:#x}"),
    })
}

fn two_mappings(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let bo = client.mapped(SHARE, 8192)?;
    let second = match client.map(bo.handle, 8192) {
        Ok(second) => second,
        Err(fail) => return said::<()>(Err(fail)),
    };
    Ok(match client.bo_info(bo.handle)?.vaddr {
        addr if addr == bo.area.addr() => "first".into(),
        addr if addr == second.addr() => "latest".into(),
        other => format!("{other:#x}"),
    })
}
