//! CREATE_BO of the heap and of DEV ranges (driver-abi 5.2, 5.3).

use super::create_bo::create;
use crate::axes::Feature::AddHostBuffer;
use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Outcome, check, said};
use crate::client::{Client, DEV, HEAP, HEAP_CHUNK};
use crate::env::Env;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
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
const HEAP_SMALL: Rules = &[(To(V7_0), "ok"), (Any, "EINVAL")];

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
