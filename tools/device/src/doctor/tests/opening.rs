//! What opening the device brings, where it is this machine's: the rules on answers that no copy can give.

use super::machine::Machine;
use crate::doctor::facts::Facts;
use crate::doctor::finding::Finding;
use crate::doctor::live::Live;
use crate::doctor::root::Root;
use crate::doctor::rules;

fn facts(m: &Machine) -> Facts {
    Facts::gather(&Root::copy(m.path("")).unwrap())
}

/// What is found where opening failed with this errno.
fn failed(m: &Machine, errno: i32) -> (Vec<&'static str>, String) {
    let live = Live {
        open: Some((Some(errno), format!("open failed with errno {errno}"))),
        ..Live::default()
    };
    let findings = rules::all(&facts(m), Some(&live));
    let text = findings.iter().map(Finding::text).collect();
    (findings.iter().map(|f| f.id).collect(), text)
}

#[test]
fn an_open_that_the_driver_refuses_is_the_iommu() {
    for errno in [libc::EINVAL, libc::ENODEV, libc::EOPNOTSUPP] {
        let (ids, text) = failed(&Machine::new(), errno);
        assert_eq!(ids, ["iommu"], "{errno}: {text}");
        assert!(text.contains(&format!("errno {errno}")), "{text}");
    }
}

#[test]
fn an_open_that_fails_otherwise_asks_for_the_log() {
    let (ids, text) = failed(&Machine::new(), libc::EIO);
    assert_eq!(ids, ["open-failed"]);
    assert!(text.contains("do:   sudo dmesg | grep -i amdxdna"), "{text}");
}

#[test]
fn an_open_that_is_forbidden_although_the_bits_allow_it_is_the_containers_or_a_security_modules() {
    let m = Machine::new();
    let (ids, text) = failed(&m, libc::EPERM);
    assert_eq!(ids, ["permission"]);
    assert!(text.contains("grep -i denied"), "{text}");
    m.file("run/.containerenv", "");
    let (ids, text) = failed(&m, libc::EPERM);
    assert_eq!(ids, ["container-without-device"]);
    assert!(
        text.contains("--device /dev/accel/accel0 instead of a mount"),
        "{text}"
    );
}

#[test]
fn a_device_that_opened_is_open_whatever_the_bits_say() {
    let m = Machine::new();
    m.node(0o600).file(
        "proc/self/status",
        "Uid:\t4242\t4242\t4242\t4242\nGid:\t4242\t4242\nGroups:\t4242\nCapEff:\t0\n",
    );
    assert_eq!(m.found().0, ["udev-rule-missing"]);
    let live = Live {
        is_open: true,
        ..Live::default()
    };
    assert_eq!(rules::all(&facts(&m), Some(&live)), []);
}

#[test]
fn asleep_and_hung_are_two_findings() {
    let m = Machine::new();
    m.file(
        &format!("{}/power/runtime_status", super::machine::pci()),
        "suspended\n",
    );
    let live = Live {
        is_open: true,
        query: Some("GET_INFO failed: timed out".into()),
        ..Live::default()
    };
    let ids: Vec<_> = rules::all(&facts(&m), Some(&live)).iter().map(|f| f.id).collect();
    assert_eq!(ids, ["no-answer", "suspended"]);
}
