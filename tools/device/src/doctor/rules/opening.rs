//! amdxdna has the NPU, and programs can't open it.

use crate::doctor::facts::Facts;
use crate::doctor::finding::Finding;
use crate::doctor::live::Live;
use crate::doctor::npu::{Node, Npu};

/// The device node is not there, or not for the caller.
pub(super) fn node(facts: &Facts, npu: &Npu) -> Option<Finding> {
    let Some(accel) = npu.accel else {
        let finding = Finding::blocks(
            "no-accel-device",
            "amdxdna has the NPU and made no accel device of it",
        )
        .seen(format!("/sys/bus/pci/devices/{}/accel is not there", npu.address));
        return Some(finding.todo("sudo dmesg | grep -i amdxdna"));
    };
    let path = format!("/dev/accel/accel{accel}");
    let Some(node) = npu.node else {
        return Some(match &facts.container {
            Some(kind) => Finding::blocks("container-without-device", "this container was not given the NPU")
                .seen(format!(
                    "running in {kind}; sysfs shows the NPU, {path} is not there"
                ))
                .todo(format!(
                    "start it with --device {path} --group-add $(getent group render | cut -d: -f3)"
                ))
                .todo("and with --ulimit memlock=-1:-1 for programs that lock buffers"),
            None => Finding::blocks("node-missing", format!("{path} is not there"))
                .seen("sysfs shows the NPU and its driver")
                .todo("sudo udevadm trigger --subsystem-match=accel")
                .todo(format!(
                    "what holds its numbers: /sys/class/accel/accel{accel}/dev"
                )),
        });
    };
    permission(facts, node, &path)
}

fn permission(facts: &Facts, node: Node, path: &str) -> Option<Finding> {
    let caller = facts.caller.as_ref()?;
    let shift = match () {
        () if caller.uid == node.uid => 6,
        () if caller.groups.contains(&node.gid) => 3,
        () => 0,
    };
    if caller.can_override || node.mode >> shift & 0o6 == 0o6 {
        return None;
    }
    let seen = format!(
        "{path} is {:04o}, user {} group {}; the caller is user {} in groups {}",
        node.mode,
        node.uid,
        node.gid,
        caller.uid,
        caller
            .groups
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    );
    let by_group = node.mode & 0o060 == 0o060 && node.gid != 0;
    Some(if by_group {
        let group = if facts.render_group == Some(node.gid) {
            "render".to_owned()
        } else {
            node.gid.to_string()
        };
        Finding::blocks(
            "permission",
            format!("only group {group} may open the NPU, and you are not in it"),
        )
        .seen(seen)
        .todo(format!("sudo usermod -aG {group} $USER, then log in again"))
        .todo("for a service: SupplementaryGroups=render; in a container: --group-add")
    } else {
        Finding::blocks(
            "udev-rule-missing",
            "only root may open the NPU: no udev rule gave it to a group",
        )
        .seen(seen)
        .todo(
            "echo 'SUBSYSTEM==\"accel\", KERNEL==\"accel*\", GROUP=\"render\", MODE=\"0660\"' | \
                 sudo tee /etc/udev/rules.d/70-accel.rules",
        )
        .todo("sudo udevadm control --reload && sudo udevadm trigger --subsystem-match=accel")
        .todo("sudo usermod -aG render $USER, then log in again")
    })
}

/// The driver refuses to open the device.
pub(super) fn open(facts: &Facts, npu: &Npu, live: Option<&Live>) -> Option<Finding> {
    let log = facts.logged("SVA bind device failed");
    let Some(live) = live else {
        // A copy: without an open, only what makes every open fail.
        let certain = !log.is_empty() || iommu_off(facts).is_some();
        return certain.then(|| no_iommu(facts, npu).seen_all(log));
    };
    let (errno, text) = live.open.as_ref()?;
    Some(match errno {
        Some(libc::EINVAL | libc::ENODEV | libc::EOPNOTSUPP) => {
            no_iommu(facts, npu).seen_all(log).seen(text.clone())
        }
        _ => Finding::blocks("open-failed", "the NPU can't be opened")
            .seen(text.clone())
            .todo("sudo dmesg | grep -i amdxdna"),
    })
}

/// The word of the kernel's command line that switches the IOMMU off.
fn iommu_off(facts: &Facts) -> Option<&str> {
    let words = facts.cmdline.iter().map(String::as_str);
    words
        .into_iter()
        .find(|word| matches!(*word, "amd_iommu=off" | "iommu=off"))
}

/// Programs can't share their addresses with the device.
pub(super) fn no_iommu(facts: &Facts, npu: &Npu) -> Finding {
    let what = "the driver can't share a program's address space with the NPU (IOMMU, SVA, PASID)";
    let finding = Finding::blocks("iommu", what);
    if let Some(word) = iommu_off(facts) {
        return finding
            .seen(format!("kernel command line: {word}"))
            .todo(format!(
                "take {word} out of GRUB_CMDLINE_LINUX in /etc/default/grub"
            ))
            .todo("sudo update-grub, and restart");
    }
    if !facts.has_iommu || !npu.has_iommu_group {
        return finding
            .seen(if facts.has_iommu {
                "the NPU is in no IOMMU group"
            } else {
                "/sys/class/iommu is empty"
            })
            .todo("enable IOMMU (AMD-Vi) in the firmware setup, and restart");
    }
    let finding = match npu.iommu_type.as_deref() {
        Some(kind) => finding.seen(format!("type of its IOMMU group: {kind}")),
        None => finding,
    };
    if npu.iommu_type.as_deref() == Some("identity") {
        return finding
            .todo("take iommu=pt out of the kernel command line, or add iommu.passthrough=0, and restart");
    }
    finding
        .todo("look for a kernel update: some kernels of distributions switched SVA off on x86")
        .todo("from Linux 7.1: modprobe amdxdna force_iova=1 works without")
}
