//! Context limits, column allocation and QoS (driver-abi 6.2, 6.3, 6.4).

use crate::axes::Device::Npu1;
use crate::axes::Feature::TemporalOnly;
use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Fail, Outcome, check, said};
use crate::client::{Client, Heap};
use crate::env::Env;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check("limit.contexts-at-once", "6.2 D", limit, LIMIT).row("16.3 maximum contexts"),
    check("limit.beyond", "6.1, 6.2 D", beyond, BEYOND),
    check("limit.is-device-wide", "6.2 D", device_wide, BEYOND),
    check(
        "limit.freed-by-destroy",
        "6.2 D",
        freed_by_destroy,
        &[(Any, "ok")],
    ),
    check("limit.freed-by-close", "6.2 D", freed_by_close, &[(Any, "ok")]),
    check(
        "limit.10000-contexts",
        "16.3 D",
        ten_thousand,
        &[(Any, "refused part-way, all released")],
    )
    .row("16.3 too many"),
    check(
        "columns.first-context",
        "6.3",
        |e| where_is(e, &[1], 0),
        &[(TEMPORAL, "0+8"), (Is(Npu1), "1+1"), (Any, "0+1")],
    ),
    check(
        "columns.four",
        "6.3",
        |e| where_is(e, &[4], 0),
        &[(TEMPORAL, "0+8"), (Is(Npu1), "1+4"), (Any, "0+4")],
    ),
    check("columns.all-of-npu1", "6.3", |e| npu1(e, &[5]), NPU1_ALL),
    check(
        "columns.second-beside-first",
        "6.3",
        |e| where_is(e, &[2, 2], 1),
        &[(TEMPORAL, "0+8"), (Is(Npu1), "3+2"), (Any, "2+2")],
    ),
    check(
        "columns.three-after-one",
        "6.3",
        |e| where_is(e, &[1, 3], 1),
        &[(TEMPORAL, "0+8"), (Is(Npu1), "2+3"), (Any, "3+3")],
    ),
    check(
        "columns.share-same-width",
        "6.3",
        |e| where_is(e, &[4, 4, 4], 2),
        &[(TEMPORAL, "0+8"), (Is(Npu1), "1+4"), (Any, "0+4")],
    ),
    check(
        "columns.fewest-sharers",
        "6.3",
        |e| where_is(e, &[2, 2, 2, 2], 3),
        &[(TEMPORAL, "0+8"), (Is(Npu1), "3+2"), (Any, "6+2")],
    ),
    check(
        "columns.two-beside-four",
        "6.3",
        |e| where_is(e, &[4, 2], 1),
        &[(TEMPORAL, "0+8"), (Is(Npu1), "ENODEV"), (Any, "4+2")],
    ),
    check(
        "columns.one-beside-four",
        "6.3",
        |e| where_is(e, &[4, 1], 1),
        &[(TEMPORAL, "0+8"), (Is(Npu1), "ENODEV"), (Any, "4+1")],
    ),
    check(
        "columns.eight-and-four",
        "6.3",
        |e| xdna2(e, &[8, 4]),
        &[(TEMPORAL, "0+8"), (Any, "ENODEV")],
    ),
    check("columns.released", "6.3", released, &[(Any, "ok")]),
    check(
        "columns.unused-reported",
        "6.3, 9.4",
        |e| where_is(e, &[3], 0),
        &[(TEMPORAL, "0+8"), (Is(Npu1), "1+3"), (Any, "0+3")],
    ),
];

pub(super) const TEMPORAL: crate::axes::When = Has(TemporalOnly);

const LIMIT: Rules = &[(On(Oot), "6 | 16 | more"), (Xdna2, "16"), (Any, "6")];
const BEYOND: Rules = &[(On(Oot), "ENOENT | ok"), (Any, "EINVAL")];
const NPU1_ALL: Rules = &[(Any, "0+5")];

