//! mmap of buffer objects (driver-abi 1.4, 5.4).

use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Outcome, check, said, yes};
use crate::client::{CMD, Client, DEV, SHARE};
use crate::env::Env;
use crate::sys::Share;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check("mmap.whole", "5.4", |e| map(e, 8192, 8192), OK),
    check("mmap.part", "5.4", |e| map(e, 8192, 4096), OK),
    check("mmap.rounded-up-page", "5.2, 5.4", |e| map(e, 1, 4096), OK),
    check("mmap.too-long", "5.4", |e| map(e, 4096, 8192), REFUSED),
    check(
        "mmap.one-page-too-long",
        "5.4",
        |e| map(e, 0x23000, 0x24000),
        REFUSED,
    ),
    check("mmap.private", "5.4", private, REFUSED),
    check("mmap.inside-a-bo", "5.4", |e| shifted(e, 4096), REFUSED),
    check("mmap.wild-offset", "5.4", |e| at(e, 1 << 44), REFUSED),
    check("mmap.low-offset", "5.4", |e| at(e, 0x1000), LOW),
    check("mmap.offset-0", "5.4", |e| at(e, 0), LOW),
    check("mmap.of-another-client", "5.4", map_other, &[(Any, "EACCES")]),
    check("mmap.closed-bo", "5.4", map_closed, REFUSED),
    check(
        "mmap.twice",
        "1.4, 5.4",
        twice,
        &[(To(V6_14), "EEXIST"), (Any, "ok")],
    ),
    check(
        "mmap.two-mappings-share",
        "5.4",
        two_share,
        &[(To(V6_14), "EEXIST"), (Any, "yes")],
    ),
    check("mmap.dev", "5.4", map_dev, REFUSED),
    check("mmap.cmd", "5.1", map_cmd, OK),
    check("mmap.fresh-memory-is-zero", "5.5", zeroed, &[(Any, "yes")]),
    check("mmap.write-and-read-361264", "16.2 D", measure, &[(Any, "yes")]).row("16.2 map and measure"),
    check("mmap.outlives-the-handle", "16.2 D", outlives, &[(Any, "yes")]),
    check(
        "mmap.read-only-descriptor",
        "2.1",
        read_only_fd,
        &[(Any, "EACCES")],
    ),
];

const OK: Rules = &[(Any, "ok")];
const REFUSED: Rules = &[(Any, "EINVAL")];
const LOW: Rules = &[
    (On(Oot), "EINVAL | EOPNOTSUPP"),
    (To(V7_1), "EINVAL"),
    (Any, "EOPNOTSUPP"),
];

fn map(env: &Env, size: u64, len: usize) -> Outcome {
    let client = Client::open(env)?;
    let handle = client.create_bo(SHARE, size)?;
    said(client.map(handle, len))
}

fn private(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let info = client.bo_info(client.create_bo(SHARE, 4096)?)?;
    said(client.mmap_as(4096, info.map_offset, Share::Private))
}

fn shifted(env: &Env, by: u64) -> Outcome {
    let client = Client::open(env)?;
    let info = client.bo_info(client.create_bo(SHARE, 8192)?)?;
    said(client.mmap(4096, info.map_offset + by))
}

fn at(env: &Env, offset: u64) -> Outcome {
    said(Client::open(env)?.mmap(4096, offset))
}

fn map_other(env: &Env) -> Outcome {
    let (mine, other) = (Client::open(env)?, Client::open(env)?);
    let info = mine.bo_info(mine.create_bo(SHARE, 4096)?)?;
    said(other.mmap(4096, info.map_offset))
}

fn map_closed(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let handle = client.create_bo(SHARE, 4096)?;
    let info = client.bo_info(handle)?;
    client.gem_close(handle)?;
    said(client.mmap(4096, info.map_offset))
}

fn twice(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let bo = client.mapped(SHARE, 4096)?;
    said(client.map(bo.handle, 4096))
}

fn two_share(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let bo = client.mapped(SHARE, 4096)?;
    match client.map(bo.handle, 4096) {
        Ok(second) => {
            bo.area.write(100, b"both");
            yes(second.read(100, 4) == b"both")
        }
        Err(fail) => said::<()>(Err(fail)),
    }
}

fn map_dev(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let _heap = client.heap()?;
    let info = client.bo_info(client.create_bo(DEV, 4096)?)?;
    // All ones is no page offset; the last page of the offset space is the nearest that mmap passes on.
    said(client.mmap(4096, info.map_offset & 0x7fff_ffff_ffff_f000))
}

fn map_cmd(env: &Env) -> Outcome {
    said(Client::open(env)?.mapped(CMD, 4096))
}

fn zeroed(env: &Env) -> Outcome {
    let bo = Client::open(env)?.mapped(SHARE, 0x23000)?;
    yes(bo.area.read(0, bo.area.len()).iter().all(|byte| *byte == 0))
}

fn measure(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let bo = client.mapped(SHARE, 361_264)?;
    let data: Vec<_> = (0..361_264_u32).map(|i| (i * 7 + 3) as u8).collect();
    bo.area.write(0, &data);
    bo.area.flush(0, data.len());
    let second = client.mapped(SHARE, 361_264)?;
    second.area.write(0, &bo.area.read(0, data.len()));
    yes(second.area.read(0, data.len()) == data)
}

fn outlives(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let bo = client.mapped(SHARE, 4096)?;
    bo.area.write(0, b"still here");
    client.gem_close(bo.handle)?;
    drop(client);
    yes(bo.area.read(0, 10) == b"still here")
}

fn read_only_fd(env: &Env) -> Outcome {
    let client = Client::open_with(env, false)?;
    let handle = client.create_bo(SHARE, 4096)?;
    said(client.map(handle, 4096))
}
