//! CREATE_BO: types, sizes, flags, handles (driver-abi 4.2, 5.1, 5.2, 15).

use xdna_uapi::*;

use crate::axes::Feature::AddHostBuffer;
use crate::axes::Kernel::*;
use crate::axes::Mode::Carveout;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Fail, Outcome, check, said, told};
use crate::client::{CMD, Client, DEV, HEAP, HEAP_CHUNK, SHARE};
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
    check("create_bo.heap-64m", "5.2", |e| create(e, HEAP, HEAP_CHUNK), OK),
    check("create_bo.heap-1", "5.2", |e| create(e, HEAP, 1), HEAP_SMALL),
    check(
        "create_bo.heap-4096",
        "5.2",
        |e| create(e, HEAP, 4096),
        HEAP_SMALL,
    ),
    check(
        "create_bo.heap-32m",
        "5.2",
        |e| create(e, HEAP, HEAP_CHUNK / 2),
        HEAP_SMALL,
    ),
    check(
        "create_bo.heap-64m-and-4k",
        "5.2",
        |e| create(e, HEAP, HEAP_CHUNK + 4096),
        REFUSED,
    ),
    check(
        "create_bo.heap-96m",
        "5.2",
        |e| create(e, HEAP, HEAP_CHUNK / 2 * 3),
        REFUSED,
    ),
    check(
        "create_bo.heap-0",
        "5.2 R (L0: 1..64 MiB)",
        |e| create(e, HEAP, 0),
        &[(To(V6_17), "EINVAL"), (To(V7_0), "ENOSPC"), (Any, "EINVAL")],
    ),
    check(
        "create_bo.heap-576m",
        "5.2 R",
        |e| create(e, HEAP, 9 * HEAP_CHUNK),
        // What 7.1 does above its maximum is not documented; out of tree only "multiple of 64 MiB" is.
        &[
            (To(V7_0), "EINVAL"),
            (On(V7_1), "ok | EINVAL | ENOSPC | ENOMEM"),
            (On(Oot), "ok | EINVAL | ENOSPC | ENOMEM"),
            (Any, "ENOSPC"),
        ],
    ),
    check(
        "create_bo.second-heap",
        "5.2",
        second_heap,
        &[
            (On(Oot), "EBUSY"),
            (To(V7_1), "EBUSY"),
            (Not(&Xdna2), "ENOSPC"),
            (Any, "ok"),
        ],
    ),
    check(
        "create_bo.ninth-heap",
        "5.2 R",
        ninth_heap,
        &[
            (On(Oot), "EBUSY after 1"),
            (To(V7_1), "EBUSY after 1"),
            (Not(&Xdna2), "ENOSPC after 1"),
            (Any, "ENOSPC after 8"),
        ],
    ),
    check(
        "create_bo.dev-without-heap",
        "5.2",
        |e| create(e, DEV, 4096),
        NO_HEAP,
    ),
    check("create_bo.dev-heap-not-mapped", "5.2", dev_unmapped, NO_HEAP),
    check("create_bo.dev-0", "5.2", |e| in_heap(e, 0), REFUSED),
    check("create_bo.dev-1", "5.2", |e| in_heap(e, 1), OK),
    check("create_bo.dev-128", "5.2", |e| in_heap(e, 128), OK),
    check("create_bo.dev-32m", "5.2", |e| in_heap(e, HEAP_CHUNK / 2), OK),
    check("create_bo.dev-64m", "5.2", |e| in_heap(e, HEAP_CHUNK), OK),
    check(
        "create_bo.dev-64m-and-4k",
        "5.2",
        |e| in_heap(e, HEAP_CHUNK + 4096),
        DEV_OVER_CHUNK,
    ),
    check(
        "create_bo.dev-128m-in-64m",
        "5.2",
        |e| in_heap(e, 2 * HEAP_CHUNK),
        DEV_OVER_CHUNK,
    ),
    check(
        "create_bo.dev-576m",
        "5.2",
        |e| in_heap(e, 9 * HEAP_CHUNK),
        REFUSED,
    )
    .row("16.2 DEV 576 MiB"),
    check(
        "create_bo.dev-in-full-heap",
        "5.2, 5.3",
        dev_in_full_heap,
        &[
            (On(Oot), "ENOSPC"),
            (To(V7_1), "ENOSPC"),
            (Not(&Xdna2), "ENOSPC"),
            (Any, "EAGAIN"),
        ],
    ),
    check("create_bo.dev-after-free", "5.2", dev_after_free, OK),
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
    check(
        "gem_close.heap-does-not-free-it",
        "5.3",
        close_heap,
        &[
            (On(Oot), "EBUSY"),
            (To(V7_1), "EBUSY"),
            (Not(&Xdna2), "ENOSPC"),
            (Any, "ok"),
        ],
    ),
    check("gem_close.heap-keeps-dev-working", "5.3", close_heap_dev, OK),
    check("heap.grow", "1.3, 5.3", grow, GROW),
];

