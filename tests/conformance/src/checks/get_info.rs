//! GET_INFO (driver-abi 9.1, 9.2, 9.5, 9.6, 9.7).

use xdna_uapi::*;

use crate::axes::Device::Npu1;
use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Outcome, check, said, yes};
use crate::client::{Client, area};
use crate::env::Env;
use crate::sys::{Area, NOWHERE};

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check(
        "get_info.metadata-cols",
        "9.2",
        |e| metadata(e, |m| m.word(4) & 0xffff),
        &[(Is(Npu1), "5"), (Any, "8")],
    ),
    check(
        "get_info.metadata-rows",
        "9.2",
        |e| metadata(e, |m| m.word(4) >> 16),
        &[(Any, "6")],
    ),
    check(
        "get_info.metadata-col_size",
        "9.2",
        |e| metadata(e, |m| m.word(0)),
        &[(Any, "504")],
    ),
    check(
        "get_info.metadata-version",
        "9.2",
        |e| text(e, 1, 64, |m| format!("{}.{}", m.word(8), m.word(12))),
        &[(Any, "1.1")],
    ),
    check(
        "get_info.metadata-core",
        "9.2 U",
        |e| tile(e, 16),
        &[(Any, "rows 4 from 2, dma 2, locks 16, events 4")],
    ),
    check(
        "get_info.metadata-mem",
        "9.2 U",
        |e| tile(e, 32),
        &[(Any, "rows 1 from 1, dma 6, locks 64, events 6")],
    ),
    check(
        "get_info.metadata-shim",
        "9.2 U",
        |e| tile(e, 48),
        &[(Any, "rows 1 from 0, dma 2, locks 16, events 4")],
    ),
    check(
        "get_info.metadata-size-kept",
        "9.1",
        |e| size(e, 1, 64),
        &[(Any, "64")],
    ),
    check("get_info.metadata-nowhere", "9.1", |e| nowhere(e, 1, 64), FAULT),
    check(
        "get_info.aie_version",
        "9.1, 9.2",
        |e| text(e, 2, 8, |m| format!("{}.{}", m.word(0), m.word(4))),
        &[(Any, "1.1")],
    ),
    check(
        "get_info.aie_version-size-kept",
        "9.1",
        |e| size(e, 2, 8),
        &[(Any, "8")],
    ),
    check("get_info.aie_version-nowhere", "9.1", |e| nowhere(e, 2, 8), FAULT),
    check(
        "get_info.clocks-names",
        "9.2",
        clock_names,
        &[(Any, "MP-NPU Clock, H Clock")],
    ),
    check("get_info.clocks-are-levels", "11", clock_levels, &[(Any, "yes")]),
    check(
        "get_info.clocks-size-kept",
        "9.1",
        |e| size(e, 3, 48),
        &[(Any, "48")],
    ),
    check("get_info.clocks-nowhere", "9.1", |e| nowhere(e, 3, 48), FAULT),
    check(
        "get_info.firmware_version-is-sysfs",
        "9.1, 10",
        firmware,
        &[(Any, "yes")],
    ),
    check(
        "get_info.firmware_version-nowhere",
        "9.1",
        |e| nowhere(e, 8, 16),
        FAULT,
    ),
    check(
        "get_info.power_mode",
        "9.1",
        |e| text(e, 9, 8, |m| mode(m.word(0))),
        &[(Any, "known")],
    ),
    check(
        "get_info.power_mode-pad",
        "9.1",
        |e| text(e, 9, 8, |m| (m.word(4) | m.word(0) >> 8).to_string()),
        &[(Any, "0")],
    ),
    check("get_info.power_mode-nowhere", "9.1", |e| nowhere(e, 9, 8), FAULT),
    check(
        "get_info.short-buffer-truncates",
        "9.1",
        short,
        &[(To(V7_0), "whole or part"), (Any, "part")],
    ),
    check("get_info.param-6", "9.1", |e| plain(e, 6), OOT_ONLY),
    check("get_info.param-7", "9.1", |e| plain(e, 7), OOT_ONLY),
    check(
        "get_info.param-14",
        "9.1",
        |e| plain(e, 14),
        &[
            (To(V7_3), "EOPNOTSUPP"),
            (On(Oot), "EOPNOTSUPP | ok"),
            (Any, "EOPNOTSUPP"),
        ],
    ),
    check(
        "get_info.param-15",
        "9.1, 9.7",
        |e| plain(e, 15),
        &[
            (To(V7_3), "EOPNOTSUPP"),
            (On(Oot), "EOPNOTSUPP"),
            (Has(crate::axes::Feature::Coredump), "ok"),
            (Any, "EOPNOTSUPP"),
        ],
    ),
    check("get_info.param-16", "9.1", |e| plain(e, 16), UNKNOWN),
    check("get_info.param-99", "9.1", |e| plain(e, 99), UNKNOWN),
    check("get_info.param-all-ones", "9.1", |e| plain(e, u32::MAX), UNKNOWN),
];

