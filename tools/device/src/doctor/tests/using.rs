//! The driver has the NPU, and something else is wrong.

use std::os::unix::fs::symlink;

use super::machine::{Machine, RELEASE, pci};
use crate::doctor::finding::Severity;

#[test]
fn an_out_of_tree_module_that_hides_the_kernels_own_is_a_warning() {
    let m = Machine::new();
    m.file(
        &format!("lib/modules/{RELEASE}/modules.dep"),
        "kernel/drivers/accel/amdxdna/amdxdna.ko.zst:\nupdates/dkms/amdxdna.ko.zst:\n",
    );
    m.expect(
        "shadowed-module",
        &["updates/dkms/amdxdna.ko.zst", "would be loaded"],
    );
    m.file("sys/module/amdxdna/taint", "OE\n");
    m.expect("shadowed-module", &["is loaded instead"]);
    assert_eq!(m.diagnosis().findings[0].severity, Severity::Warns);
}

#[test]
fn another_accelerator_at_accel0_is_noted_where_the_npu_is_not() {
    let m = Machine::new();
    m.unloaded().file("sys/class/accel/accel0/device/x", "");
    symlink(
        "../../../bus/pci/drivers/intel_vpu",
        m.path("sys/class/accel/accel0/device/driver"),
    )
    .unwrap();
    let (ids, text) = m.found();
    assert_eq!(ids, ["not-loaded", "other-accelerator"]);
    assert!(text.contains("intel_vpu"), "{text}");
}

#[test]
fn another_accelerator_at_accel0_is_a_warning_where_the_npu_works() {
    let m = Machine::new();
    m.without(&format!("{}/accel/accel0", pci()))
        .file(&format!("{}/accel/accel1/dev", pci()), "261:1\n")
        .file("dev/accel/accel1", "")
        .file("sys/class/accel/accel0/device/x", "");
    symlink(
        "../../../bus/pci/drivers/intel_vpu",
        m.path("sys/class/accel/accel0/device/driver"),
    )
    .unwrap();
    std::fs::set_permissions(
        m.path("dev/accel/accel1"),
        std::os::unix::fs::PermissionsExt::from_mode(0o666),
    )
    .unwrap();
    m.expect(
        "accel0-is-another",
        &["intel_vpu", "/dev/accel/accel1", "--device 1"],
    );
    assert_eq!(m.diagnosis().exit(), xdna_terminal::Exit::Degraded);
}

#[test]
fn a_second_npu_without_its_driver_is_noted() {
    let m = Machine::new();
    let second = "sys/bus/pci/devices/0000:c6:00.1";
    m.file(&format!("{second}/vendor"), "0x1022\n")
        .file(&format!("{second}/device"), "0x17f0\n")
        .file(&format!("{second}/revision"), "0x11\n");
    m.expect(
        "further-npu-unbound",
        &["npu5", "0000:c6:00.1", "drivers/amdxdna/bind"],
    );
    assert_eq!(m.diagnosis().exit(), xdna_terminal::Exit::Done);
}

#[test]
fn a_node_for_the_group_render_alone_asks_to_join_it() {
    let m = Machine::new();
    // The copy's files belong to whoever runs the test: make that group render's.
    let gid = nix::unistd::getgid().as_raw();
    if gid == 0 {
        // Root's group would be a node without a rule, which the next test looks at.
        std::os::unix::fs::chown(m.path("dev/accel/accel0"), Some(0), Some(105)).unwrap();
    } else {
        m.file("etc/group", &format!("render:x:{gid}:\n"));
    }
    m.node(0o660).file(
        "proc/self/status",
        "Uid:\t4242\t4242\t4242\t4242\nGid:\t4242\t4242\nGroups:\t4242\nCapEff:\t0\n",
    );
    m.expect(
        "permission",
        &["usermod -aG render", "SupplementaryGroups=render", "user 4242"],
    );
}

/// What a copy that an ordinary user made says of the node.
const LISTED: &str = "660 0 105 dev/accel/accel0\n";
const STRANGER: &str = "Uid:\t4242\t4242\t4242\t4242\nGid:\t4242\t4242\nGroups:\t4242\nCapEff:\t0\n";