const OK: Rules = &[(Any, "ok")];
const REFUSED: Rules = &[(Any, "EINVAL")];
const CMD_0: Rules = &[
    (To(V7_0), "EINVAL"),
    (In(Carveout), "EINVAL | ENOSPC"),
    (Any, "ENOSPC"),
];
const CMD_LARGE: Rules = &[(To(V6_19), "EINVAL"), (Any, "ok")];
const HEAP_SMALL: Rules = &[(To(V7_0), "ok"), (Any, "EINVAL")];
/// Out of tree the low byte of flags is a memory region.
const FLAGS: Rules = &[(On(Oot), "ok | EINVAL"), (Any, "EINVAL")];
/// Section 17 calls the out-of-tree driver "L10 base, minus expandable heap" and leaves this errno open.
const NO_HEAP: Rules = &[
    (On(Oot), "EINVAL | EAGAIN"),
    (To(V7_1), "EINVAL"),
    (Any, "EAGAIN"),
];
const DEV_OVER_CHUNK: Rules = &[
    (On(Oot), "EINVAL"),
    (To(V7_1), "EINVAL"),
    (Not(&Xdna2), "EINVAL"),
    (Any, "EAGAIN"),
];
const GROW: Rules = &[
    (On(Oot), "second heap EBUSY"),
    (To(V7_1), "second heap EBUSY"),
    (Not(&Xdna2), "second heap ENOSPC"),
    (Has(AddHostBuffer), "address 0x8000000, DEV ok"),
    (Any, "address 0x8000000, DEV EOPNOTSUPP"),
];

fn create(env: &Env, kind: u32, size: u64) -> Outcome {
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

fn second_heap(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    client.create_bo(HEAP, HEAP_CHUNK)?;
    said(client.create_bo(HEAP, HEAP_CHUNK))
}

fn ninth_heap(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    for n in 0..16 {
        let chunk = said(client.create_bo(HEAP, HEAP_CHUNK))?;
        if chunk != "ok" {
            return Ok(format!("{chunk} after {n}"));
        }
    }
    Ok("no limit".into())
}

fn dev_unmapped(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    client.create_bo(HEAP, HEAP_CHUNK)?;
    said(client.create_bo(DEV, 4096))
}

fn in_heap(env: &Env, size: u64) -> Outcome {
    let client = Client::open(env)?;
    let _heap = client.heap()?;
    said(client.create_bo(DEV, size))
}

fn dev_in_full_heap(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let _heap = client.heap()?;
    client.create_bo(DEV, HEAP_CHUNK)?;
    said(client.create_bo(DEV, 4096))
}

fn dev_after_free(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let _heap = client.heap()?;
    let whole = client.create_bo(DEV, HEAP_CHUNK)?;
    client.gem_close(whole)?;
    said(client.create_bo(DEV, HEAP_CHUNK))
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

fn close_heap(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let heap = client.create_bo(HEAP, HEAP_CHUNK)?;
    client.gem_close(heap)?;
    said(client.create_bo(HEAP, HEAP_CHUNK))
}

fn close_heap_dev(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let heap = client.heap()?;
    client.gem_close(heap.handle)?;
    said(client.create_bo(DEV, 4096))
}

/// A second chunk mapped behind the first, and a DEV buffer object that needs both, with a context alive.
fn grow(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let space = crate::client::step(
        "mmap",
        crate::sys::Area::reserve(2 * HEAP_CHUNK as usize, HEAP_CHUNK as usize),
    )?;
    let first = client.create_bo(HEAP, HEAP_CHUNK)?;
    client.map_chunk(first, &space, 0)?;
    let _context = client.context(1)?;
    let second = match client.create_bo(HEAP, HEAP_CHUNK) {
        Ok(second) => second,
        Err(fail) => return Ok(format!("second heap {}", said::<()>(Err(fail))?)),
    };
    client.map_chunk(second, &space, HEAP_CHUNK as usize)?;
    let address = client.bo_info(second)?.xdna_addr;
    Ok(format!(
        "address {address:#x}, DEV {}",
        said(client.create_bo(DEV, HEAP_CHUNK))?
    ))
}