const FAULT: Rules = &[(Any, "EFAULT")];
const UNKNOWN: Rules = &[(Any, "EOPNOTSUPP")];
const OOT_ONLY: Rules = &[
    (On(Oot), "ok | EINVAL | EFAULT | EPERM | EACCES | EOPNOTSUPP"),
    (Any, "EOPNOTSUPP"),
];

fn text<T: Into<String>>(env: &Env, param: u32, size: u32, show: fn(&Area) -> T) -> Outcome {
    let buffer = area(4096)?;
    match Client::open(env)?.get_info(param, &buffer, size) {
        Ok(_) => Ok(show(&buffer).into()),
        Err(fail) => said::<()>(Err(fail)),
    }
}

fn metadata(env: &Env, field: fn(&Area) -> u32) -> Outcome {
    let buffer = area(4096)?;
    Client::open(env)?.get_info(DRM_AMDXDNA_QUERY_AIE_METADATA, &buffer, 64)?;
    Ok(field(&buffer).to_string())
}

fn tile(env: &Env, at: usize) -> Outcome {
    let buffer = area(4096)?;
    Client::open(env)?.get_info(DRM_AMDXDNA_QUERY_AIE_METADATA, &buffer, 64)?;
    let field = |n: usize| u16::from_le_bytes([buffer.read(at + 2 * n, 2)[0], buffer.read(at + 2 * n, 2)[1]]);
    Ok(format!(
        "rows {} from {}, dma {}, locks {}, events {}",
        field(0),
        field(1),
        field(2),
        field(3),
        field(4)
    ))
}

fn size(env: &Env, param: u32, size: u32) -> Outcome {
    Ok(Client::open(env)?
        .get_info(param, &area(4096)?, size)?
        .to_string())
}

fn nowhere(env: &Env, param: u32, size: u32) -> Outcome {
    said(Client::open(env)?.get_info_at(param, NOWHERE, size))
}

fn plain(env: &Env, param: u32) -> Outcome {
    said(Client::open(env)?.get_info(param, &area(4096)?, 64))
}

fn clock_names(env: &Env) -> Outcome {
    let buffer = area(4096)?;
    Client::open(env)?.get_info(DRM_AMDXDNA_QUERY_CLOCK_METADATA, &buffer, 48)?;
    Ok(format!("{}, {}", string(&buffer, 0, 16), string(&buffer, 24, 16)))
}

pub(super) fn string(buffer: &Area, at: usize, len: usize) -> String {
    let bytes = buffer.read(at, len);
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(len);
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// (npuclk, hclk) of section 11, MHz.
const LEVELS_NPU1: [(u32, u32); 4] = [(400, 800), (600, 1024), (720, 1309), (847, 1600)];
const LEVELS: [(u32, u32); 7] = [
    (396, 792),
    (600, 1056),
    (792, 1152),
    (975, 1267),
    (1056, 1408),
    (1152, 1584),
    (1267, 1800),
];

fn clock_levels(env: &Env) -> Outcome {
    let xdna2 = env.xdna2()?;
    let buffer = area(4096)?;
    Client::open(env)?.get_info(DRM_AMDXDNA_QUERY_CLOCK_METADATA, &buffer, 48)?;
    let now = (buffer.word(16), buffer.word(40));
    yes(if xdna2 {
        LEVELS.contains(&now)
    } else {
        LEVELS_NPU1.contains(&now)
    })
}

fn firmware(env: &Env) -> Outcome {
    let said = text(env, 8, 16, |m| {
        [0, 4, 8, 12].map(|at| m.word(at).to_string()).join(".")
    })?;
    yes(env.node.attribute("fw_version").is_ok_and(|sysfs| sysfs == said))
}

fn mode(word: u32) -> &'static str {
    if word & 0xff <= POWER_MODE_TURBO {
        "known"
    } else {
        "unknown"
    }
}

/// AIE_VERSION into four of its eight bytes.
fn short(env: &Env) -> Outcome {
    let buffer = area(4096)?;
    buffer.write_words(0, &[0xaaaa_aaaa; 2]);
    Client::open(env)?.get_info(DRM_AMDXDNA_QUERY_AIE_VERSION, &buffer, 4)?;
    let part = buffer.word(0) == 1 && buffer.word(4) == 0xaaaa_aaaa;
    if env.sure(To(V7_0)) {
        return Ok(if buffer.word(0) == 1 {
            "whole or part"
        } else {
            "nothing"
        }
        .into());
    }
    Ok(if part { "part" } else { "whole" }.into())
}
