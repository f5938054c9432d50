//! GET_INFO 5 and 0: contexts and the status of the array (driver-abi 1.4, 9.1, 9.2, 9.5).

use xdna_uapi::*;

use crate::axes::Device::Npu1;
use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Fail, Outcome, check, said, yes};
use crate::client::{Client, area, words};
use crate::env::Env;
use crate::sys::{Area, NOWHERE};

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check("get_info.hw_contexts-lists-us", "9.2", listed, &[(Any, "yes")]).row("16.6 HW_CONTEXTS"),
    check(
        "get_info.hw_contexts-size",
        "1.4, 9.1, 9.2",
        contexts_size,
        CONTEXTS_SIZE,
    ),
    check(
        "get_info.hw_contexts-none",
        "1.4, 9.1",
        contexts_none,
        &[(To(V6_17), "required 0"), (Any, "all left")],
    ),
    check(
        "get_info.hw_contexts-too-small",
        "1.4, 9.2",
        contexts_small,
        &[(To(V6_17), "EINVAL, required 64"), (Any, "ok, 63 left")],
    ),
    check("get_info.hw_contexts-nowhere", "9.1", contexts_nowhere, FAULT),
    check(
        "get_info.hw_contexts-other-clients",
        "9.2",
        other_clients,
        &[(Any, "yes")],
    ),
    check(
        "get_info.hw_contexts-gone-after-destroy",
        "9.2",
        gone,
        &[(Any, "yes")],
    ),
    check("get_info.aie_status-idle", "9.2", status_idle, &[(Any, "0x0")]),
    check(
        "get_info.aie_status-exact",
        "9.2 R",
        |e| status(e, 0),
        &[(Any, "ok")],
    ),
    check(
        "get_info.aie_status-larger",
        "1.4, 9.2 R",
        |e| status(e, 4096),
        &[(To(V7_0), "EINVAL"), (Any, "ok")],
    ),
    check(
        "get_info.aie_status-smaller",
        "1.4, 9.2 R",
        |e| status(e, -504),
        &[(To(V7_0), "EINVAL"), (Any, "ok")],
    ),
    check("get_info.aie_status-columns", "9.2, 6.3", status_columns, STATUS),
    check(
        "get_info.aie_status-blocks",
        "9.5 U",
        status_blocks,
        &[(Any, "yes")],
    ),
];

const FAULT: Rules = &[(Any, "EFAULT")];
const CONTEXTS_SIZE: Rules = &[(To(V6_17), "required 64"), (Any, "63 left")];
const STATUS: Rules = &[
    (Has(crate::axes::Feature::TemporalOnly), "0xff"),
    (Is(Npu1), "0x2"),
    (Any, "0x1"),
];
const ENTRY: u32 = size_of::<amdxdna_drm_query_hwctx>() as u32;

/// A client with one context.
fn one(env: &Env) -> Result<(Client, crate::client::Heap, u32), Fail> {
    let client = Client::open(env)?;
    let heap = client.heap()?;
    let context = client.context(1)?;
    Ok((client, heap, context.handle))
}

fn listed(env: &Env) -> Outcome {
    let (client, _heap, context) = one(env)?;
    let pid = u64::from(std::process::id());
    yes(client
        .contexts()?
        .iter()
        .any(|entry| entry.pid == pid && entry.handle == context))
}

fn contexts_size(env: &Env) -> Outcome {
    let (client, _heap, _) = one(env)?;
    client.sole(1)?;
    let size = client.get_info(DRM_AMDXDNA_QUERY_HW_CONTEXTS, &area(4096)?, 64 * ENTRY)?;
    Ok(if size == ENTRY {
        "required 64".into()
    } else {
        format!("{} left", size / ENTRY)
    })
}

fn contexts_none(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    client.sole(0)?;
    let size = client.get_info(DRM_AMDXDNA_QUERY_HW_CONTEXTS, &area(4096)?, 64 * ENTRY)?;
    Ok(match size {
        0 => "required 0".into(),
        size if size == 64 * ENTRY => "all left".into(),
        other => other.to_string(),
    })
}

fn contexts_small(env: &Env) -> Outcome {
    let (client, _heap, _) = one(env)?;
    client.sole(1)?;
    let buffer = area(4096)?;
    let mut arg = amdxdna_drm_get_info {
        param: DRM_AMDXDNA_QUERY_HW_CONTEXTS,
        buffer_size: ENTRY - 1,
        buffer: buffer.addr(),
    };
    let outcome = said(client.call(request::DRM_IOCTL_AMDXDNA_GET_INFO, &mut arg))?;
    Ok(match arg.buffer_size {
        64 => format!("{outcome}, required 64"),
        left => format!("{outcome}, {left} left"),
    })
}

fn contexts_nowhere(env: &Env) -> Outcome {
    let (client, _heap, _) = one(env)?;
    said(client.get_info_at(DRM_AMDXDNA_QUERY_HW_CONTEXTS, NOWHERE, 64 * ENTRY))
}

fn other_clients(env: &Env) -> Outcome {
    let (_client, _heap, context) = one(env)?;
    yes(Client::open(env)?
        .contexts()?
        .iter()
        .any(|entry| entry.handle == context))
}

fn gone(env: &Env) -> Outcome {
    let (client, _heap, context) = one(env)?;
    client.destroy_hwctx(context)?;
    yes(!client.lists_this_process()?)
}

/// AIE_STATUS with a dump buffer of `size` bytes; the bitmap of columns.
fn aie_status(client: &Client, dump: &Area, size: u32) -> Result<u32, Fail> {
    let address = dump.addr();
    let arg = words(&[address as u32, (address >> 32) as u32, size, 0])?;
    client.get_info(DRM_AMDXDNA_QUERY_AIE_STATUS, &arg, 16)?;
    Ok(arg.word(12))
}

fn exact(env: &Env) -> Result<u32, Fail> {
    env.xdna2()?;
    Ok(env.columns() * 504)
}

fn status_idle(env: &Env) -> Outcome {
    let client = Client::open(env)?;
    client.sole(0)?;
    Ok(format!("{:#x}", aie_status(&client, &area(8192)?, exact(env)?)?))
}

fn status(env: &Env, more: i32) -> Outcome {
    let (client, _heap, _) = one(env)?;
    said(aie_status(
        &client,
        &area(16384)?,
        exact(env)?.wrapping_add_signed(more),
    ))
}

/// A block for every set bit, without gaps: where it has lock values, which are of 6 bits, none is left of what was there.
fn status_blocks(env: &Env) -> Outcome {
    /// Offset of the lock values of each tile in a block, and their number.
    const LOCKS: [(usize, usize); 6] = [(64, 16), (144, 16), (224, 16), (304, 16), (392, 64), (488, 16)];
    let (client, _heap, _) = one(env)?;
    client.sole(1)?;
    let dump = area(8192)?;
    dump.write(0, &[0xa5; 8192]);
    let blocks = aie_status(&client, &dump, exact(env)?)?.count_ones() as usize;
    let locks = (0..blocks).flat_map(|block| LOCKS.map(|(at, count)| dump.read(504 * block + at, count)));
    let mut values = locks.flatten().peekable();
    yes(values.peek().is_some() && values.all(|value| value < 64))
}

fn status_columns(env: &Env) -> Outcome {
    let (client, _heap, _) = one(env)?;
    client.sole(1)?;
    Ok(format!("{:#x}", aie_status(&client, &area(8192)?, exact(env)?)?))
}
