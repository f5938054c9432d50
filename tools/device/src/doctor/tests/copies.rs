//! Copies of machines that somebody made badly, or to do harm.

use std::fs;
use std::os::unix::fs::symlink;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::machine::{Machine, pci};
use crate::doctor::diagnose;
use crate::show::View;

#[test]
fn a_copy_of_nothing_is_no_machine_that_is_well() {
    let empty = tempfile::tempdir().unwrap();
    let diagnosis = diagnose(Some(empty.path().to_owned()), None).unwrap();
    assert_eq!(diagnosis.findings[0].id, "bus-not-visible");
    let text = diagnosis.text();
    assert!(
        text.contains("not looked at: the kernel's release, the processor, the PCI bus"),
        "{text}"
    );
    assert!(!text.contains("family 0"), "{text}");
}

#[test]
fn what_is_missing_is_not_said_to_be_right() {
    let m = Machine::new();
    m.without("proc/self/status").node(0o600);
    let text = m.diagnosis().text();
    assert!(text.contains("\nnot looked at: the caller's rights\n"), "{text}");
    assert!(
        text.ends_with("\nNothing is wrong with what was looked at.\n"),
        "{text}"
    );
}

#[test]
fn links_lead_nowhere_but_into_the_copy() {
    let m = Machine::new();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("cmdline"), "amd_iommu=off\n").unwrap();
    m.without("proc/cmdline");
    symlink(outside.path().join("cmdline"), m.path("proc/cmdline")).unwrap();
    let text = m.diagnosis().text();
    assert!(
        text.contains("not looked at: the kernel's command line"),
        "{text}"
    );
    // As distributions have it: an absolute link is the copy's own.
    fs::rename(m.path("lib"), m.path("real")).unwrap();
    symlink("/real", m.path("lib")).unwrap();
    m.without("proc/cmdline").file("proc/cmdline", "quiet\n");
    assert!(m.diagnosis().text().ends_with("\nNothing is wrong.\n"));
}

#[test]
fn what_would_wait_or_never_end_is_no_file() {
    let m = Machine::new();
    m.without("proc/cpuinfo").without("etc/group");
    mkfifo(&m.path("proc/cpuinfo"), Mode::S_IRWXU).unwrap();
    symlink("/dev/zero", m.path("etc/group")).unwrap();
    let text = m.diagnosis().text();
    assert!(text.contains("not looked at: the processor\n"), "{text}");
}

#[test]
fn files_of_noise_end_in_words() {
    let m = Machine::new();
    let noise: Vec<u8> = (0..4096_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    for path in [
        "proc/cmdline",
        "proc/cpuinfo",
        "proc/self/status",
        "proc/self/limits",
        "etc/group",
        "var/log/dmesg",
    ] {
        fs::write(m.path(path), &noise).unwrap();
    }
    fs::write(m.path(&format!("{}/revision", pci())), &noise).unwrap();
    let text = m.diagnosis().text();
    assert!(!text.ends_with("\nNothing is wrong.\n"), "{text}");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}
