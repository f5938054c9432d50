//! The driver is loaded and does not start, or can't be opened for want of an IOMMU.

use super::machine::{Machine, cpu, pci};

#[test]
fn firmware_that_is_missing_is_named_by_its_directory() {
    let m = Machine::new();
    m.unbound()
        .without("lib/firmware/amdnpu/17f0_10/npu.sbin.zst")
        .log("[ 2.1] amdxdna 0000:c5:00.1: Direct firmware load for amdnpu/17f0_10/npu.sbin failed with error -2\n");
    m.expect(
        "firmware-missing",
        &[
            "/lib/firmware/amdnpu/17f0_10",
            "error -2",
            "firmware-amd-graphics",
        ],
    );
}

#[test]
fn firmware_that_this_kernel_does_not_take_is_not_there_for_it() {
    let m = Machine::new();
    m.unbound()
        .without("lib/firmware/amdnpu/17f0_10/npu.sbin.zst")
        .file("lib/firmware/amdnpu/17f0_10/npu_7.sbin.zst", "")
        .log("amdxdna 0000:c5:00.1: Direct firmware load for amdnpu/17f0_10/npu.sbin failed with error -2\n");
    m.expect("firmware-protocol", &["npu_7.sbin.zst", "Linux 7.0"]);
    m.kernel("7.0.0-generic").log("");
    m.expect("probe-failed", &["npu_7.sbin.zst"]);
}

#[test]
fn a_link_that_leads_nowhere_is_no_firmware() {
    let m = Machine::new();
    let file = "lib/firmware/amdnpu/17f0_10/npu.sbin.zst";
    m.unbound().without(file);
    std::os::unix::fs::symlink("npu.sbin.1.0.zst", m.path(file)).unwrap();
    m.expect("firmware-missing", &["no npu.sbin or npu_7.sbin"]);
}

#[test]
fn firmware_that_came_after_the_driver_is_said_so() {
    let m = Machine::new();
    m.unbound()
        .log("amdxdna 0000:c5:00.1: Direct firmware load for amdnpu/17f0_10/npu.sbin failed with error -2\n");
    m.expect(
        "firmware-missing",
        &["it came after the driver started", "modprobe -r"],
    );
}

#[test]
fn what_an_earlier_start_logged_is_over() {
    let m = Machine::new();
    let failed = "amdxdna 0000:c5:00.1: [drm] *ERROR* amdxdna_drm_open: SVA bind device failed, ret -19\n";
    m.log(&format!("Linux version 6.18.5\n{failed}"));
    m.expect("iommu", &["ret -19"]);
    m.log(&format!("{failed}Linux version 6.18.5\n"));
    assert_eq!(m.found().0, Vec::<&str>::new());
    m.log(&format!(
        "{failed}[drm] Initialized amdxdna_accel_driver 0.1.0 for 0000:c5:00.1 on minor 0\n"
    ));
    assert_eq!(m.found().0, Vec::<&str>::new());
}

#[test]
fn krackan_takes_the_firmware_of_strix_point() {
    let m = Machine::new();
    m.npu("0x17f0", "0x20");
    assert_eq!(m.found().0, Vec::<&str>::new());
    m.unbound().without("lib/firmware/amdnpu/17f0_10/npu.sbin.zst");
    m.expect("firmware-missing", &["/lib/firmware/amdnpu/17f0_10"]);
}

#[test]
fn firmware_of_a_protocol_too_new_asks_for_a_kernel() {
    let m = Machine::new();
    m.unbound().log("amdxdna 0000:c5:00.1: [drm] *ERROR* aie2_check_protocol: Incompatible firmware protocol major 7 minor 2\n");
    m.expect("firmware-protocol", &["Linux 7.0", "major 7 minor 2"]);
    let m = Machine::new();
    m.unbound().log("amdxdna 0000:c5:00.1: [drm] *ERROR* aie2_check_protocol: Firmware minor version smaller than supported\n");
    m.expect("firmware-protocol", &["update linux-firmware"]);
}

#[test]
fn a_probe_that_failed_otherwise_shows_the_log() {
    let m = Machine::new();
    m.unbound()
        .log("amdxdna 0000:c5:00.1: [drm] *ERROR* aie2_hw_start: start psp failed\nusb 1-1: new device\n");
    m.expect("probe-failed", &["start psp failed", "npu.sbin.zst"]);
    assert!(!m.found().1.contains("usb 1-1"));
}

#[test]
fn a_driver_that_refuses_a_guest_sends_to_the_host() {
    let m = Machine::new();
    m.unbound()
        .file(
            "proc/cpuinfo",
            &cpu("AMD Ryzen AI 9 HX 370", 26, 36, "hypervisor"),
        )
        .log("amdxdna 0000:c5:00.1: [drm] *ERROR* aie2_init: Running under hypervisor not supported\n");
    m.expect("refused-in-guest", &["on the host"]);
}

#[test]
fn without_a_log_a_guest_is_still_suspected_and_the_log_asked_for() {
    let m = Machine::new();
    m.unbound()
        .without("var/log/dmesg")
        .file("proc/cpuinfo", &cpu("X", 26, 36, "hypervisor"));
    m.expect("refused-in-guest", &["on the host"]);
    let text = crate::show::View::text(&m.diagnosis());
    assert!(
        text.contains("not looked at: the kernel log (needs a copy of the kernel log"),
        "{text}"
    );
}

#[test]
fn an_iommu_that_is_off_is_found_in_all_its_places() {
    let m = Machine::new();
    m.file("proc/cmdline", "quiet amd_iommu=off\n");
    m.expect(
        "iommu",
        &[
            "amd_iommu=off",
            "update-grub",
            "grubby --update-kernel=ALL --remove-args=amd_iommu=off",
        ],
    );
    let m = Machine::new();
    m.unbound()
        .without("sys/class/iommu")
        .log("amdxdna 0000:c5:00.1: [drm] *ERROR* aie2_init: Running without IOMMU not supported\n");
    m.expect("iommu", &["/sys/class/iommu is empty", "AMD-Vi"]);
    let m = Machine::new();
    m.log("amdxdna 0000:c5:00.1: [drm] *ERROR* amdxdna_drm_open: SVA bind device failed, ret -95\n")
        .file(&format!("{}/iommu_group/type", pci()), "identity\n");
    m.expect("iommu", &["ret -95", "iommu=pt"]);
    let m = Machine::new();
    m.log("amdxdna 0000:c5:00.1: [drm] *ERROR* amdxdna_drm_open: SVA bind device failed, ret -19\n");
    m.expect("iommu", &["ret -19", "Linux 7.1 and later can do without"]);
    m.kernel("7.1.0-generic");
    m.expect("iommu", &["modprobe.d/amdxdna.conf", "sudo modprobe -r amdxdna"]);
    let m = Machine::new();
    m.without(&format!("{}/iommu_group", pci()))
        .log("amdxdna: SVA bind device failed, ret -19\n");
    m.expect("iommu", &["in no IOMMU group"]);
}
