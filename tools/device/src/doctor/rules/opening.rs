//! amdxdna has the NPU, and programs can't open it.

use crate::doctor::facts::Facts;
use crate::doctor::finding::Finding;
use crate::doctor::live::Live;
use crate::doctor::npu::{Node, Npu};

/// The first kernel whose driver can do without shared addresses.
const FORCE_IOVA: (u32, u32) = (7, 1);

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

/// The group of files whose group has no number in a user namespace.
const OVERFLOW: u32 = 65534;

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
    if node.gid == OVERFLOW {
        let finding = Finding::blocks(
            "permission",
            "the NPU's group does not exist in this container, so the caller can't be in it",
        );
        return Some(
            finding
                .seen(seen)
                .todo(format!(
                    "podman: --device {path} --group-add keep-groups (and be in group render on the host)"
                ))
                .todo(format!(
                    "rootless docker: sudo setfacl -m u:$USER:rw {path} on the host"
                )),
        );
    }
    let by_group = node.mode & 0o060 == 0o060 && node.gid != 0;
    Some(if by_group {
        let known = facts
            .render_group
            .as_ref()
            .filter(|(number, _)| *number == node.gid);
        let group = known.map_or(node.gid.to_string(), |_| "render".to_owned());
        let finding = Finding::blocks(
            "permission",
            format!("only group {group} may open the NPU, and you are not in it"),
        );
        let is_member = known
            .zip(facts.user.as_ref())
            .is_some_and(|((_, list), user)| list.contains(user));
        if is_member {
            return Some(
                finding
                    .seen(seen)
                    .seen("/etc/group has you in it: this session is older")
                    .todo(format!(
                        "log out and in again; for this shell alone: newgrp {group}"
                    )),
            );
        }
        finding
            .seen(seen)
            .todo(format!("sudo usermod -aG {group} $USER, then log in again"))
            .todo(format!(
                "for a service: SupplementaryGroups={group}; in a container: --group-add {}",
                node.gid
            ))
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
    let container = facts.container.as_ref();
    Some(match errno {
        Some(libc::EPERM | libc::EACCES) if container.is_some() => {
            let kind = container.map(String::as_str).unwrap_or_default();
            Finding::blocks("container-without-device", "this container may not open the NPU")
                .seen(format!("running in {kind}"))
                .seen(text.clone())
                .todo(format!(
                    "start it with --device /dev/accel/accel{0} instead of a mount of the node",
                    npu.accel.unwrap_or(0)
                ))
        }
        Some(libc::EPERM | libc::EACCES) => Finding::blocks("permission", "you may not open the NPU")
            .seen(text.clone())
            .todo("sudo usermod -aG render $USER, then log in again")
            .todo("if you are in group render: a security module may forbid it; sudo dmesg | grep -i denied"),
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
                "Debian, Ubuntu: sudo sed -i 's/ *{word}//' /etc/default/grub && sudo update-grub, and restart"
            ))
            .todo(format!(
                "Fedora: sudo grubby --update-kernel=ALL --remove-args={word}, and restart; systemd-boot: /etc/kernel/cmdline"
            ));
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
    let finding =
        finding.todo("install another kernel of your distribution: some were built without SVA on x86");
    if facts.version().is_none_or(|version| version < FORCE_IOVA) {
        return finding.todo("Linux 7.1 and later can do without: amdxdna.force_iova=1");
    }
    finding
        .todo(
            "echo 'options amdxdna force_iova=1' | sudo tee /etc/modprobe.d/amdxdna.conf, which does without",
        )
        .todo("then: sudo modprobe -r amdxdna && sudo modprobe amdxdna")
}
