//! The NPU opens; what may still be wrong.

use std::collections::BTreeMap;

use crate::contexts::Entry;
use crate::doctor::facts::Facts;
use crate::doctor::finding::Finding;
use crate::doctor::live::Live;
use crate::doctor::npu::Npu;

/// The device heap: what programs lock at least.
const HEAP: u64 = 64 << 20;

/// What the device itself told.
pub(super) fn live(live: &Live) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(text) = &live.query {
        let finding = Finding::blocks("no-answer", "the NPU does not answer")
            .seen(text.clone())
            .todo("end the programs that use it, then: sudo modprobe -r amdxdna && sudo modprobe amdxdna");
        findings.push(finding.todo("if the module can't be removed: restart"));
        return findings;
    }
    if live.context_limit > 0 && live.contexts.len() >= live.context_limit {
        let what = format!("all {} hardware contexts are in use", live.context_limit);
        let finding = Finding::warns("contexts-exhausted", what).seen_all(owners(&live.contexts));
        findings.push(finding.todo("end one of these programs, or wait: `xdna contexts` shows what they do"));
    }
    if !live.stuck.is_empty() {
        let lines = live.stuck.iter().map(|c| {
            format!(
                "{} context {}: {} commands outstanding, none ended",
                c.owner(),
                c.id,
                c.outstanding
            )
        });
        let finding = Finding::warns(
            "no-progress",
            "commands are outstanding and the NPU makes no progress",
        );
        findings.push(
            finding
                .seen_all(lines)
                .todo("look again after the driver's time limit (2 s from Linux 7.2, 60 s before): it resets a hung context")
                .todo("xdna errors; sudo dmesg | grep -i amdxdna"),
        );
    }
    findings
}

/// Who has how many contexts.
fn owners(contexts: &[Entry]) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for context in contexts {
        *counts.entry(context.owner()).or_default() += 1;
    }
    counts
        .into_iter()
        .map(|(owner, n)| format!("{owner} has {n}"))
        .collect()
}

/// Runtime power management.
pub(super) fn power(npu: &Npu) -> Option<Finding> {
    match npu.runtime_status.as_deref()? {
        "suspended" => Some(Finding::note(
            "suspended",
            "the NPU is suspended, as it should be while nobody uses it; it resumes with the next command",
        )),
        "error" => Some(
            Finding::blocks("suspend-failed", "the NPU did not survive a suspend or a resume")
                .seen(format!(
                    "/sys/bus/pci/devices/{}/power/runtime_status is error",
                    npu.address
                ))
                .todo("sudo modprobe -r amdxdna && sudo modprobe amdxdna")
                .todo(format!(
                    "to keep it awake: echo on | sudo tee /sys/bus/pci/devices/{}/power/control",
                    npu.address
                )),
        ),
        _ => None,
    }
}

/// The limit of locked memory is below the device heap.
pub(super) fn memory_lock(facts: &Facts) -> Option<Finding> {
    let limit = facts.memlock??;
    if limit >= HEAP || facts.caller.as_ref().is_some_and(|c| c.can_lock) {
        return None;
    }
    Some(
        Finding::warns("memlock", format!("at most {} of memory can be locked: programs that lock the 64 MiB device heap, as XRT does, or hand over their own memory fail", xdna_terminal::bytes(limit)))
            .seen(format!("/proc/self/limits: Max locked memory {limit}"))
            .todo("echo '@render - memlock unlimited' | sudo tee /etc/security/limits.d/99-npu.conf, then log in again")
            .todo("for a service: LimitMEMLOCK=infinity; in a container: --ulimit memlock=-1:-1"),
    )
}
