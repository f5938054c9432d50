//! The decision table, row by row, on trees of files like those of machines that have the problem.

mod copies;
mod machine;
mod opening;
mod probing;
mod using;

use std::fs;

use super::diagnose;
use machine::{Machine, RELEASE, cpu, pci};

#[test]
fn a_machine_where_all_is_right_has_no_findings() {
    let diagnosis = Machine::new().diagnosis();
    assert_eq!(diagnosis.findings, []);
    let text = crate::show::View::text(&diagnosis);
    assert!(
        text.contains(
            "npu4 (Strix Point (Ryzen AI 300), Gorgon Point) at 0000:c5:00.1, amdxdna, /dev/accel/accel0"
        ),
        "{text}"
    );
    assert!(text.ends_with("\nNothing is wrong.\n"), "{text}");
}

#[test]
fn a_directory_that_is_not_there_is_an_error() {
    assert!(diagnose(Some("/nonexistent".into()), None).is_err());
}

#[test]
fn another_processor_has_no_npu() {
    let m = Machine::new();
    m.without(&pci())
        .unloaded_class()
        .file("proc/cpuinfo", &cpu("Intel(R) Core(TM) i5", 6, 140, "fpu"));
    m.expect("no-hardware", &["i5", "works without"]);
}

#[test]
fn a_processor_with_an_npu_that_the_bus_does_not_show_has_it_disabled() {
    let m = Machine::new();
    m.without(&pci()).unloaded_class();
    m.expect(
        "disabled-in-setup",
        &[
            "Ryzen AI 9 HX 370",
            "firmware setup (BIOS)",
            "this program's own list",
        ],
    );
    m.file("proc/cpuinfo", &cpu("AMD Ryzen 7 7840U", 25, 116, "fpu"));
    m.expect("disabled-in-setup", &["family 25 model 116"]);
}

#[test]
fn a_virtual_machine_without_the_device_says_so() {
    let m = Machine::new();
    m.without(&pci()).unloaded_class();
    m.file(
        "proc/cpuinfo",
        &cpu("AMD Ryzen AI 9 HX 370", 26, 36, "fpu hypervisor"),
    );
    m.expect("guest-without-device", &["virtual machine", "on the host"]);
}

#[test]
fn a_device_bound_to_vfio_is_given_back() {
    let m = Machine::new();
    m.unbound()
        .driver("vfio-pci")
        .file("proc/cmdline", "quiet vfio-pci.ids=1022:17f0\n");
    m.expect(
        "bound-to-vfio",
        &[
            "drivers/vfio-pci/unbind",
            "driver_override",
            "drivers/amdxdna/bind",
            "vfio-pci.ids=1022:17f0",
        ],
    );
    m.file(
        "etc/modprobe.d/vfio.conf",
        "options vfio-pci ids=1022:17f0,10de:1234\n",
    );
    m.expect(
        "bound-to-vfio",
        &[
            "/etc/modprobe.d/vfio.conf: options vfio-pci ids=1022:17f0",
            "next start",
        ],
    );
}

#[test]
fn a_device_bound_to_another_driver_is_named() {
    let m = Machine::new();
    m.unbound().driver("pci-stub");
    m.expect(
        "bound-to-other-driver",
        &[
            "bound to pci-stub",
            "drivers/pci-stub/unbind",
            "drivers/amdxdna/bind",
        ],
    );
}

#[test]
fn a_chip_of_the_next_generation_is_not_mistaken() {
    let m = Machine::new();
    m.unbound().npu("0x17f1", "0x10");
    m.expect("unknown-chip", &["1022:17f1"]);
}

#[test]
fn a_kernel_before_6_14_is_too_old() {
    let m = Machine::new();
    m.unloaded()
        .kernel("6.8.0-45-generic")
        .file("lib/modules/6.8.0-45-generic/modules.dep", "kernel/fs/x.ko:\n");
    m.expect("kernel-too-old", &["6.8.0-45-generic", "6.14"]);
}

