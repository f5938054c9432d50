//! The node, sysfs and fdinfo (driver-abi 2.1, 2.2, 10, 11).

use std::fs;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use crate::axes::Device::*;
use crate::axes::Feature::GetDevRevision;
use crate::axes::Kernel::*;
use crate::axes::When::*;
use crate::check::{Check, Fail, Outcome, check, said, yes};
use crate::client::{Client, DEV, SHARE, step};
use crate::env::Env;

/// Product strings that firmware names from 6.24 on; the page does not tell which device has which.
macro_rules! products {
    () => {
        "NPU Strix | NPU Krackan 1 | NPU Krackan 2 | NPU Strix Halo | NPU Gorgon Point 1 | NPU Gorgon Point 2 | NPU Gorgon Point 3"
    };
}

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check(
        "node.kind",
        "2.1",
        |e| yes(metadata(e)?.file_type().is_char_device()),
        &[(Any, "yes")],
    ),
    check(
        "node.major",
        "2.1",
        |e| Ok(nix::sys::stat::major(metadata(e)?.rdev()).to_string()),
        &[(Any, "261")],
    ),
    check(
        "node.minor-is-its-number",
        "2.1",
        minor_is_number,
        &[(Any, "yes")],
    ),
    check("node.class-dev", "2.1", class_dev, &[(Any, "yes")]),
    check("node.open", "2.2", |e| said(Client::open(e)), &[(Any, "ok")]).row("16.1 open/close devices"),
    check("node.open-twice", "2.2 R", open_twice, &[(Any, "ok")]),
    check("node.open-close-100", "16.1", open_close, &[(Any, "ok")]),
    check("node.open-of-no-device", "12.3", open_nothing, &[(Any, "ENOENT")]),
    check(
        "sysfs.vendor",
        "11",
        |e| attribute(e, "vendor"),
        &[(Any, "0x1022")],
    )
    .row("16.1 query vendor"),
    check(
        "sysfs.device",
        "11",
        |e| attribute(e, "device"),
        &[(Is(Npu1), "0x1502"), (Any, "0x17f0")],
    )
    .row("16.1 address and id"),
    check(
        "sysfs.revision",
        "11",
        |e| attribute(e, "revision"),
        &[
            (Is(Npu1), "0x00"),
            (Is(Npu4), "0x10"),
            (Is(Npu5), "0x11"),
            (Is(Npu6), "0x20"),
        ],
    ),
    check("sysfs.count", "16.1", count, &[(Any, "at least one")]).row("16.1 device counts"),
    check(
        "sysfs.vbnv",
        "10, 11",
        |e| attribute(e, "vbnv"),
        &[
            (
                All(&[Has(GetDevRevision), From(V7_3)]),
                concat!(products!(), " | NPU Gorgon Halo"),
            ),
            (Has(GetDevRevision), products!()),
            (Is(Npu1), "RyzenAI-npu1"),
            (Is(Npu4), "RyzenAI-npu4"),
            (Is(Npu5), "RyzenAI-npu5"),
            (Is(Npu6), "RyzenAI-npu6"),
        ],
    )
    .row("16.1 query product string"),
    check("sysfs.vbnv-ends-in-newline", "10", vbnv_newline, &[(Any, "yes")]),
    check(
        "sysfs.device_type",
        "10",
        |e| attribute(e, "device_type"),
        &[(Any, "0")],
    ),
    check(
        "sysfs.fw_version",
        "10",
        |e| attribute(e, "fw_version").map(|text| shape(&text)),
        &[(Any, "a.b.c.d")],
    ),
    check(
        "fdinfo.driver",
        "10",
        |e| fdinfo(e, "drm-driver"),
        &[(Any, "amdxdna_accel_driver")],
    ),
    check(
        "fdinfo.client-id",
        "10",
        |e| fdinfo(e, "drm-client-id").map(|text| shape(&text)),
        &[(Any, "a")],
    ),
    check("fdinfo.pdev-is-the-sysfs-device", "10", pdev, &[(Any, "yes")]),
    check(
        "fdinfo.heap-alloc",
        "10 R",
        |e| memory(e, "amdxdna_accel_driver-heap-alloc"),
        MEMORY,
    ),
    check(
        "fdinfo.internal-alloc",
        "10 R",
        |e| memory(e, "amdxdna_accel_driver-internal-alloc"),
        MEMORY,
    ),
    check(
        "fdinfo.external-alloc",
        "10 R",
        |e| memory(e, "amdxdna_accel_driver-external-alloc"),
        MEMORY,
    ),
    check(
        "fdinfo.total-memory",
        "10 R",
        |e| memory(e, "drm-total-memory"),
        MEMORY,
    ),
    check(
        "fdinfo.shared-memory",
        "10 R",
        |e| memory(e, "drm-shared-memory"),
        MEMORY,
    ),
];

