//! The NPU is on the bus, and amdxdna does not have it.

use crate::doctor::facts::Facts;
use crate::doctor::finding::Finding;
use crate::doctor::modules::OPTION;
use crate::doctor::npu::Npu;

/// The first kernel with the driver.
const FIRST_KERNEL: (u32, u32) = (6, 14);
/// The first kernel that speaks protocol 7.
const PROTOCOL_7: (u32, u32) = (7, 0);
/// The first kernel that refuses to start under a hypervisor.
const REFUSES_GUESTS: (u32, u32) = (6, 18);

/// Why.
pub(super) fn unbound(facts: &Facts, npu: &Npu) -> Finding {
    if let Some(other) = npu.driver.as_deref() {
        return taken(facts, npu, other);
    }
    if npu.chip.is_none() {
        return Finding::blocks(
            "unknown-chip",
            format!("{} is newer than what amdxdna's KMQ interface covers", npu.name()),
        )
        .seen(format!(
            "PCI 1022:{:04x} revision {:02x} at {}",
            npu.device, npu.revision, npu.address
        ))
        .todo("update the kernel and xdna");
    }
    if facts.modules.is_loaded || facts.modules.is_builtin {
        return probe_failed(facts, npu);
    }
    not_loaded(facts)
}

fn taken(facts: &Facts, npu: &Npu, other: &str) -> Finding {
    let address = &npu.address;
    let finding = Finding::blocks("bound-to-other-driver", format!("the NPU is bound to {other}"))
        .seen(format!("/sys/bus/pci/devices/{address}/driver -> {other}"));
    // An override keeps amdxdna away, and without the module there is nothing to bind to.
    let give_back = |finding: Finding| {
        let dir = "/sys/bus/pci";
        finding
            .todo("sudo modprobe amdxdna")
            .todo(format!("echo {address} | sudo tee {dir}/drivers/{other}/unbind"))
            .todo(format!("echo | sudo tee {dir}/devices/{address}/driver_override"))
            .todo(format!("echo {address} | sudo tee {dir}/drivers/amdxdna/bind"))
    };
    if other != "vfio-pci" {
        return give_back(finding);
    }
    let mut finding = Finding {
        id: "bound-to-vfio",
        what: "the NPU is bound to vfio-pci, which hands devices to virtual machines".into(),
        ..finding
    };
    if let Some(word) = facts
        .cmdline
        .iter()
        .find(|word| word.starts_with("vfio-pci.ids="))
    {
        finding = finding
            .seen(format!("kernel command line: {word}"))
            .todo(format!("take 1022:{:04x} out of it, and restart", npu.device));
    }
    for line in &facts.modules.vfio_ids {
        finding = finding
            .seen(line.clone())
            .todo("take the NPU's id out of it, or it is vfio-pci's again at the next start");
    }
    give_back(finding)
}

fn not_loaded(facts: &Facts) -> Finding {
    let modules = &facts.modules;
    let release = facts.release.clone().unwrap_or_else(|| "unknown".into());
    if !modules.blacklisted.is_empty() {
        return Finding::blocks("blacklisted", "loading amdxdna is forbidden")
            .seen_all(modules.blacklisted.iter().cloned())
            .todo("remove that, then: sudo modprobe amdxdna");
    }
    if let Some(file) = modules.files.first() {
        return Finding::blocks("not-loaded", "the kernel has amdxdna and has not loaded it")
            .seen(format!("{file} is there, /sys/module/amdxdna is not"))
            .todo("sudo modprobe amdxdna")
            .todo("if that fails, sudo dmesg says why");
    }
    if facts.version().is_some_and(|v| v < FIRST_KERNEL) {
        return Finding::blocks(
            "kernel-too-old",
            format!("Linux {release} has no amdxdna: Linux 6.14 was the first"),
        )
        .seen("no module amdxdna for this kernel")
        .todo("install Linux 6.14 or later (6.18 and later for XDNA2 firmware of 2025 on)");
    }
    match &modules.option {
        Some(('n', path)) => Finding::blocks("option-off", format!("this kernel was built without {OPTION}"))
            .seen(format!("{path}: {OPTION} is not set"))
            .todo("install a kernel of your distribution that has it, or build one with it"),
        Some((value, path)) => Finding::blocks(
            "module-not-installed",
            "this kernel's module amdxdna is not installed",
        )
        .seen(format!(
            "{path}: {OPTION}={value}, and modules.dep does not have amdxdna"
        ))
        .todo("Ubuntu: sudo apt install linux-modules-extra-$(uname -r)")
        .todo("Fedora: sudo dnf install kernel-modules-extra; elsewhere: the package of further modules"),
        None => {
            let seen = if modules.has_directory {
                format!("modules.dep of {release} does not have amdxdna")
            } else {
                format!("there is no /lib/modules/{release}")
            };
            Finding::blocks("module-missing", "this kernel has no module amdxdna")
                .seen(seen)
                .todo(format!("install a kernel with {OPTION}, 6.14 or later"))
        }
    }
}

