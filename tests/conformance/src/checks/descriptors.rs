//! Copies of the descriptor, and what closing one takes with it (driver-abi 2.2).

use std::time::Duration;

use crate::axes::Kernel::*;
use crate::axes::Rules;
use crate::axes::When::*;
use crate::check::{Check, Fail, Outcome, check, said};
use crate::client::{Packet, Rig, step};
use crate::env::Env;
use crate::sys;

/// The checks of this area.
pub const CHECKS: &[Check] = &[
    check("fd.dup-and-close", "2.2 R", dup_close, TRAP),
    check("fd.fork-and-exit", "2.2 R", fork_exit, TRAP),
    check("fd.fork-and-exec", "2.2 R", fork_exec, TRAP),
    check("fd.context-destroyed-by-close", "2.2 R", destroy_after_trap, TRAP),
    check(
        "fd.buffers-survive-the-close",
        "2.2 R",
        buffers_survive,
        &[(Any, "ok")],
    ),
    check(
        "fd.new-context-after-the-close",
        "2.2 R",
        new_context,
        &[(Any, "ok")],
    ),
    check(
        "fd.delisted-after-the-close",
        "2.2 R",
        delisted,
        &[(To(V6_19), "not listed"), (Any, "listed")],
    ),
];

const TRAP: Rules = &[(To(V6_19), "EINVAL"), (Any, "ok")];

/// EXEC_CMD after a copy of the descriptor was closed; the packet names no compute unit.
fn exec(rig: &Rig) -> Outcome {
    said(rig.submit(&Packet::new(0, &[0; 8])))
}

fn duplicated(env: &Env) -> Result<Rig, Fail> {
    let rig = Rig::new(env)?;
    drop(step("dup", nix::unistd::dup(rig.client.fd()))?);
    Ok(rig)
}

fn dup_close(env: &Env) -> Outcome {
    exec(&duplicated(env)?)
}

fn fork_exit(env: &Env) -> Outcome {
    let rig = Rig::new(env)?;
    let child = step("fork", sys::fork(String::new))?;
    let _said = step("wait", child.finish(Duration::from_secs(10)))?;
    exec(&rig)
}

/// A subprocess that gets no descriptor of the device: exec closes its copy.
fn fork_exec(env: &Env) -> Outcome {
    let rig = Rig::new(env)?;
    let child = || {
        std::process::Command::new("/proc/self/exe")
            .arg("--help")
            .stdout(std::process::Stdio::null())
            .status()
    };
    let status = step("exec", child())?;
    if !status.success() {
        return Ok(status.to_string());
    }
    exec(&rig)
}

fn destroy_after_trap(env: &Env) -> Outcome {
    let rig = duplicated(env)?;
    said(rig.client.destroy_hwctx(rig.context.handle))
}

fn buffers_survive(env: &Env) -> Outcome {
    let rig = duplicated(env)?;
    said(rig.client.bo_info(rig.packet.handle))
}

fn new_context(env: &Env) -> Outcome {
    let rig = duplicated(env)?;
    said(rig.client.context(1))
}

fn delisted(env: &Env) -> Outcome {
    let rig = duplicated(env)?;
    rig.client.context(1)?;
    Ok(if rig.client.lists_this_process()? {
        "listed"
    } else {
        "not listed"
    }
    .into())
}