/// The out-of-tree driver's keys are not documented.
const MEMORY: crate::axes::Rules = &[(To(V7_1), "absent"), (On(Oot), "absent | KiB"), (Any, "KiB")];

fn metadata(env: &Env) -> Result<fs::Metadata, Fail> {
    step("stat", fs::metadata(&env.node.path))
}

fn number(env: &Env) -> Option<u64> {
    env.node
        .path
        .file_name()?
        .to_str()?
        .strip_prefix("accel")?
        .parse()
        .ok()
}

fn minor_is_number(env: &Env) -> Outcome {
    yes(Some(nix::sys::stat::minor(metadata(env)?.rdev())) == number(env))
}

fn class_dev(env: &Env) -> Outcome {
    let text = step("sysfs", fs::read_to_string(env.node.class.join("dev")))?;
    yes(number(env).is_some_and(|n| text.trim_end() == format!("261:{n}")))
}

fn open_twice(env: &Env) -> Outcome {
    let first = Client::open(env)?;
    let second = said(Client::open(env));
    drop(first);
    second
}

fn open_close(env: &Env) -> Outcome {
    said((0..100).try_for_each(|_| Client::open(env).map(drop)))
}

fn open_nothing(_: &Env) -> Outcome {
    said(step("open", fs::File::open("/dev/accel/accel9999")))
}

fn attribute(env: &Env, name: &str) -> Outcome {
    step("sysfs", env.node.attribute(name))
}

fn count(env: &Env) -> Outcome {
    let entries = step("sysfs", fs::read_dir("/sys/class/accel"))?;
    let ours = entries.flatten().filter(|entry| {
        let vendor = fs::read_to_string(entry.path().join("device/vendor"));
        vendor.is_ok_and(|text| text.trim_end() == "0x1022")
    });
    let seen = ours.count();
    Ok(if seen > 0 && env.node.class.exists() {
        "at least one"
    } else {
        "none"
    }
    .into())
}

fn vbnv_newline(env: &Env) -> Outcome {
    let text = step("sysfs", fs::read_to_string(env.node.class.join("device/vbnv")))?;
    yes(text.ends_with('\n') && text.matches('\n').count() == 1)
}

/// `a.b.c` for three numbers, and so on.
fn shape(text: &str) -> String {
    let parts: Vec<_> = text.split('.').collect();
    if parts.iter().all(|part| part.parse::<u32>().is_ok()) && parts.len() <= 4 {
        return ["a", "b", "c", "d"][..parts.len()].join(".");
    }
    text.to_owned()
}

fn fdinfo_of(client: &Client, key: &str) -> Result<Option<String>, Fail> {
    let path = format!("/proc/self/fdinfo/{}", client.as_fd().as_raw_fd());
    let text = step("fdinfo", fs::read_to_string(path))?;
    let mut values = text
        .lines()
        .filter_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    Ok(values.next().map(|value| value.trim().to_owned()))
}

fn fdinfo(env: &Env, key: &str) -> Outcome {
    Ok(fdinfo_of(&Client::open(env)?, key)?.unwrap_or_else(|| "absent".into()))
}

fn pdev(env: &Env) -> Outcome {
    let link = step("sysfs", fs::canonicalize(env.node.class.join("device")))?;
    let address = link.file_name().map(|name| name.to_string_lossy().into_owned());
    yes(address.is_some() && fdinfo_of(&Client::open(env)?, "drm-pdev")? == address)
}

fn memory(env: &Env, key: &str) -> Outcome {
    let client = Client::open(env)?;
    let _heap = client.heap()?;
    client.create_bo(SHARE, 8192)?;
    client.create_bo(DEV, 4096)?;
    Ok(match fdinfo_of(&client, key)? {
        None => "absent".into(),
        Some(text) => match text.strip_suffix(" KiB") {
            Some(number) if number.parse::<u64>().is_ok() => "KiB".into(),
            _ => text,
        },
    })
}
