//! CREATE_BO: types, sizes, flags, handles (driver-abi 4.2, 5.1, 5.2, 15).

use xdna_uapi::*;

use crate::axes::Kernel::*;
use crate::axes::Mode::Carveout;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Fail, Outcome, check, said, told};
use crate::client::{CMD, Client, SHARE};
use crate::env::Env;
use crate::sys::NOWHERE;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check("create_bo.share-1", "5.2", |e| create(e, SHARE, 1), OK),
    check("create_bo.share-128", "5.1", |e| create(e, SHARE, 128), OK).row("16.2 data BO"),
    check("create_bo.share-64k", "5.1", |e| create(e, SHARE, 0x10000), OK),
    check("create_bo.share-140k", "5.1", |e| create(e, SHARE, 0x23000), OK),
    check("create_bo.share-5g", "16.2 D", huge, OK).row("16.2 huge data BO"),
    check(
        "create_bo.share-0",
        "5.2 R (L8: I)",
        |e| create(e, SHARE, 0),
        &[(To(V6_17), "EINVAL"), (In(Carveout), "EINVAL"), (Any, "ENOSPC")],
    ),
    check("create_bo.cmd-128", "5.2", |e| create(e, CMD, 128), OK).row("16.2 execbuf BO"),
    check("create_bo.cmd-4096", "5.2", |e| create(e, CMD, 4096), OK),
    check("create_bo.cmd-4", "5.2", |e| create(e, CMD, 4), OK),
    check(
        "create_bo.cmd-3",
        "5.2",
        |e| create(e, CMD, 3),
        &[(To(V7_0), "EINVAL"), (Any, "ok")],
    ),
    check(
        "create_bo.cmd-1",
        "5.2",
        |e| create(e, CMD, 1),
        &[(To(V7_0), "EINVAL"), (Any, "ok")],
    ),
    check("create_bo.cmd-0", "5.2 R (L8: I)", |e| create(e, CMD, 0), CMD_0),
    check("create_bo.cmd-32k", "5.2", |e| create(e, CMD, 32 << 10), OK),
    check(
        "create_bo.cmd-32k-and-1",
        "1.4, 5.2",
        |e| create(e, CMD, (32 << 10) + 1),
        CMD_LARGE,
    ),
    check(
        "create_bo.cmd-1m",
        "1.4, 5.2 R",
        |e| create(e, CMD, 1 << 20),
        CMD_LARGE,
    ),
    check("create_bo.type-0", "5.2", |e| create(e, 0, 4096), REFUSED),
    check("create_bo.type-5", "5.2", |e| create(e, 5, 4096), REFUSED).row("16.2 invalid BO kind"),
    check("create_bo.type-256", "5.2", |e| create(e, 256, 4096), REFUSED),
    check(
        "create_bo.type-all-ones",
        "5.2",
        |e| create(e, u32::MAX, 4096),
        REFUSED,
    ),
    check("create_bo.flags-1", "5.2", |e| flags(e, 1), FLAGS),
    check("create_bo.flags-high", "5.2", |e| flags(e, 1 << 63), FLAGS),
    check("create_bo.flags-before-type", "5.2", flags_and_type, FLAGS),
    check(
        "create_bo.vaddr-nowhere",
        "1.4, 5.2",
        |e| at(e, SHARE, NOWHERE),
        REFUSED,
    ),
    check(
        "create_bo.vaddr-nowhere-cmd",
        "1.4, 5.2",
        |e| at(e, CMD, NOWHERE),
        REFUSED,
    ),
    check(
        "create_bo.first-handle",
        "15",
        |e| told(Client::open(e)?.create_bo(SHARE, 4096)),
        &[(Any, "1")],
    ),
    check(
        "create_bo.handles-ascend",
        "15",
        handles_ascend,
        &[(Any, "1 2 3")],
    ),
    check("create_bo.lowest-free-handle", "15", lowest_free, &[(Any, "2")]),
    check(
        "create_bo.failure-takes-no-handle",
        "15",
        no_handle_lost,
        &[(Any, "1")],
    ),
    check("create_bo.handles-per-client", "15", per_client, &[(Any, "1")]),
    check("gem_close.live", "2.3", close, OK),
    check("gem_close.twice", "2.3", close_twice, REFUSED),
    check(
        "gem_close.unknown",
        "2.3",
        |e| said(Client::open(e)?.gem_close(77)),
        REFUSED,
    ),
    check(
        "gem_close.zero",
        "2.3",
        |e| said(Client::open(e)?.gem_close(0)),
        REFUSED,
    ),
    check("gem_close.of-another-client", "2.3", close_other, REFUSED),
];

