//! PRIME: buffer objects as dma-bufs (driver-abi 1.4, 2.3, 5.7).

use std::fs::File;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::eventfd::EventFd;
use nix::unistd::{Whence, lseek};

use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Outcome, check, said, yes};
use crate::client::{CMD, Client, DEV, Rig, SHARE, step};
use crate::env::Env;
use crate::sys::{Area, Share};

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check("prime.export", "2.3", |e| export(e, SHARE, 0), OK),
    check("prime.export-cloexec", "2.3", |e| export(e, SHARE, CLOEXEC), OK),
    check("prime.export-rdwr", "2.3", |e| export(e, SHARE, RDWR), OK),
    check(
        "prime.export-cloexec-rdwr",
        "2.3",
        |e| export(e, SHARE, CLOEXEC | RDWR),
        OK,
    ),
    check("prime.export-flag-1", "2.3", |e| export(e, SHARE, 1), REFUSED),
    check("prime.export-flag-4", "2.3", |e| export(e, SHARE, 4), REFUSED),
    check("prime.export-cmd", "5.7", |e| export(e, CMD, 0), OK),
    check(
        "prime.export-unknown",
        "2.3",
        |e| said(Client::open(e)?.export(5, 0)),
        &[(Any, "ENOENT")],
    ),
    check(
        "prime.export-zero",
        "2.3",
        |e| said(Client::open(e)?.export(0, 0)),
        &[(Any, "ENOENT")],
    ),
    check("prime.export-dev", "5.7", export_dev, &[(Any, "EOPNOTSUPP")]),
    check("prime.cloexec-is-set", "2.3", cloexec, &[(Any, "yes")]),
    check("prime.size-by-lseek", "5.7", size, &[(Any, "8192")]),
    check("prime.import-eventfd", "2.3", import_eventfd, REFUSED),
    check("prime.import-plain-file", "2.3", import_file, REFUSED),
    check(
        "prime.import-bad-fd",
        "2.3",
        |e| said(Client::open(e)?.import_raw(999)),
        &[(Any, "EBADF")],
    ),
    check(
        "prime.import-fd-minus-1",
        "2.3",
        |e| said(Client::open(e)?.import_raw(-1)),
        &[(Any, "EBADF")],
    ),
    check("prime.import-own", "5.7", import_own, &[(Any, "same handle")])
        .row("16.2 export/import, one process"),
    check(
        "prime.import-own-closed-once",
        "5.7",
        closed_once,
        &[(Any, "ENOENT")],
    ),
    check("prime.import-elsewhere", "5.7", elsewhere, OK),
    check(
        "prime.import-elsewhere-twice",
        "5.7",
        elsewhere_twice,
        &[(Any, "same handle")],
    ),
    check("prime.imported-memory-is-shared", "5.7", shared, &[(Any, "yes")]),
    check("prime.import-after-close", "5.7", after_close, OK),
    check(
        "prime.import-in-another-process",
        "5.7",
        another_process,
        &[(Any, "ok")],
    ),
    check("prime.imported-as-command", "5.7", as_command, AS_COMMAND),
    check("prime.outlives-the-device-fd", "5.7", outlives, &[(Any, "yes")])
        .row("16.2 export, close device, drop"),
    check("prime.mmap-of-the-dma-buf", "5.7 I", mapped, &[(Any, "yes")]),
    check("prime.re-export", "5.7 I", re_export, OK),
];

const CLOEXEC: u32 = 0o2000000;
const RDWR: u32 = 2;

const OK: Rules = &[(Any, "ok")];
const REFUSED: Rules = &[(Any, "EINVAL")];
/// To 7.0 an imported buffer object has a type of its own; from 7.1 it is like a SHARE one.
const AS_COMMAND: Rules = &[
    (To(V7_0), "EINVAL"),
    (On(Oot), "EINVAL | submitted"),
    (Any, "submitted"),
];

fn export(env: &Env, kind: u32, flags: u32) -> Outcome {
    let client = Client::open(env)?;
    said(client.export(client.create_bo(kind, 8192)?, flags))
}

fn export_dev(env: &Env) -> Outcome {
    env.only(From(V7_2), "a kernel that guards it")?;
    let client = Client::open(env)?;
    let _heap = client.heap()?;
    said(client.export(client.create_bo(DEV, 4096)?, 0))
}

fn cloexec(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let bo = client.create_bo(SHARE, 4096)?;
    let flags = |flags| {
        let fd = client.export(bo, flags)?;
        step("fcntl", fcntl(&fd, FcntlArg::F_GETFD))
    };
    yes(flags(CLOEXEC)? & FdFlag::FD_CLOEXEC.bits() != 0 && flags(0)? & FdFlag::FD_CLOEXEC.bits() == 0)
}

