//! Memory of the user's that cannot be pinned (driver-abi 1.4, 5.6).

use std::fs::File;

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use xdna_uapi::*;

use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Fail, Outcome, check, said};
use crate::client::{Client, SHARE, area, step};
use crate::env::Env;
use crate::sys::{Area, Share};

/// The checks of this area.
pub const CHECKS: &[Check] = &[
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
    check("user_pointer.memlock-exceeded", "5.6", memlock_small, MEMLOCK),
    check(
        "user_pointer.memlock-zero",
        "5.6",
        memlock_zero,
        &[(To(V6_17), "EINVAL"), (Admin, "ok"), (Any, "EPERM")],
    ),
];

const REFUSED: Rules = &[(Any, "EINVAL")];

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

fn range(env: &Env, shift: u64, len: u64) -> Outcome {
    let client = Client::open(env)?;
    let memory = area(0x20000)?;
    said(client.pin(SHARE, &[(memory.addr() + shift, len)]))
}

fn wraps(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let memory = area(4096)?;
    said(client.pin(SHARE, &[(memory.addr(), 4096), (memory.addr(), u64::MAX - 4095)]))
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