const OK: Rules = &[(Any, "ok")];
const REFUSED: Rules = &[(Any, "EINVAL")];
const CMD_0: Rules = &[
    (To(V7_0), "EINVAL"),
    (In(Carveout), "EINVAL | ENOSPC"),
    (Any, "ENOSPC"),
];
const CMD_LARGE: Rules = &[(To(V6_19), "EINVAL"), (Any, "ok")];

/// Out of tree the low byte of flags is a memory region.
const FLAGS: Rules = &[(On(Oot), "ok | EINVAL"), (Any, "EINVAL")];

pub(super) fn create(env: &Env, kind: u32, size: u64) -> Outcome {
    said(Client::open(env)?.create_bo(kind, size))
}

fn huge(env: &Env) -> Outcome {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let free = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:")?.trim().strip_suffix(" kB"));
    if free
        .and_then(|kib| kib.parse::<u64>().ok())
        .is_none_or(|kib| kib < 6 << 20)
    {
        return Err(Fail::Needs("6 GiB of free memory"));
    }
    create(env, SHARE, 0x1_4000_0000)
}

fn flags(env: &Env, flags: u64) -> Outcome {
    let arg = amdxdna_drm_create_bo {
        flags,
        type_: SHARE,
        size: 4096,
        ..Default::default()
    };
    said(Client::open(env)?.create_bo_with(arg))
}

fn flags_and_type(env: &Env) -> Outcome {
    let arg = amdxdna_drm_create_bo {
        flags: 1 << 40,
        type_: 77,
        size: 4096,
        ..Default::default()
    };
    said(Client::open(env)?.create_bo_with(arg))
}

fn at(env: &Env, kind: u32, vaddr: u64) -> Outcome {
    let arg = amdxdna_drm_create_bo {
        vaddr,
        type_: kind,
        size: 4096,
        ..Default::default()
    };
    said(Client::open(env)?.create_bo_with(arg))
}

fn handles_ascend(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let (a, b, c) = (
        client.create_bo(SHARE, 4096)?,
        client.create_bo(CMD, 4096)?,
        client.create_bo(SHARE, 4096)?,
    );
    Ok(format!("{a} {b} {c}"))
}

fn lowest_free(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let _first = client.create_bo(SHARE, 4096)?;
    let second = client.create_bo(SHARE, 4096)?;
    let _third = client.create_bo(SHARE, 4096)?;
    client.gem_close(second)?;
    told(client.create_bo(SHARE, 4096))
}

fn no_handle_lost(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    if client.create_bo(0, 4096).is_ok() {
        return Ok("type 0 accepted".into());
    }
    told(client.create_bo(SHARE, 4096))
}

fn per_client(env: &Env) -> Outcome {
    let first = Client::open(env)?;
    first.create_bo(SHARE, 4096)?;
    told(Client::open(env)?.create_bo(SHARE, 4096))
}

fn close(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let handle = client.create_bo(SHARE, 4096)?;
    said(client.gem_close(handle))
}

fn close_twice(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let handle = client.create_bo(SHARE, 4096)?;
    client.gem_close(handle)?;
    said(client.gem_close(handle))
}

fn close_other(env: &Env) -> Outcome {
    let (mine, other) = (Client::open(env)?, Client::open(env)?);
    let handle = mine.create_bo(SHARE, 4096)?;
    said(other.gem_close(handle))
}
