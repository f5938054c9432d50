//! CREATE_HWCTX and DESTROY_HWCTX: arguments, order of checks, handles (driver-abi 4.2, 6.1, 6.6).

use xdna_uapi::*;

use crate::axes::Feature::AddHostBuffer;
use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Outcome, check, said};
use crate::client::{Client, DEV, HEAP, HEAP_CHUNK, qos, words};
use crate::env::Env;
use crate::sys::NOWHERE;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check("hwctx.create", "6.1", |e| ready(e, |_| {}), OK),
    check("hwctx.create-destroy-twice", "16.3 D", twice, OK).row("16.3 create/destroy twice"),
    check("hwctx.ext", "6.1", |e| ready(e, |arg| arg.ext = 1), REFUSED),
    check(
        "hwctx.ext_flags",
        "6.1",
        |e| ready(e, |arg| arg.ext_flags = 1),
        REFUSED,
    ),
    check(
        "hwctx.qos-null",
        "4.2, 6.1",
        |e| ready(e, |arg| arg.qos_p = 0),
        FAULT,
    ),
    check(
        "hwctx.qos-nowhere",
        "4.2, 6.1",
        |e| ready(e, |arg| arg.qos_p = NOWHERE),
        FAULT,
    ),
    check(
        "hwctx.umq_bo-not-looked-at",
        "4.2",
        |e| ready(e, |arg| arg.umq_bo = 999),
        OK,
    ),
    check(
        "hwctx.log_buf_bo-not-looked-at",
        "4.2",
        |e| ready(e, |arg| arg.log_buf_bo = 999),
        OK,
    ),
    check(
        "hwctx.mem_size-not-used",
        "4.2",
        |e| ready(e, |arg| arg.mem_size = u32::MAX),
        OK,
    ),
    check(
        "hwctx.max_opc-without-qos",
        "4.2, 6.4",
        |e| ready(e, |arg| arg.max_opc = 2048),
        OK,
    ),
    check("hwctx.no-heap", "6.1", no_heap, &[(Any, "ENOENT")]),
    check("hwctx.heap-not-mapped", "6.1", |e| unmapped(e, 4), NOT_MAPPED),
    check("hwctx.heap-full", "6.1", heap_full, FULL),
    check("hwctx.heap-without-four-slots", "6.1", three_slots, FULL),
    check(
        "hwctx.tiles-0",
        "6.1",
        |e| ready(e, |arg| arg.num_tiles = 0),
        REFUSED,
    ),
    check(
        "hwctx.tiles-3",
        "6.1",
        |e| ready(e, |arg| arg.num_tiles = 3),
        REFUSED,
    ),
    check("hwctx.tiles-4", "6.1", |e| ready(e, |arg| arg.num_tiles = 4), OK),
    check(
        "hwctx.tiles-7-is-one-column",
        "6.1",
        |e| ready(e, |arg| arg.num_tiles = 7),
        OK,
    ),
    check("hwctx.tiles-all-columns", "6.1, 6.3", all_columns, OK),
    check("hwctx.tiles-one-column-too-many", "6.1", too_many_columns, WIDE),
    check(
        "hwctx.tiles-all-ones",
        "6.1",
        |e| ready(e, |arg| arg.num_tiles = u32::MAX),
        WIDE,
    ),
    check("hwctx.order.ext-before-qos", "6.1", |e| bare(e, 1, 0, 0), REFUSED),
    check("hwctx.order.qos-before-heap", "6.1", |e| bare(e, 0, 0, 0), FAULT),
    check(
        "hwctx.order.heap-before-tiles",
        "6.1",
        heap_before_tiles,
        &[(Any, "ENOENT")],
    ),
    check(
        "hwctx.order.mapping-before-tiles",
        "6.1",
        |e| unmapped(e, 0),
        NOT_MAPPED,
    ),
    check(
        "hwctx.order.tiles-before-qos-values",
        "6.1",
        tiles_before_qos,
        REFUSED,
    ),
    check(
        "hwctx.doorbell",
        "1.4, 4.2 R",
        doorbell,
        &[
            (On(Oot), "0x0 | 0xffffffff"),
            (To(V7_1), "0x0"),
            (Any, "0xffffffff"),
        ],
    ),
];

const OK: Rules = &[(Any, "ok")];
const REFUSED: Rules = &[(Any, "EINVAL")];
const FAULT: Rules = &[(Any, "EFAULT")];
const NOT_MAPPED: Rules = &[
    (On(Oot), "EINVAL | EAGAIN"),
    (To(V7_1), "EINVAL"),
    (Any, "EAGAIN"),
];

/// From 7.2 XDNA2 would grow the heap instead.
const FULL: Rules = &[
    (On(Oot), "ENOSPC"),
    (To(V7_1), "ENOSPC"),
    (Not(&Xdna2), "ENOSPC"),
    (Has(AddHostBuffer), "EAGAIN | ENOSPC"),
    (Any, "EAGAIN | ENOSPC"),
];
const WIDE: Rules = &[(On(Oot), "ENOSPC | EINVAL"), (Any, "EINVAL")];

type Arg = amdxdna_drm_create_hwctx;

/// CREATE_HWCTX for one column in a client with a heap, after `change`.
fn ready(env: &Env, change: fn(&mut Arg)) -> Outcome {
    let client = Client::open(env)?;
    let _heap = client.heap()?;
    let qos = words(&qos(0, 0, 0, 0))?;
    let mut arg = Arg {
        qos_p: qos.addr(),
        num_tiles: Env::CORE_ROWS,
        ..Default::default()
    };
    change(&mut arg);
    said(client.create_hwctx(arg))
}

fn twice(env: &Env) -> Outcome {
    for _ in 0..2 {
        let client = Client::open(env)?;
        let _heap = client.heap()?;
        let context = client.context(1)?;
        client.destroy_hwctx(context.handle)?;
    }
    Ok("ok".into())
}

fn bare(env: &Env, ext: u64, qos_p: u64, num_tiles: u32) -> Outcome {
    said(Client::open(env)?.create_hwctx(Arg {
        ext,
        qos_p,
        num_tiles,
        ..Default::default()
    }))
}

fn no_heap(env: &Env) -> Outcome {
    said(Client::open(env)?.context(1))
}

fn heap_before_tiles(env: &Env) -> Outcome {
    said(Client::open(env)?.context(0))
}

fn unmapped(env: &Env, tiles: u32) -> Outcome {
    let client = Client::open(env)?;
    client.create_bo(HEAP, HEAP_CHUNK)?;
    said(client.context_with(tiles, 0, qos(0, 0, 0, 0)))
}

fn tiles_before_qos(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let _heap = client.heap()?;
    said(client.context_with(0, 0, qos(u32::MAX, u32::MAX, 0, 0)))
}

fn heap_full(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let _heap = client.heap()?;
    client.create_bo(DEV, HEAP_CHUNK)?;
    said(client.context(1))
}

fn three_slots(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let _heap = client.heap()?;
    client.create_bo(DEV, HEAP_CHUNK - 3 * DEV_BO_ALIGN)?;
    said(client.context(1))
}

fn all_columns(env: &Env) -> Outcome {
    env.xdna2()?;
    let client = Client::open(env)?;
    let _heap = client.heap()?;
    said(client.context(env.columns()))
}

fn too_many_columns(env: &Env) -> Outcome {
    env.xdna2()?;
    let client = Client::open(env)?;
    let _heap = client.heap()?;
    said(client.context(env.columns() + 1))
}

fn doorbell(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let _heap = client.heap()?;
    Ok(format!("{:#x}", client.context(1)?.doorbell))
}
