//! The fields of GET_ARRAY's context entries (driver-abi 9.4).

use super::get_array::{NO_QOS, entry, find, one};
use crate::axes::Feature::AppHealth;
use crate::axes::Kernel::*;
use crate::axes::When::*;
use crate::check::{Check, Outcome, check};
use crate::client::DEV;
use crate::env::Env;
use crate::sys::Area;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check(
        "get_array.entry-state",
        "9.4",
        |e| entry(e, |a| a.word(88).to_string()),
        &[(To(V6_17), "EINVAL"), (To(V7_3), "1"), (Any, "0 | 1")],
    ),
    check(
        "get_array.entry-qos-echoed",
        "9.4",
        qos_echoed,
        &[(To(V6_17), "EINVAL"), (Any, "0 30 5 33 7")],
    ),
    check(
        "get_array.entry-heap_usage",
        "9.4",
        heap_usage,
        &[(To(V6_17), "EINVAL"), (Any, "grows by 0x4000")],
    )
    .row("16.6 memory usage"),
    check(
        "get_array.entry-unused-counters",
        "9.4",
        |e| entry(e, unused),
        &[
            (To(V6_17), "EINVAL"),
            (To(V7_3), "0 0 0"),
            (Any, "0 0 0 | others"),
        ],
    ),
    check(
        "get_array.entry-health-without-feature",
        "9.4",
        health,
        &[(To(V6_17), "EINVAL"), (Any, "0")],
    ),
    check(
        "get_array.entry-process-name",
        "9.4",
        name,
        &[(To(V6_17), "EINVAL"), (To(V7_3), "no name"), (Any, "a name")],
    ),
];

fn unused(entry: &Area) -> String {
    let counters = [entry.long(40), entry.long(48), entry.long(56)];
    if counters == [0; 3] {
        "0 0 0".into()
    } else {
        "others".into()
    }
}

/// The health words of a context that never failed, without APP_HEALTH.
fn health(env: &Env) -> Outcome {
    env.only(Not(&Has(AppHealth)), "firmware or kernel without APP_HEALTH")?;
    entry(env, |entry| {
        (116..140)
            .step_by(4)
            .map(|at| entry.word(at))
            .fold(0, |all, word| all | word)
            .to_string()
    })
}

fn qos_echoed(env: &Env) -> Outcome {
    let (client, _heap, context) = one(env, [0, 30, 5, 33, 7, 0x200, 0xff, 0])?;
    Ok(find(&client, context, 144)?.map_or_else(
        |text| text,
        |entry| {
            [96, 100, 104, 108, 112]
                .map(|at| entry.word(at).to_string())
                .join(" ")
        },
    ))
}

fn heap_usage(env: &Env) -> Outcome {
    let (client, _heap, context) = one(env, NO_QOS)?;
    let before = match find(&client, context, 144)? {
        Ok(entry) => entry.long(72),
        Err(text) => return Ok(text),
    };
    client.create_bo(DEV, 0x4000)?;
    let after = find(&client, context, 144)?;
    Ok(after.map_or_else(
        |text| text,
        |entry| format!("grows by {:#x}", entry.long(72).wrapping_sub(before)),
    ))
}

fn name(env: &Env) -> Outcome {
    let (client, _heap, context) = one(env, NO_QOS)?;
    Ok(find(&client, context, 160)?.map_or_else(
        |text| text,
        |entry| {
            if entry.read(144, 16)[0] == 0 {
                "no name".into()
            } else {
                "a name".into()
            }
        },
    ))
}
