//! SYNC_BO (driver-abi 1.4, 5.5).

use xdna_uapi::*;

use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Outcome, check, said};
use crate::client::{CMD, Client, DEV, SHARE};
use crate::env::Env;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check("sync_bo.share-to-device", "5.5", |e| share(e, TO, 0, 0x10000), OK),
    check(
        "sync_bo.share-from-device",
        "1.4, 5.5",
        |e| share(e, FROM, 0, 0x10000),
        FROM_DEVICE,
    ),
    check(
        "sync_bo.share-first-half",
        "16.2 D",
        |e| share(e, TO, 0, 0x8000),
        OK,
    )
    .row("16.2 sync instruction/data BO"),
    check(
        "sync_bo.share-second-half",
        "16.2 D",
        |e| share(e, TO, 0x8000, 0x8000),
        OK,
    ),
    check(
        "sync_bo.unaligned-range",
        "16.2 D",
        |e| share(e, TO, 0x1004, 0x3c),
        OK,
    )
    .row("16.2 sync with offset"),
    check("sync_bo.last-byte", "5.5", |e| share(e, TO, 0xffff, 1), OK),
    check(
        "sync_bo.direction-2-is-to-device",
        "4.2",
        |e| share(e, 2, 0, 0x10000),
        OK,
    ),
    check(
        "sync_bo.direction-all-ones",
        "4.2",
        |e| share(e, u32::MAX, 0, 0x10000),
        OK,
    ),
    check(
        "sync_bo.unknown",
        "5.5",
        |e| said(Client::open(e)?.sync_bo(9, TO, 0, 4096)),
        NO_HANDLE,
    ),
    check(
        "sync_bo.unknown-from-device",
        "5.5",
        |e| said(Client::open(e)?.sync_bo(9, FROM, 0, 4096)),
        NO_HANDLE,
    ),
    check(
        "sync_bo.zero-handle",
        "5.5",
        |e| said(Client::open(e)?.sync_bo(0, TO, 0, 4096)),
        NO_HANDLE,
    ),
    check(
        "sync_bo.cmd",
        "1.4, 5.5",
        |e| kind(e, CMD, TO),
        &[(To(V6_14), "EOPNOTSUPP"), (Any, "ok")],
    ),
    check("sync_bo.dev-to-device", "5.5", |e| dev(e, TO), OK),
    check(
        "sync_bo.dev-from-device",
        "1.4, 5.5",
        |e| dev(e, FROM),
        FROM_DEVICE,
    ),
    check("sync_bo.heap", "5.5", heap, OK),
    check("sync_bo.unmapped-bo", "5.5", unmapped, OK),
    check(
        "sync_bo.offset-at-the-end",
        "1.4, 5.5",
        |e| wild(e, 0x10000, 1),
        CHECKED,
    ),
    check(
        "sync_bo.offset-beyond-the-end",
        "1.4, 5.5",
        |e| wild(e, 1 << 40, 64),
        CHECKED,
    ),
    check(
        "sync_bo.range-overflows",
        "1.4, 5.5",
        |e| wild(e, 64, u64::MAX - 32),
        CHECKED,
    ),
    check(
        "sync_bo.size-clamped",
        "1.4, 5.5",
        |e| clamped(e, 0x8000, 0x10000),
        CLAMPED,
    ),
    check("sync_bo.imported", "5.5", imported, SPECIAL),
    check("sync_bo.user-pointer", "5.5", user_pointer, SPECIAL),
];

const TO: u32 = SYNC_DIRECT_TO_DEVICE;
const FROM: u32 = SYNC_DIRECT_FROM_DEVICE;

const OK: Rules = &[(Any, "ok")];
const NO_HANDLE: Rules = &[(Any, "ENOENT")];
const FROM_DEVICE: Rules = &[(On(Oot), "ok"), (To(V6_18), "ok"), (Any, "EINVAL")];
const CHECKED: Rules = &[(To(V6_16), "ok"), (Any, "EINVAL")];
const CLAMPED: Rules = &[(On(Oot), "EINVAL"), (Any, "ok")];
/// To 7.1 such a buffer object is flushed like any other (I); user pointers exist from 6.18 on.
const SPECIAL: Rules = &[
    (On(Oot), "ok | EOPNOTSUPP"),
    (To(V7_1), "ok"),
    (Any, "EOPNOTSUPP"),
];

fn share(env: &Env, direction: u32, offset: u64, size: u64) -> Outcome {
    let client = Client::open(env)?;
    let bo = client.mapped(SHARE, 0x10000)?;
    said(client.sync_bo(bo.handle, direction, offset, size))
}

fn kind(env: &Env, kind: u32, direction: u32) -> Outcome {
    let client = Client::open(env)?;
    let bo = client.mapped(kind, 4096)?;
    said(client.sync_bo(bo.handle, direction, 0, 4096))
}

fn dev(env: &Env, direction: u32) -> Outcome {
    let client = Client::open(env)?;
    let _heap = client.heap()?;
    let dev = client.create_bo(DEV, 4096)?;
    said(client.sync_bo(dev, direction, 0, 4096))
}

fn heap(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let heap = client.heap()?;
    said(client.sync_bo(heap.handle, TO, 0, 4096))
}

fn unmapped(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let handle = client.create_bo(SHARE, 4096)?;
    said(client.sync_bo(handle, TO, 0, 4096))
}

/// A range outside the buffer object. Kernels 6.17 to 7.1 would flush whatever lies there.
fn wild(env: &Env, offset: u64, size: u64) -> Outcome {
    env.only(
        Either(&[To(V6_16), From(V7_2)]),
        "a kernel that checks or ignores ranges",
    )?;
    if env.sure(From(V7_2)) {
        env.may_warn()?;
    }
    share(env, TO, offset, size)
}

fn clamped(env: &Env, offset: u64, size: u64) -> Outcome {
    env.only(
        Either(&[To(V6_16), From(V7_2)]),
        "a kernel that checks or ignores ranges",
    )?;
    share(env, TO, offset, size)
}

fn imported(env: &Env) -> Outcome {
    env.may_warn()?;
    let (mine, other) = (Client::open(env)?, Client::open(env)?);
    let fd = mine.export(mine.create_bo(SHARE, 4096)?, 0)?;
    let handle = other.import(&fd)?;
    said(other.sync_bo(handle, TO, 0, 4096))
}

fn user_pointer(env: &Env) -> Outcome {
    env.only(From(V6_18), "user-pointer buffers")?;
    env.may_warn()?;
    let client = Client::open(env)?;
    let memory = crate::client::area(4096)?;
    let handle = client.pin(SHARE, &[(memory.addr(), 4096)])?;
    said(client.sync_bo(handle, TO, 0, 4096))
}
