//! GET_ARRAY 6: memory of a process (driver-abi 9.4).

use xdna_uapi::*;

use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Fail, Outcome, check, said};
use crate::client::{CMD, Client, DEV, HEAP_CHUNK, SHARE, area};
use crate::env::Env;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check(
        "bo_usage.fresh",
        "9.4",
        |e| usage(e, fresh),
        &[
            (To(V6_17), "EINVAL"),
            (To(V7_0), "EOPNOTSUPP"),
            (Any, "0x0 0x0 0x0"),
        ],
    ),
    check(
        "bo_usage.of-the-vendors-test",
        "9.4, 16.2 D",
        |e| usage(e, vendors),
        USAGE,
    )
    .row("16.2 usage accounting"),
    check(
        "bo_usage.share-is-external",
        "9.4",
        |e| usage(e, share_only),
        &[
            (To(V6_17), "EINVAL"),
            (To(V7_0), "EOPNOTSUPP"),
            (Any, "0x14000 0x0 0x0"),
        ],
    ),
    check(
        "bo_usage.given-back",
        "9.4",
        |e| usage(e, given_back),
        &[
            (To(V6_17), "EINVAL"),
            (To(V7_0), "EOPNOTSUPP"),
            (Any, "0x0 0x0 0x0"),
        ],
    ),
    check(
        "bo_usage.dev-page-rounded",
        "9.4",
        |e| usage(e, dev_rounded),
        &[
            (To(V6_17), "EINVAL"),
            (To(V7_0), "EOPNOTSUPP"),
            (Any, "0x4000000 0x4000000 0x1000"),
        ],
    ),
    check("bo_usage.pid-0", "9.4", |e| pid(e, 0, 1), REFUSED_L8),
    check(
        "bo_usage.pid-unknown",
        "9.4",
        |e| pid(e, 0x7fff_fff0, 1),
        &[
            (To(V6_17), "EINVAL"),
            (To(V7_0), "EOPNOTSUPP"),
            (Any, "ok, zeros"),
        ],
    ),
    check(
        "bo_usage.two-elements",
        "9.4",
        |e| pid(e, std::process::id(), 2),
        REFUSED_L8,
    ),
];

const REFUSED_L8: Rules = &[(To(V6_17), "EINVAL"), (To(V7_0), "EOPNOTSUPP"), (Any, "EINVAL")];
const USAGE: Rules = &[
    (To(V6_17), "EINVAL"),
    (To(V7_0), "EOPNOTSUPP"),
    (Any, "0x4020000 0x400c000 0x4000"),
];
/// Total, internal and heap bytes after `fill`.
fn usage(env: &Env, fill: fn(&Client) -> Result<(), Fail>) -> Outcome {
    let client = Client::open(env)?;
    fill(&client)?;
    let buffer = area(4096)?;
    buffer.write_words(0, &[std::process::id(), 0]);
    match client.get_array(DRM_AMDXDNA_BO_USAGE, &buffer, 32, 1) {
        Ok(_) => Ok(format!(
            "{:#x} {:#x} {:#x}",
            buffer.long(8),
            buffer.long(16),
            buffer.long(24)
        )),
        Err(fail) => said::<()>(Err(fail)),
    }
}

fn fresh(_: &Client) -> Result<(), Fail> {
    Ok(())
}

fn share_only(client: &Client) -> Result<(), Fail> {
    client.create_bo(SHARE, 0x14000).map(drop)
}

fn given_back(client: &Client) -> Result<(), Fail> {
    let share = client.create_bo(SHARE, 0x14000)?;
    let cmd = client.create_bo(CMD, 4096)?;
    client.gem_close(share)?;
    client.gem_close(cmd)
}

fn dev_rounded(client: &Client) -> Result<(), Fail> {
    let _heap = client.heap()?;
    client.create_bo(DEV, 100).map(drop)
}

/// The amounts of the vendor's test; the CMD-class part in commands of 4 KiB, which every level takes.
fn vendors(client: &Client) -> Result<(), Fail> {
    let _heap = client.heap()?;
    client.create_bo(SHARE, 0x14000)?;
    for _ in 0..0xC000 / 4096 {
        client.create_bo(CMD, 4096)?;
    }
    client.create_bo(DEV, 0x4000)?;
    debug_assert_eq!(HEAP_CHUNK, 0x400_0000);
    Ok(())
}

fn pid(env: &Env, pid: u32, count: u32) -> Outcome {
    let buffer = area(4096)?;
    buffer.write_words(0, &[pid, 0, 9, 9, 9, 9, 9, 9]);
    match Client::open(env)?.get_array(DRM_AMDXDNA_BO_USAGE, &buffer, 32, count) {
        Ok(_) => {
            let zeros = (8..32).step_by(8).all(|at| buffer.long(at) == 0);
            Ok(if zeros { "ok, zeros" } else { "ok" }.into())
        }
        Err(fail) => said::<()>(Err(fail)),
    }
}
