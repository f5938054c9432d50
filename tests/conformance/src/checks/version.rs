//! DRM_IOCTL_VERSION and GET_CAP (driver-abi 1.1, 1.2, 2.3).

use xdna_uapi::*;

use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Fail, Outcome, check, said, told, yes};
use crate::client::{Client, area};
use crate::env::Env;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check("version.level", "1.1, 1.2", level, LEVEL),
    check(
        "version.patchlevel",
        "1.1",
        |e| told(Client::open(e)?.version().map(|v| v.version_patchlevel)),
        &[(Any, "0")],
    ),
    check(
        "version.name",
        "1.1",
        |e| text(e, 0, 64),
        &[(Any, "amdxdna_accel_driver")],
    ),
    check("version.date", "1.1", |e| text(e, 1, 64), &[(Any, "0")]),
    check(
        "version.description",
        "1.1",
        |e| text(e, 2, 64),
        &[(Any, "AMD XDNA DRM implementation")],
    ),
    check(
        "version.lengths-without-buffers",
        "2.3",
        lengths,
        &[(Any, "20 1 27")],
    ),
    check(
        "version.short-buffer",
        "2.3",
        |e| text(e, 0, 7),
        &[(Any, "amdxdna")],
    ),
    check("version.short-buffer-length", "2.3", short_length, &[(Any, "20")]),
    check("version.no-terminator", "2.3", no_terminator, &[(Any, "yes")]),
    check(
        "cap.prime",
        "2.3",
        |e| told(Client::open(e)?.capability(DRM_CAP_PRIME.into())),
        &[(Any, "3")],
    ),
    check(
        "cap.syncobj",
        "2.3",
        |e| told(Client::open(e)?.capability(DRM_CAP_SYNCOBJ.into())),
        &[(Any, "1")],
    ),
    check(
        "cap.timeline",
        "2.3",
        |e| told(Client::open(e)?.capability(DRM_CAP_SYNCOBJ_TIMELINE.into())),
        &[(Any, "1")],
    ),
    check(
        "cap.unknown",
        "2.3 I",
        |e| said(Client::open(e)?.capability(0xffff)),
        &[(Any, "EOPNOTSUPP")],
    ),
];

const LEVEL: Rules = &[
    (On(Oot), "1.0"),
    (To(V6_17), "0.0"),
    (To(V6_18), "0.1"),
    (To(V7_0), "0.6"),
    (To(V7_1), "0.8"),
    (To(V7_3), "0.10"),
    (Any, "0.16"),
];

fn level(env: &Env) -> Outcome {
    told(
        Client::open(env)?
            .version()
            .map(|v| format!("{}.{}", v.version_major, v.version_minor)),
    )
}

/// Asks with a buffer of `room` bytes for string `which`: the bytes and the length on return.
fn string(env: &Env, which: usize, room: u64) -> Result<(Vec<u8>, u64), Fail> {
    let buffer = area(4096)?;
    buffer.write(0, &[0xaa; 128]);
    let mut arg = VersionWire::default();
    match which {
        0 => (arg.name_len, arg.name) = (room, buffer.addr()),
        1 => (arg.date_len, arg.date) = (room, buffer.addr()),
        _ => (arg.desc_len, arg.desc) = (room, buffer.addr()),
    }
    Client::open(env)?.call(request::DRM_IOCTL_VERSION, &mut arg)?;
    let len = [arg.name_len, arg.date_len, arg.desc_len][which.min(2)];
    Ok((buffer.read(0, 128), len))
}

fn text(env: &Env, which: usize, room: u64) -> Outcome {
    let (bytes, len) = string(env, which, room)?;
    Ok(String::from_utf8_lossy(&bytes[..len.min(room).min(128) as usize]).into_owned())
}

fn lengths(env: &Env) -> Outcome {
    let v = Client::open(env)?.version()?;
    Ok(format!("{} {} {}", v.name_len, v.date_len, v.desc_len))
}

fn short_length(env: &Env) -> Outcome {
    Ok(string(env, 0, 7)?.1.to_string())
}

fn no_terminator(env: &Env) -> Outcome {
    let (bytes, len) = string(env, 0, 64)?;
    yes(bytes[len as usize] == 0xaa && string(env, 0, 7)?.0[7] == 0xaa)
}