#[test]
fn a_member_whose_session_is_older_logs_in_again() {
    let m = Machine::new();
    m.without("dev/accel")
        .file("dev/accel.list", LISTED)
        .file("proc/self/status", STRANGER)
        .file("etc/passwd", "alice:x:4242:4242::/home/alice:/bin/sh\n");
    m.expect("permission", &["this session is older", "newgrp render"]);
    m.file("etc/passwd", "bob:x:4242:4242::/home/bob:/bin/sh\n");
    m.expect("permission", &["usermod -aG render", "--group-add 105"]);
}

#[test]
fn a_group_that_the_container_does_not_have_is_kept() {
    let m = Machine::new();
    m.without("dev/accel")
        .file("dev/accel.list", "660 65534 65534 dev/accel/accel0\n")
        .file("proc/self/status", STRANGER);
    m.expect("permission", &["--group-add keep-groups"]);
}

#[test]
fn a_node_for_root_alone_lacks_its_udev_rule() {
    let m = Machine::new();
    m.node(0o600).file(
        "proc/self/status",
        "Uid:\t4242\t4242\t4242\t4242\nGid:\t4242\t4242\nGroups:\t4242\nCapEff:\t0\n",
    );
    m.expect("udev-rule-missing", &["70-accel.rules", "0600"]);
}

#[test]
fn root_may_open_any_node() {
    let m = Machine::new();
    m.node(0o600).file(
        "proc/self/status",
        "Uid:\t4242\t4242\t4242\t4242\nGid:\t0\t0\nGroups:\t\nCapEff:\t000001ffffffffff\n",
    );
    assert_eq!(m.found().0, Vec::<&str>::new());
}

#[test]
fn a_container_without_the_node_says_how_to_start_it() {
    let m = Machine::new();
    m.without("dev/accel").file("run/.containerenv", "");
    m.expect(
        "container-without-device",
        &["podman", "--device /dev/accel/accel0"],
    );
    m.file("run/systemd/container", "lxc\n");
    m.expect("container-without-device", &["running in lxc"]);
}

#[test]
fn a_node_that_is_missing_elsewhere_is_udevs_matter() {
    let m = Machine::new();
    m.without("dev/accel");
    m.expect("node-missing", &["udevadm trigger"]);
    m.without(&format!("{}/accel", pci()));
    m.expect("no-accel-device", &["dmesg"]);
}

#[test]
fn a_small_limit_of_locked_memory_is_a_warning_with_three_ways_out() {
    let m = Machine::new();
    m.file(
        "proc/self/limits",
        "Max locked memory         8388608              8388608              bytes\n",
    );
    m.expect(
        "memlock",
        &[
            "8 MiB",
            "LimitMEMLOCK=infinity",
            "--ulimit memlock=-1:-1",
            "limits.d",
        ],
    );
    assert_eq!(m.diagnosis().exit(), xdna_terminal::Exit::Degraded);
    m.file(
        "proc/self/limits",
        "Max locked memory         67108864             67108864             bytes\n",
    );
    assert_eq!(m.found().0, Vec::<&str>::new());
}

#[test]
fn power_management_is_fine_asleep_and_not_in_error() {
    let m = Machine::new();
    m.file(&format!("{}/power/runtime_status", pci()), "suspended\n");
    assert_eq!(m.found().0, ["suspended"]);
    assert_eq!(m.diagnosis().exit(), xdna_terminal::Exit::Done);
    m.file(&format!("{}/power/runtime_status", pci()), "error\n");
    m.expect("suspend-failed", &["modprobe -r", "power/control"]);
    assert_eq!(m.diagnosis().exit(), xdna_terminal::Exit::NoDevice);
}

/// The page for users shows what is said now.
#[test]
fn the_page_of_examples_is_true() {
    let page = include_str!("../../../../../docs/diagnose.md");
    let group = Machine::new();
    group.file("dev/accel.list", LISTED).file(
        "proc/self/status",
        "Uid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\nGroups:\t27 1000\nCapEff:\t0\n",
    );
    let protocol = Machine::new();
    protocol.unbound().log(
        "amdxdna 0000:c5:00.1: [drm] *ERROR* aie2_check_protocol: Incompatible firmware protocol major 7 minor 2\n",
    );
    let iommu = Machine::new();
    iommu.file("proc/cmdline", "quiet amd_iommu=off\n");
    for machine in [group, protocol, iommu] {
        let text = crate::show::View::text(&machine.diagnosis());
        assert!(page.contains(&text), "{text}");
    }
}