/// A client with a heap, on a device nobody else uses.
pub(super) fn alone(env: &Env) -> Result<(Client, Heap), Fail> {
    let client = Client::open(env)?;
    let heap = client.heap()?;
    Ok((client, heap))
}

/// Contexts of all processes, as far as a query tells.
fn live(client: &Client) -> Result<usize, Fail> {
    Ok(client.contexts()?.len())
}

/// Creates one-column contexts until one is refused: how many, and the errno.
fn fill(client: &Client) -> Result<(usize, String, Vec<u32>), Fail> {
    let mut handles = Vec::new();
    for _ in 0..200 {
        match client.context(1) {
            Ok(context) => handles.push(context.handle),
            Err(fail) => return Ok((handles.len(), said::<()>(Err(fail))?, handles)),
        }
    }
    Ok((handles.len(), "ok".into(), handles))
}

fn limit(env: &Env) -> Outcome {
    let (client, _heap) = alone(env)?;
    client.sole(0)?;
    let (count, ..) = fill(&client)?;
    Ok(match count {
        6 | 16 => count.to_string(),
        17.. if env.sure(On(Oot)) => "more".into(),
        other => other.to_string(),
    })
}

fn beyond(env: &Env) -> Outcome {
    let (client, _heap) = alone(env)?;
    client.sole(0)?;
    Ok(fill(&client)?.1)
}

fn device_wide(env: &Env) -> Outcome {
    let (client, _heap) = alone(env)?;
    client.sole(0)?;
    fill(&client)?;
    let (other, _other_heap) = alone(env)?;
    said(other.context(1))
}

fn freed_by_destroy(env: &Env) -> Outcome {
    let (client, _heap) = alone(env)?;
    let (_, _, handles) = fill(&client)?;
    if let Some(last) = handles.last() {
        client.destroy_hwctx(*last)?;
    }
    said(client.context(1))
}

fn freed_by_close(env: &Env) -> Outcome {
    let (client, heap) = alone(env)?;
    fill(&client)?;
    drop((client, heap));
    let (again, _heap) = alone(env)?;
    said(again.context(1))
}

fn ten_thousand(env: &Env) -> Outcome {
    let (client, heap) = alone(env)?;
    client.sole(0)?;
    let mut made = 0;
    while made < 10_000 && client.context(1).is_ok() {
        made += 1;
    }
    drop((client, heap));
    let left = live(&Client::open(env)?)?;
    let part = if made < 10_000 {
        "refused part-way"
    } else {
        "never refused"
    };
    Ok(format!(
        "{part}, {}",
        if left == 0 { "all released" } else { "some kept" }
    ))
}

/// Creates contexts of these widths; first column and columns of the one with this index, or the first refusal.
fn where_is(env: &Env, widths: &[u32], index: usize) -> Outcome {
    let (client, _heap) = alone(env)?;
    client.sole(0)?;
    let mut handles = Vec::new();
    for width in widths {
        match client.context(*width) {
            Ok(context) => handles.push(context.handle),
            Err(fail) => return said::<()>(Err(fail)),
        }
    }
    let wanted = handles[index];
    let found = client
        .contexts()?
        .into_iter()
        .find(|entry| entry.handle == wanted);
    Ok(found.map_or("not listed".into(), |entry| {
        format!("{}+{}", entry.start_col, entry.num_col)
    }))
}

fn npu1(env: &Env, widths: &[u32]) -> Outcome {
    if env.xdna2()? {
        return Err(Fail::Needs("npu1"));
    }
    where_is(env, widths, widths.len() - 1)
}

fn xdna2(env: &Env, widths: &[u32]) -> Outcome {
    if !env.xdna2()? {
        return Err(Fail::Needs("npu4, npu5 or npu6"));
    }
    where_is(env, widths, widths.len() - 1)
}

fn released(env: &Env) -> Outcome {
    let (client, _heap) = alone(env)?;
    client.sole(0)?;
    let wide = client.context(4)?;
    client.destroy_hwctx(wide.handle)?;
    said(client.context(2))
}
