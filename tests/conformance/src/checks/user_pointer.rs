//! Buffer objects over the user's own pages (driver-abi 1.4, 5.6).

use std::os::fd::AsRawFd;

use xdna_uapi::*;

use crate::axes::Kernel::*;
use crate::axes::Mode::{Carveout, Sva};
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Fail, Outcome, check, said, yes};
use crate::client::{CMD, Client, DEV, SHARE, area, words};
use crate::env::Env;
use crate::sys::{Area, NOWHERE};

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check("user_pointer.one-page", "5.6", |e| pages(e, &[1]), OK),
    check("user_pointer.sixteen-pages", "5.6", |e| pages(e, &[16]), OK),
    check("user_pointer.two-ranges", "5.6", |e| pages(e, &[1, 2]), OK),
    check(
        "user_pointer.pattern-kept",
        "16.2 D",
        pattern,
        &[(To(V6_17), "EINVAL"), (Any, "yes")],
    )
    .row("16.2 user-pointer BO"),
    check(
        "user_pointer.no-entries-bad-fd",
        "5.6 R",
        |e| no_entries(e, 999),
        BAD_FD,
    ),
    check(
        "user_pointer.no-entries-fd-minus-1",
        "5.6 R",
        |e| no_entries(e, -1),
        BAD_FD,
    ),
    check(
        "user_pointer.import-by-table",
        "4.2",
        import_by_table,
        &[(To(V6_17), "EINVAL"), (Any, "ok")],
    ),
    check(
        "user_pointer.type-dev-ignores-table",
        "5.6 R",
        type_dev,
        &[(To(V6_17), "EINVAL"), (Any, "ok")],
    ),
    check(
        "user_pointer.size-ignored",
        "4.2, 5.6",
        size_ignored,
        &[(To(V6_17), "EINVAL"), (Any, "ok")],
    ),
    check(
        "user_pointer.vaddr",
        "5.6 R",
        |e| field(e, |info| info.vaddr),
        &[(To(V6_17), "EINVAL"), (Any, "all ones")],
    ),
    check(
        "user_pointer.xdna_addr",
        "5.6 R",
        |e| field(e, |info| info.xdna_addr),
        XDNA_ADDR,
    ),
    check(
        "user_pointer.mmap",
        "5.4",
        mmap,
        &[
            (To(V6_17), "EINVAL"),
            (On(Oot), "ok | EINVAL"),
            (To(V7_0), "ok"),
            (Any, "EINVAL"),
        ],
    ),
    check(
        "user_pointer.export",
        "5.6, 5.7",
        export,
        &[
            (To(V6_17), "EINVAL"),
            (To(V7_0), "ok | EOPNOTSUPP"),
            (Any, "EOPNOTSUPP"),
        ],
    ),
    check("user_pointer.close-and-pin-again", "5.6", again, OK),
];

const OK: Rules = &[(To(V6_17), "EINVAL"), (Any, "ok")];
const BAD_FD: Rules = &[(To(V6_17), "EINVAL"), (Any, "EBADF")];
const XDNA_ADDR: Rules = &[
    (To(V6_17), "EINVAL"),
    (In(Sva), "all ones"),
    (In(Carveout), "an address | all ones"),
    (Any, "an address"),
];

fn pages(env: &Env, ranges: &[u64]) -> Outcome {
    let client = Client::open(env)?;
    let memory = area(0x20000)?;
    let mut at = memory.addr();
    let mut list = Vec::new();
    for pages in ranges {
        list.push((at, pages * 4096));
        at += (pages + 1) * 4096;
    }
    said(client.pin(SHARE, &list))
}

fn pattern(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let memory = area(4096)?;
    memory.write(0, &[0x5a; 128]);
    match client.pin(SHARE, &[(memory.addr(), 4096)]) {
        Ok(_) => yes(memory.read(0, 128) == [0x5a; 128]),
        Err(fail) => said::<()>(Err(fail)),
    }
}

fn table(env: &Env, words_: &[u32]) -> Outcome {
    let client = Client::open(env)?;
    let table = words(words_)?;
    said(client.create_bo_with(amdxdna_drm_create_bo {
        type_: SHARE,
        vaddr: table.addr(),
        ..Default::default()
    }))
}

fn no_entries(env: &Env, fd: i32) -> Outcome {
    table(env, &[fd as u32, 0])
}

fn import_by_table(env: &Env) -> Outcome {
    let (mine, other) = (Client::open(env)?, Client::open(env)?);
    let fd = mine.export(mine.create_bo(SHARE, 4096)?, 0)?;
    let table = words(&[fd.as_raw_fd() as u32, 0])?;
    said(other.create_bo_with(amdxdna_drm_create_bo {
        type_: SHARE,
        vaddr: table.addr(),
        ..Default::default()
    }))
}

fn type_dev(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let _heap = client.heap()?;
    let arg = amdxdna_drm_create_bo {
        type_: DEV,
        vaddr: NOWHERE,
        size: 4096,
        ..Default::default()
    };
    said(client.create_bo_with(arg))
}

fn size_ignored(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let memory = area(4096)?;
    let address = memory.addr();
    let table = words(&[u32::MAX, 1, address as u32, (address >> 32) as u32, 4096, 0])?;
    said(client.create_bo_with(amdxdna_drm_create_bo {
        type_: SHARE,
        vaddr: table.addr(),
        size: u64::MAX,
        ..Default::default()
    }))
}

/// A pinned page, or the errno that kept it from being one.
fn pinned(client: &Client, memory: &Area) -> Result<Result<u32, String>, Fail> {
    match client.pin(SHARE, &[(memory.addr(), memory.len() as u64)]) {
        Ok(handle) => Ok(Ok(handle)),
        Err(fail) => Ok(Err(said::<()>(Err(fail))?)),
    }
}

fn field(env: &Env, field: fn(&amdxdna_drm_get_bo_info) -> u64) -> Outcome {
    let client = Client::open(env)?;
    let memory = area(4096)?;
    let handle = match pinned(&client, &memory)? {
        Ok(handle) => handle,
        Err(errno) => return Ok(errno),
    };
    Ok(if field(&client.bo_info(handle)?) == u64::MAX {
        "all ones"
    } else {
        "an address"
    }
    .into())
}

fn mmap(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let memory = area(4096)?;
    match pinned(&client, &memory)? {
        Ok(handle) => said(client.map(handle, 4096)),
        Err(errno) => Ok(errno),
    }
}

fn export(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let memory = area(4096)?;
    match pinned(&client, &memory)? {
        Ok(handle) => said(client.export(handle, 0)),
        Err(errno) => Ok(errno),
    }
}

fn again(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let memory = area(4096)?;
    match pinned(&client, &memory)? {
        Ok(handle) => client.gem_close(handle)?,
        Err(errno) => return Ok(errno),
    }
    said(
        client
            .pin(CMD, &[(memory.addr(), 4096)])
            .or_else(|_| client.pin(SHARE, &[(memory.addr(), 4096)])),
    )
}