#[test]
fn a_kernel_without_the_option_says_where_it_is_off() {
    let m = Machine::new();
    m.unloaded()
        .file(&format!("lib/modules/{RELEASE}/modules.dep"), "kernel/fs/x.ko:\n")
        .file(
            &format!("boot/config-{RELEASE}"),
            "CONFIG_X86=y\n# CONFIG_DRM_ACCEL_AMDXDNA is not set\n",
        );
    m.expect("option-off", &["/boot/config-6.18.5-generic"]);
}

#[test]
fn a_packed_configuration_is_read() {
    use std::io::Write;
    let m = Machine::new();
    m.unloaded()
        .file(&format!("lib/modules/{RELEASE}/modules.dep"), "");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"CONFIG_DRM_ACCEL_AMDXDNA=m\n").unwrap();
    fs::write(m.path("proc/config.gz"), packed.finish().unwrap()).unwrap();
    m.expect(
        "module-not-installed",
        &[
            "/proc/config.gz: CONFIG_DRM_ACCEL_AMDXDNA=m",
            "linux-modules-extra",
        ],
    );
}

#[test]
fn a_module_in_a_package_that_is_not_installed_names_the_package() {
    let m = Machine::new();
    m.unloaded()
        .file(&format!("lib/modules/{RELEASE}/modules.dep"), "kernel/fs/x.ko:\n")
        .file(&format!("boot/config-{RELEASE}"), "CONFIG_DRM_ACCEL_AMDXDNA=m\n");
    m.expect("module-not-installed", &["linux-modules-extra"]);
}

#[test]
fn a_module_that_nobody_knows_of_is_missing() {
    let m = Machine::new();
    m.unloaded().without(&format!("lib/modules/{RELEASE}"));
    m.expect("module-missing", &["there is no /lib/modules/6.18.5-generic"]);
}

#[test]
fn a_blacklist_is_found_wherever_it_is() {
    let m = Machine::new();
    m.unloaded()
        .file("etc/modprobe.d/npu.conf", "# no NPU\nblacklist amdxdna\n");
    m.expect("blacklisted", &["/etc/modprobe.d/npu.conf: blacklist amdxdna"]);
    let m = Machine::new();
    m.unloaded()
        .file("usr/lib/modprobe.d/x.conf", "install amdxdna /bin/false\n");
    m.expect("blacklisted", &["install amdxdna /bin/false"]);
    for line in ["blacklist amdxdna # no NPU", "install amdxdna /usr/bin/false"] {
        m.file("usr/lib/modprobe.d/x.conf", line);
        m.expect("blacklisted", &[line]);
    }
    m.file("usr/lib/modprobe.d/x.conf", "# blacklist amdxdna\n");
    m.expect("not-loaded", &[]);
    let m = Machine::new();
    m.unloaded()
        .file("proc/cmdline", "quiet modprobe.blacklist=nouveau,amdxdna\n");
    m.expect(
        "blacklisted",
        &["kernel command line: modprobe.blacklist=nouveau,amdxdna"],
    );
}

#[test]
fn a_module_that_is_there_is_loaded_by_hand() {
    let m = Machine::new();
    m.unloaded();
    m.expect("not-loaded", &["sudo modprobe amdxdna"]);
}

#[test]
fn a_chip_that_newer_drivers_dropped_asks_for_an_older_kernel() {
    let m = Machine::new();
    m.unbound().npu("0x17f0", "0x00").kernel("7.1.0-generic");
    m.expect("chip-dropped", &["npu2", "6.14 to 6.19"]);
}

#[test]
fn a_bus_that_is_hidden_is_no_machine_without_an_npu() {
    let m = Machine::new();
    m.without("sys/bus/pci");
    assert_eq!(m.found().0[0], "bus-not-visible");
    m.file("run/.containerenv", "");
    assert!(m.found().1.contains("--volume /sys:/sys:ro"), "{}", m.found().1);
}
