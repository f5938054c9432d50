//! What follows from what a driver shows.

use super::*;

fn shown(device: u16, revision: u8, level: i32, product: &'static str) -> Shown<'static> {
    Shown {
        chip: Chip::identify(device, revision).unwrap(),
        level,
        is_out_of_tree: false,
        product: Some(product),
        has_log: None,
        has_coredump: None,
    }
}

fn has(shown: Shown<'_>, name: &str) -> Reported<bool> {
    shown.features().find(|(n, ..)| n.contains(name)).unwrap().1
}

#[test]
fn a_driver_that_runs_has_accepted_the_protocol() {
    let text = |shown: Shown<'_>| shown.protocol().to_string();
    let npu1 = shown(0x1502, 0, 10, "RyzenAI-npu1");
    assert_eq!(
        text(npu1),
        "5.7 or later, below 6.0 (concluded: this driver takes no other)"
    );
    let old = shown(0x17f0, 0x10, 1, "RyzenAI-npu4");
    assert_eq!(
        text(old),
        "6.12 or later, below 7.0 (concluded: this driver takes no other)"
    );
    // 6.19 and 7.0 have one level: 7.0 takes protocol 7.
    assert!(text(shown(0x17f0, 0x10, 6, "RyzenAI-npu4")).starts_with("6.12 or later (concluded"));
}

#[test]
fn what_depends_on_firmware_bounds_its_protocol() {
    let by_name = shown(0x17f0, 0x10, 10, "NPU Strix");
    assert_eq!(by_name.protocol().get().unwrap().at_least, Some((6, 24)));
    let nameless = shown(0x17f0, 0x10, 10, "RyzenAI-npu4");
    assert_eq!(nameless.protocol().get().unwrap().below, Some((6, 24)));
    let staging = Shown {
        level: 16,
        has_log: Some(true),
        has_coredump: Some(false),
        ..nameless
    };
    let protocol = staging.protocol();
    let protocol = protocol.get().unwrap();
    assert_eq!(
        (protocol.at_least, protocol.below),
        (Some((6, 19)), Some((6, 24)))
    );
    let foreign = Shown {
        is_out_of_tree: true,
        ..nameless
    };
    assert_eq!(foreign.protocol(), Reported::Missing(Missing::Driver));
}

#[test]
fn features_follow_from_generation_driver_and_bounds() {
    let npu1 = shown(0x1502, 0, 10, "RyzenAI-npu1");
    assert_eq!(has(npu1, "PREEMPT"), Reported::Is(false));
    assert!(has(npu1, "NPU_COMMAND").missing().is_some());
    let old = shown(0x17f0, 0x10, 1, "RyzenAI-npu4");
    assert_eq!(has(old, "PREEMPT"), Reported::Is(false));
    let new = shown(0x17f0, 0x10, 10, "NPU Strix");
    for name in ["NPU_COMMAND", "PREEMPT", "ADD_HOST_BUFFER", "GET_DEV_REVISION"] {
        assert_eq!(has(new, name), Reported::Is(true), "{name}");
    }
    assert_eq!(has(new, "FW_LOG"), Reported::Is(false));
    let nameless = shown(0x17f0, 0x10, 10, "RyzenAI-npu4");
    assert_eq!(has(nameless, "GET_DEV_REVISION"), Reported::Is(false));
    assert!(has(nameless, "ADD_HOST_BUFFER").missing().is_some());
}
