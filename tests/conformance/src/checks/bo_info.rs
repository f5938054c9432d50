//! GET_BO_INFO and mmap (driver-abi 1.4, 4.2, 5.1, 5.4).

use std::thread::sleep;
use std::time::Duration;

use xdna_uapi::*;

use crate::axes::Kernel::*;
use crate::axes::Mode::{Carveout, Iova, Sva};
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Outcome, check, said, yes};
use crate::client::{CMD, Client, DEV, SHARE};
use crate::env::Env;
use crate::sys::Share;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check(
        "bo_info.unknown",
        "4.2",
        |e| said(Client::open(e)?.bo_info(42)),
        &[(Any, "ENOENT")],
    ),
    check(
        "bo_info.zero",
        "4.2",
        |e| said(Client::open(e)?.bo_info(0)),
        &[(Any, "ENOENT")],
    ),
    check("bo_info.closed", "4.2", closed, &[(Any, "ENOENT")]),
    check("bo_info.of-another-client", "4.2", other, &[(Any, "ENOENT")]),
    check(
        "bo_info.ext",
        "4.2",
        |e| with(e, |arg| arg.ext = 1),
        &[(Any, "EINVAL")],
    ),
    check(
        "bo_info.ext_flags",
        "4.2",
        |e| with(e, |arg| arg.ext_flags = 1),
        &[(Any, "EINVAL")],
    ),
    check(
        "bo_info.pad",
        "1.4, 4.2",
        |e| with(e, |arg| arg.pad = 1),
        &[(To(V6_14), "ok"), (Any, "EINVAL")],
    ),
    check("bo_info.ext-before-handle", "4.2", ext_first, &[(Any, "EINVAL")]),
    check("bo_info.map_offset-above-4g", "5.4", above_4g, &[(Any, "yes")]),
    check(
        "bo_info.map_offsets-differ",
        "5.4",
        offsets_differ,
        &[(Any, "yes")],
    ),
    check(
        "bo_info.share-vaddr-unmapped",
        "4.2",
        |e| unmapped(e, SHARE, |info| info.vaddr),
        INVALID,
    ),
    check(
        "bo_info.share-vaddr-mapped",
        "4.2, 5.4",
        |e| mapped(e, SHARE, |info| info.vaddr),
        &[(Any, "the mapping")],
    ),
    check(
        "bo_info.share-xdna_addr-unmapped",
        "1.4, 5.1",
        |e| unmapped(e, SHARE, |info| info.xdna_addr),
        XDNA_UNMAPPED,
    ),
    check(
        "bo_info.share-xdna_addr-mapped",
        "1.4, 5.1",
        |e| mapped(e, SHARE, |info| info.xdna_addr),
        XDNA_MAPPED,
    ),
    check(
        "bo_info.cmd-vaddr-mapped",
        "4.2, 5.4",
        |e| mapped(e, CMD, |info| info.vaddr),
        &[(Any, "the mapping")],
    ),
    check("bo_info.vaddr-after-munmap", "1.4 R", after_munmap, AFTER_MUNMAP),
    check("bo_info.vaddr-of-two-mappings", "1.4, 5.4", two_mappings, TWO),
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
const INVALID: Rules = &[(Any, "all ones")];
const LOW: Rules = &[
    (On(Oot), "EINVAL | EOPNOTSUPP"),
    (To(V7_1), "EINVAL"),
    (Any, "EOPNOTSUPP"),
];
const XDNA_UNMAPPED: Rules = &[(In(Sva), "all ones"), (Any, "an address")];
const XDNA_MAPPED: Rules = &[
    (To(V7_0), "all ones"),
    (In(Sva), "the mapping"),
    (In(Iova), "an address"),
    (In(Carveout), "an address"),
];
/// What carveout mode reads is not documented.
const AFTER_MUNMAP: Rules = &[
    (To(V7_0), "kept"),
    (In(Carveout), "kept | all ones"),
    (On(Oot), "kept | all ones"),
    (All(&[In(Iova), From(V7_2)]), "kept"),
    (Any, "all ones"),
];
const TWO: Rules = &[
    (To(V6_14), "EEXIST"),
    (In(Carveout), "first | latest"),
    (On(Oot), "first | latest"),
    (All(&[In(Iova), From(V7_2)]), "latest"),
    (Any, "first"),
];

fn closed(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let handle = client.create_bo(SHARE, 4096)?;
    client.gem_close(handle)?;
    said(client.bo_info(handle))
}

fn other(env: &Env) -> Outcome {
    let (mine, other) = (Client::open(env)?, Client::open(env)?);
    let handle = mine.create_bo(SHARE, 4096)?;
    said(other.bo_info(handle))
}

fn with(env: &Env, change: fn(&mut amdxdna_drm_get_bo_info)) -> Outcome {
    let client = Client::open(env)?;
    let handle = client.create_bo(SHARE, 4096)?;
    let mut arg = amdxdna_drm_get_bo_info {
        handle,
        ..Default::default()
    };
    change(&mut arg);
    said(client.call(request::DRM_IOCTL_AMDXDNA_GET_BO_INFO, &mut arg))
}

fn ext_first(env: &Env) -> Outcome {
    let mut arg = amdxdna_drm_get_bo_info {
        ext: 1,
        handle: 42,
        ..Default::default()
    };
    said(Client::open(env)?.call(request::DRM_IOCTL_AMDXDNA_GET_BO_INFO, &mut arg))
}

fn above_4g(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    yes(client.bo_info(client.create_bo(SHARE, 4096)?)?.map_offset >= 1 << 32)
}

fn offsets_differ(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let first = client.bo_info(client.create_bo(SHARE, 1 << 20)?)?.map_offset;
    let second = client.bo_info(client.create_bo(SHARE, 1 << 20)?)?.map_offset;
    yes(first.abs_diff(second) >= 1 << 20)
}

fn named(value: u64, mapping: u64) -> Outcome {
    Ok(match value {
        u64::MAX => "all ones",
        0 => "zero",
        addr if addr == mapping => "the mapping",
        _ => "an address",
    }
    .into())
}

fn unmapped(env: &Env, kind: u32, field: fn(&amdxdna_drm_get_bo_info) -> u64) -> Outcome {
    let client = Client::open(env)?;
    let info = client.bo_info(client.create_bo(kind, 8192)?)?;
    named(field(&info), 1)
}

fn mapped(env: &Env, kind: u32, field: fn(&amdxdna_drm_get_bo_info) -> u64) -> Outcome {
    let client = Client::open(env)?;
    let bo = client.mapped(kind, 8192)?;
    named(field(&client.bo_info(bo.handle)?), bo.area.addr())
}

fn after_munmap(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let bo = client.mapped(SHARE, 8192)?;
    let addr = bo.area.addr();
    drop(bo.area);
    // From 7.1 a work queue takes the address back.
    sleep(Duration::from_millis(200));
    Ok(match client.bo_info(bo.handle)?.vaddr {
        u64::MAX => "all ones".into(),
        kept if kept == addr => "kept".into(),
        other => format!("{other:#x}"),
    })
}

fn two_mappings(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    let bo = client.mapped(SHARE, 8192)?;
    let second = match client.map(bo.handle, 8192) {
        Ok(second) => second,
        Err(fail) => return said::<()>(Err(fail)),
    };
    Ok(match client.bo_info(bo.handle)?.vaddr {
        addr if addr == bo.area.addr() => "first".into(),
        addr if addr == second.addr() => "latest".into(),
        other => format!("{other:#x}"),
    })
}

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