fn probe_failed(facts: &Facts, npu: &Npu) -> Finding {
    let guest = facts.logged("Running under hypervisor not supported");
    let refuses = facts.version().is_some_and(|v| v >= REFUSES_GUESTS);
    if !guest.is_empty() || (facts.log.get().is_none() && facts.cpu.is_guest && refuses) {
        return Finding::blocks("refused-in-guest", "amdxdna does not start under a hypervisor")
            .seen_all(guest)
            .seen("the processor has the flag `hypervisor`")
            .todo("run xdna on the host");
    }
    let no_iommu = facts.logged("Running without IOMMU not supported");
    if !no_iommu.is_empty() {
        return super::opening::no_iommu(facts, npu).seen_all(no_iommu);
    }
    if let Some(finding) = dropped(facts, npu).or_else(|| firmware_missing(facts, npu)) {
        return finding;
    }
    let mut protocol = facts.logged("Incompatible firmware protocol");
    protocol.extend(facts.logged("Firmware minor version smaller than supported"));
    if !protocol.is_empty() {
        return firmware_protocol(facts, npu, protocol);
    }
    let finding = Finding::blocks("probe-failed", "amdxdna is loaded and does not take the NPU");
    let mut lines = facts.logged("amdxdna");
    let lines = lines.split_off(lines.len().saturating_sub(5));
    finding
        .seen_all(lines)
        .seen(format!(
            "firmware in {}: {}",
            npu.firmware_dir,
            npu.firmware.join(", ")
        ))
        .todo("sudo dmesg | grep -i -e amdxdna -e amdnpu")
        .todo("update the kernel and its firmware, then restart")
}

/// A chip that newer drivers no longer drive.
fn dropped(facts: &Facts, npu: &Npu) -> Option<Finding> {
    let is_dropped = npu.chip.is_some_and(|chip| chip.name == "npu2");
    let is_new = facts.version().is_some_and(|version| version >= PROTOCOL_7);
    (is_dropped && is_new).then(|| {
        Finding::blocks(
            "chip-dropped",
            "early Strix silicon (npu2) is not driven from Linux 7.0 on",
        )
        .seen(format!(
            "PCI 1022:{:04x} revision {:02x} at {}",
            npu.device, npu.revision, npu.address
        ))
        .todo("start Linux 6.14 to 6.19: choose it in the boot menu, or install it")
    })
}

/// No file that this kernel's driver would load.
fn firmware_missing(facts: &Facts, npu: &Npu) -> Option<Finding> {
    let takes_7 = facts.version().is_none_or(|version| version >= PROTOCOL_7);
    let is_taken = |name: &&String| takes_7 || !name.starts_with("npu_7.");
    // -2: no such file.
    let load = facts.logged("irect firmware load for amdnpu");
    let failed = load
        .iter()
        .any(|line| line.contains("error -2") && line.contains("/npu.sbin"));
    let has_one = npu.firmware.iter().any(|name| is_taken(&name));
    if has_one && !failed {
        return None;
    }
    if !has_one && !npu.firmware.is_empty() {
        return Some(firmware_protocol(facts, npu, load));
    }
    let finding = Finding::blocks("firmware-missing", "amdxdna found no firmware for this NPU");
    let finding = if npu.firmware.is_empty() {
        finding.seen(format!("no npu.sbin or npu_7.sbin in {}", npu.firmware_dir))
    } else {
        finding.seen(format!(
            "there is {} in {} now: it came after the driver started, or the initial RAM disk lacks it",
            npu.firmware.join(", "),
            npu.firmware_dir
        ))
    };
    Some(
        finding
            .seen_all(load)
            .todo("Debian: sudo apt install firmware-amd-graphics; Ubuntu: sudo apt install --only-upgrade linux-firmware")
            .todo("Fedora: sudo dnf upgrade linux-firmware; Arch: sudo pacman -S linux-firmware")
            .todo("sudo modprobe -r amdxdna && sudo modprobe amdxdna"),
    )
}

fn firmware_protocol(facts: &Facts, npu: &Npu, seen: Vec<String>) -> Finding {
    let finding = Finding::blocks(
        "firmware-protocol",
        "the firmware speaks a protocol that this kernel's driver does not",
    )
    .seen_all(seen.iter().cloned())
    .seen(format!(
        "firmware in {}: {}",
        npu.firmware_dir,
        npu.firmware.join(", ")
    ));
    let only_7 = npu.firmware.iter().all(|name| name.starts_with("npu_7."));
    let is_7 = only_7 || seen.iter().any(|line| line.contains("major 7"));
    match is_7 && facts.version().is_some_and(|v| v < PROTOCOL_7) {
        true => finding
            .todo("install Linux 7.0 or later, which speaks protocol 7")
            .todo("or put back the linux-firmware package of before protocol 7 (npu.sbin with protocol 6.12 or later)"),
        false => finding.todo(
            "update linux-firmware: this driver takes protocol 5.7 or later on XDNA1, 6.12 or later on XDNA2",
        ),
    }
}