fn size(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let fd = client.export(client.create_bo(SHARE, 8192)?, 0)?;
    Ok(step("lseek", lseek(&fd, 0, Whence::SeekEnd))?.to_string())
}

fn import_eventfd(env: &Env) -> Outcome {
    let fd = step("eventfd", EventFd::new())?;
    said(Client::open(env)?.import(&fd))
}

fn import_file(env: &Env) -> Outcome {
    let file = step("open", File::open("/dev/null"))?;
    said(Client::open(env)?.import(&file))
}

fn import_own(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let handle = client.create_bo(SHARE, 4096)?;
    let again = client.import(&client.export(handle, 0)?)?;
    Ok(if again == handle {
        "same handle"
    } else {
        "another handle"
    }
    .into())
}

fn closed_once(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let handle = client.create_bo(SHARE, 4096)?;
    let again = client.import(&client.export(handle, 0)?)?;
    client.gem_close(again)?;
    said(client.bo_info(handle))
}

fn elsewhere(env: &Env) -> Outcome {
    let (mine, other) = (Client::open(env)?, Client::open(env)?);
    let fd = mine.export(mine.create_bo(SHARE, 4096)?, 0)?;
    said(other.import(&fd))
}

fn elsewhere_twice(env: &Env) -> Outcome {
    let (mine, other) = (Client::open(env)?, Client::open(env)?);
    let fd = mine.export(mine.create_bo(SHARE, 4096)?, 0)?;
    let first = other.import(&fd)?;
    Ok(if other.import(&fd)? == first {
        "same handle"
    } else {
        "another handle"
    }
    .into())
}

fn shared(env: &Env) -> Outcome {
    let (mine, other) = (Client::open(env)?, Client::open(env)?);
    let bo = mine.mapped(SHARE, 8192)?;
    let handle = other.import(&mine.export(bo.handle, RDWR)?)?;
    let area = other.map(handle, 8192)?;
    bo.area.write(5000, b"both ways");
    yes(area.read(5000, 9) == b"both ways")
}

fn after_close(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let handle = client.create_bo(SHARE, 4096)?;
    let fd = client.export(handle, 0)?;
    client.gem_close(handle)?;
    said(client.import(&fd))
}

/// The child opens a client of its own and imports what it inherited.
fn another_process(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let bo = client.mapped(SHARE, 4096)?;
    bo.area.write(0, b"from the parent");
    let fd = client.export(bo.handle, RDWR)?;
    let in_child = || {
        let other = Client::open(env)?;
        let area = other.map(other.import(&fd)?, 4096)?;
        yes(area.read(0, 15) == b"from the parent")
    };
    let child = step(
        "fork",
        crate::sys::fork(|| in_child().unwrap_or_else(|fail| fail.to_string())),
    )?;
    let seen = step("wait", child.finish(std::time::Duration::from_secs(20)))?;
    Ok(match seen {
        Ok(text) if text == "yes" => "ok".into(),
        Ok(other) | Err(other) => other,
    })
}

fn as_command(env: &Env) -> Outcome {
    let rig = Rig::new(env)?;
    let donor = Client::open(env)?;
    let bo = donor.mapped(SHARE, 4096)?;
    // No compute unit: the driver drops the job before the firmware sees it.
    bo.area.write_words(0, &crate::client::Packet::new(0, &[0; 7]).0);
    let handle = rig.client.import(&donor.export(bo.handle, RDWR)?)?;
    let _mapped = rig.client.map(handle, 4096)?;
    Ok(match said(rig.exec(handle, &[]))?.as_str() {
        "ok" => "submitted".into(),
        errno => errno.into(),
    })
}

/// What was written before the device's descriptor was closed, read by a later client.
fn outlives(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let bo = client.mapped(SHARE, 4096)?;
    bo.area.write(0, b"kept");
    let fd = client.export(bo.handle, RDWR)?;
    drop(bo);
    drop(client);
    let later = Client::open(env)?;
    let area = later.map(later.import(&fd)?, 4096)?;
    yes(area.read(0, 4) == b"kept")
}

/// The dma-buf's own mmap.
fn mapped(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let bo = client.mapped(SHARE, 8192)?;
    bo.area.write(5000, b"same memory");
    let fd = client.export(bo.handle, RDWR)?;
    let area = step("mmap", Area::of(&fd, 8192, 0, Share::Shared))?;
    yes(area.read(5000, 11) == b"same memory")
}

fn re_export(env: &Env) -> Outcome {
    let (mine, other) = (Client::open(env)?, Client::open(env)?);
    let handle = other.import(&mine.export(mine.create_bo(SHARE, 4096)?, 0)?)?;
    said(other.export(handle, 0))
}
