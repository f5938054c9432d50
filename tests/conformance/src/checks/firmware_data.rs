//! GET_ARRAY of firmware log, trace, coredump and tiles (driver-abi 9.7).

use xdna_uapi::*;

use super::get_array::{one, sized};
use crate::axes::Feature::{Coredump, FwLog, RwAccess};
use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Outcome, check, said};
use crate::client::area;
use crate::env::Env;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check("get_array.param-3", "9.4, 9.7", |e| sized(e, 3, 4096, 1), FW_LOG),
    check(
        "get_array.param-4",
        "9.4, 9.7",
        |e| sized(e, 4, 4096, 1),
        FW_TRACE,
    ),
    check(
        "get_array.param-5",
        "9.4, 9.7",
        |e| sized(e, 5, 4096, 1),
        COREDUMP,
    )
    .row("16.6 coredump, tile memory and register access"),
    check("get_array.param-7", "9.4, 9.7", |e| sized(e, 7, 16, 1), CONFIG),
    check(
        "get_array.param-7-short",
        "9.7",
        |e| sized(e, 7, 8, 1),
        CONFIG_SHORT,
    ),
    check("get_array.param-8", "9.4, 9.7", |e| sized(e, 8, 16, 1), CONFIG),
    check(
        "get_array.param-8-short",
        "9.7",
        |e| sized(e, 8, 8, 1),
        CONFIG_SHORT,
    ),
    check("get_array.param-9", "9.4, 9.7", |e| sized(e, 9, 64, 1), TILE),
    check("get_array.param-12", "9.4", |e| sized(e, 12, 64, 1), UNKNOWN),
    check("get_array.param-99", "9.4", |e| sized(e, 99, 64, 1), UNKNOWN),
    check("get_array.by-id", "9.4", |e| by_id(e, true), BY_ID),
    check(
        "get_array.by-id-unknown",
        "9.4",
        |e| by_id(e, false),
        BY_ID_UNKNOWN,
    ),
    check("get_array.by-id-zero", "9.4", |e| sized(e, 1, 160, 1), BY_ID_ZERO),
];

const UNKNOWN: Rules = &[
    (To(V6_17), "EINVAL"),
    (On(Oot), "EOPNOTSUPP | EINVAL"),
    (Any, "EOPNOTSUPP"),
];

/// Log on from probe, trace off; payloads need CAP_SYS_ADMIN. Out of tree both depend on module parameters.
const FW_LOG: Rules = &[
    (To(V6_17), "EINVAL"),
    (To(V7_3), "EOPNOTSUPP"),
    (Not(&Has(FwLog)), "EOPNOTSUPP | ESHUTDOWN | EPERM"),
    (Not(&Admin), "EPERM"),
    (On(Oot), "ok | ESHUTDOWN"),
    (Any, "ok"),
];
const FW_TRACE: Rules = &[
    (To(V6_17), "EINVAL"),
    (To(V7_3), "EOPNOTSUPP"),
    (Not(&Has(FwLog)), "EOPNOTSUPP | ESHUTDOWN | EPERM"),
    (Not(&Admin), "EPERM"),
    (On(Oot), "ok | ESHUTDOWN"),
    (Any, "ESHUTDOWN"),
];

/// The request names process 0: with the feature, no such context.
const COREDUMP: Rules = &[
    (To(V6_17), "EINVAL"),
    (To(V7_3), "EOPNOTSUPP"),
    (Not(&Has(Coredump)), "EOPNOTSUPP"),
    (On(Oot), "EINVAL"),
    (Any, "ENOENT | EINVAL"),
];
const CONFIG: Rules = &[
    (To(V6_17), "EINVAL"),
    (To(V7_3), "EOPNOTSUPP"),
    (Not(&Has(FwLog)), "EOPNOTSUPP"),
    (Any, "ok"),
];
const CONFIG_SHORT: Rules = &[
    (To(V6_17), "EINVAL"),
    (To(V7_3), "EOPNOTSUPP"),
    (Not(&Has(FwLog)), "EOPNOTSUPP"),
    (Any, "ENOSPC"),
];
const TILE: Rules = &[
    (To(V6_17), "EINVAL"),
    (To(V7_3), "EOPNOTSUPP"),
    (Not(&Has(RwAccess)), "EOPNOTSUPP"),
    (Any, "ENOENT | EINVAL"),
];
const BY_ID: Rules = &[
    (To(V6_17), "EINVAL"),
    (To(V7_3), "EOPNOTSUPP"),
    (On(Oot), "ok | EOPNOTSUPP"),
    (Any, "ok"),
];
const BY_ID_UNKNOWN: Rules = &[
    (To(V6_17), "EINVAL"),
    (To(V7_3), "EOPNOTSUPP"),
    (On(Oot), "ENOENT | EINVAL | EOPNOTSUPP"),
    (Any, "ENOENT"),
];
const BY_ID_ZERO: Rules = &[
    (To(V6_17), "EINVAL"),
    (To(V7_3), "EOPNOTSUPP"),
    (On(Oot), "EINVAL | EOPNOTSUPP"),
    (Any, "EINVAL"),
];

const NO_QOS: [u32; 8] = [0, 0, 0, 0, 0, 0, 0xff, 0];

fn by_id(env: &Env, known: bool) -> Outcome {
    let (client, _heap, context) = one(env, NO_QOS)?;
    let buffer = area(4096)?;
    buffer.write_words(0, &[if known { context } else { context + 1000 }]);
    buffer.write_words(16, &[std::process::id(), 0]);
    said(client.get_array(newer::HW_CONTEXT_BY_ID, &buffer, 160, 1))
}
