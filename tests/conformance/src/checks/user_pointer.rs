//! Buffer objects over the user's own pages (driver-abi 1.4, 5.6).

use std::fs::File;
use std::os::fd::AsRawFd;

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use xdna_uapi::*;

use crate::axes::Kernel::*;
use crate::axes::Mode::{Carveout, Sva};
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Fail, Outcome, check, said, yes};
use crate::client::{CMD, Client, DEV, SHARE, area, step, words};
use crate::env::Env;
use crate::sys::{Area, NOWHERE, Share};

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
        "user_pointer.unaligned-address",
        "5.6",
        |e| range(e, 8, 4096),
        REFUSED,
    ),
    check(
        "user_pointer.unaligned-length",
        "5.6",
        |e| range(e, 0, 4000),
        REFUSED,
    ),
    check(
        "user_pointer.length-0",
        "5.6",
        |e| range(e, 0, 0),
        &[(To(V6_17), "EINVAL"), (Any, "EINVAL | ENOSPC | ok")],
    ),
    check("user_pointer.total-wraps", "5.6", wraps, REFUSED),
    check(
        "user_pointer.entries-unreadable",
        "5.6",
        entries_unreadable,
        REFUSED,
    ),
    check("user_pointer.not-mapped", "5.6 R", not_mapped, CANNOT_PIN),
    check("user_pointer.no-access", "5.6 I", no_access, CANNOT_PIN),
    check("user_pointer.read-only", "5.6 R", read_only, READ_ONLY),
    check("user_pointer.read-only-file", "16.2 D", read_only_file, READ_ONLY)
        .row("16.2 user pointer on a file mapping"),
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
    check("user_pointer.memlock-exceeded", "5.6", memlock_small, MEMLOCK),
    check(
        "user_pointer.memlock-zero",
        "5.6",
        memlock_zero,
        &[(To(V6_17), "EINVAL"), (Admin, "ok"), (Any, "EPERM")],
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
const REFUSED: Rules = &[(Any, "EINVAL")];
const BAD_FD: Rules = &[(To(V6_17), "EINVAL"), (Any, "EBADF")];
/// ENOMEM was seen on L1, EFAULT on L10; what the levels between them answer was not (trap 37).
const CANNOT_PIN: Rules = &[
    (To(V6_17), "EINVAL"),
    (To(V6_18), "ENOMEM"),
    (To(V7_1), "ENOMEM | EFAULT"),
    (Any, "EFAULT"),
];
const READ_ONLY: Rules = &[
    (To(V6_17), "EINVAL"),
    (To(V6_18), "ENOMEM"),
    (To(V7_1), "ENOMEM | EFAULT"),
    (To(V7_3), "EFAULT"),
    (To(Staging), "ok"),
    (Any, "ok | EFAULT"),
];
const MEMLOCK: Rules = &[(To(V6_17), "EINVAL"), (Admin, "ok"), (Any, "ENOMEM")];
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

fn range(env: &Env, shift: u64, len: u64) -> Outcome {
    let client = Client::open(env)?;
    let memory = area(0x20000)?;
    said(client.pin(SHARE, &[(memory.addr() + shift, len)]))
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

fn wraps(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let memory = area(4096)?;
    said(client.pin(SHARE, &[(memory.addr(), 4096), (memory.addr(), u64::MAX - 4095)]))
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

/// The head is readable, the entries lie behind the end of the mapping.
fn entries_unreadable(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let space = step("mmap", Area::reserve(8192, 8192))?;
    let fd = step("memfd", memfd_create(c"table", MFdFlags::MFD_CLOEXEC))?;
    step("ftruncate", nix::unistd::ftruncate(&fd, 4096))?;
    step("mmap", space.map_over(0, &fd, 4096, 0))?;
    space.write_words(4096 - 8, &[u32::MAX, 1]);
    let vaddr = space.addr() + 4096 - 8;
    said(client.create_bo_with(amdxdna_drm_create_bo {
        type_: SHARE,
        vaddr,
        ..Default::default()
    }))
}

fn not_mapped(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    // Above what the kernel lets nobody map, below where programs and their memory begin.
    said(client.pin(SHARE, &[(0x2_0000, 4096)]))
}

fn no_access(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let hole = step("mmap", Area::reserve(4096, 4096))?;
    said(client.pin(SHARE, &[(hole.addr(), 4096)]))
}

fn read_only(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let memory = area(4096)?;
    memory.write(0, b"touched");
    step("mprotect", memory.make_read_only())?;
    said(client.pin(SHARE, &[(memory.addr(), 4096)]))
}

fn read_only_file(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let file = step("open", File::open("/proc/self/exe"))?;
    let memory = step("mmap", Area::of(&file, 4096, 0, Share::ReadOnly))?;
    said(client.pin(SHARE, &[(memory.addr(), 4096)]))
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

fn limited(limit: u64) -> Result<(), Fail> {
    let (_, hard) = step("getrlimit", getrlimit(Resource::RLIMIT_MEMLOCK))?;
    step(
        "setrlimit",
        setrlimit(Resource::RLIMIT_MEMLOCK, limit.min(hard), hard),
    )
}

fn memlock_small(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let memory = area(0x20000)?;
    limited(4 * 4096)?;
    said(client.pin(SHARE, &[(memory.addr(), 0x20000)]))
}

fn memlock_zero(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let memory = area(4096)?;
    limited(0)?;
    said(client.pin(SHARE, &[(memory.addr(), 4096)]))
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
