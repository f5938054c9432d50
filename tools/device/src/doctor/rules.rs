//! The decision table: from what was seen to what is wrong. Causes come in the order of a start: hardware, module,
//! firmware, node, open, use. What a cause explains is not reported again.

mod binding;
mod opening;
mod using;

use super::facts::Facts;
use super::finding::Finding;
use super::live::Live;
use super::npu::Npu;

/// Every finding about a machine.
pub(crate) fn all(facts: &Facts, live: Option<&Live>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(npu) = facts.npus.first() else {
        findings.push(if facts.has_bus {
            hardware(facts)
        } else {
            no_bus(facts)
        });
        findings.extend(other_accelerator(facts));
        return findings;
    };
    if npu.driver.as_deref() != Some("amdxdna") {
        findings.push(binding::unbound(facts, npu));
        findings.extend(other_accelerator(facts));
    } else if let Some(finding) = closed(facts, npu, live) {
        findings.push(finding);
    } else {
        findings.extend(accelerator_before(facts, npu));
        findings.extend(live.iter().flat_map(|live| using::live(live)));
        findings.extend(using::power(npu));
        findings.extend(using::memory_lock(facts));
    }
    findings.extend(facts.npus.iter().skip(1).filter_map(further));
    findings.extend(shadow(facts, live));
    findings
}

/// An NPU beside the one examined that its driver does not have.
fn further(npu: &Npu) -> Option<Finding> {
    let driver = npu.driver.as_deref();
    (driver != Some("amdxdna")).then(|| {
        Finding::note(
            "further-npu-unbound",
            format!("amdxdna does not have another NPU, {}", npu.name()),
        )
        .seen(format!("{}: {}", npu.address, driver.unwrap_or("no driver")))
        .todo(format!(
            "echo {} | sudo tee /sys/bus/pci/drivers/amdxdna/bind",
            npu.address
        ))
    })
}

/// Why the device can't be opened. That it was is the better proof than any rule.
fn closed(facts: &Facts, npu: &Npu, live: Option<&Live>) -> Option<Finding> {
    if live.is_some_and(|live| live.is_open) {
        return None;
    }
    opening::node(facts, npu).or_else(|| opening::open(facts, npu, live))
}

/// Without the bus nothing is known of the hardware.
fn no_bus(facts: &Facts) -> Finding {
    let finding = Finding::blocks(
        "bus-not-visible",
        "the PCI bus can't be seen, so no NPU can be found",
    )
    .seen("there is no /sys/bus/pci/devices");
    match &facts.container {
        Some(kind) => finding
            .seen(format!("running in {kind}"))
            .todo("start the container with --volume /sys:/sys:ro --device /dev/accel/accel0"),
        None => finding
            .todo("of a copy: make it as `xdna doctor --help` says; of this machine: sudo mount -t sysfs sysfs /sys"),
    }
}

/// There is no NPU on the PCI bus.
fn hardware(facts: &Facts) -> Finding {
    let cpu = &facts.cpu;
    let name = cpu
        .name
        .clone()
        .unwrap_or_else(|| "an unknown processor".to_owned());
    let seen = match cpu.name {
        Some(_) => format!(
            "{name}, family {} model {}; no NPU on the PCI bus",
            cpu.family, cpu.model
        ),
        None => format!("{name}; no NPU on the PCI bus"),
    };
    if cpu.is_guest {
        return Finding::blocks(
            "guest-without-device",
            "this is a virtual machine, and it was given no NPU",
        )
        .seen(format!("{seen}; the processor has the flag `hypervisor`"))
        .todo("run xdna on the host: amdxdna of Linux 6.18 and later refuses to start under a hypervisor");
    }
    if cpu.is_of_npu_series() {
        return Finding::blocks(
            "disabled-in-setup",
            "the processor is of a series with an NPU, and the PCI bus shows none",
        )
        .seen(seen)
        .seen("which families and models have an NPU is this program's own list: no driver and no kernel file says so")
        .todo("in the firmware setup (BIOS), look for IPU, NPU or Ryzen AI, and enable it")
        .todo("if there is no such entry: some models of this series have no NPU");
    }
    Finding::blocks("no-hardware", "this machine has no NPU that amdxdna drives")
        .seen(seen)
        .todo("xdna transcribe works without: it runs on the processor")
}

/// Another accelerator has the node that programs may expect the NPU at.
fn other_accelerator(facts: &Facts) -> Option<Finding> {
    let (number, driver) = facts
        .accelerators
        .iter()
        .find(|(_, d)| d.as_deref() != Some("amdxdna"))?;
    let driver = driver.as_deref().unwrap_or("an unknown driver");
    let finding = Finding::note(
        "other-accelerator",
        format!("/dev/accel/accel{number} is no NPU of this kind"),
    )
    .seen(format!("its driver is {driver}"));
    Some(
        finding.todo("programs that open accel0 by name find that one; xdna looks for the NPU by its PCI id"),
    )
}

/// The NPU is not where programs look that know one name only.
fn accelerator_before(facts: &Facts, npu: &Npu) -> Option<Finding> {
    let number = npu.accel.filter(|number| *number > 0)?;
    let (_, driver) = facts
        .accelerators
        .iter()
        .find(|(n, d)| *n == 0 && d.as_deref() != Some("amdxdna"))?;
    let driver = driver.as_deref().unwrap_or("an unknown driver");
    let what = format!("the NPU is /dev/accel/accel{number}: another accelerator holds accel0");
    let finding = Finding::warns("accel0-is-another", what).seen(format!("accel0 is {driver}'s"));
    Some(
        finding
            .todo(format!("xdna finds it by its PCI id: xdna info --device {number}"))
            .todo(format!("tell programs that open accel0 by name to open /dev/accel/accel{number}; in a container: --device /dev/accel/accel{number}")),
    )
}

/// A module from elsewhere hides the kernel's own.
fn shadow(facts: &Facts, live: Option<&Live>) -> Option<Finding> {
    let loaded = facts.modules.is_foreign || live.is_some_and(|live| live.is_out_of_tree);
    let file = facts.modules.shadow();
    if !loaded && file.is_none() {
        return None;
    }
    let mut finding = Finding::warns(
        "shadowed-module",
        if loaded {
            "an out-of-tree amdxdna is loaded instead of the kernel's own"
        } else {
            "an out-of-tree amdxdna would be loaded instead of the kernel's own"
        },
    );
    if let Some(file) = file {
        finding = finding.seen(format!("modprobe takes {file}"));
    }
    if live.is_some_and(|live| live.is_out_of_tree) {
        finding = finding.seen("the driver's version is 1.0: the kernel's own begin with 0");
    }
    if facts.modules.is_foreign {
        finding = finding.seen("/sys/module/amdxdna/taint has an O");
    }
    Some(
        finding
            .todo(
                "if that is not wanted: dkms status; sudo dkms remove xrt-amdxdna/VERSION --all; sudo depmod",
            )
            .todo("then: sudo modprobe -r amdxdna && sudo modprobe amdxdna"),
    )
}
