//! The decision table, row by row, on trees of files like those of machines that have the problem.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use tempfile::TempDir;

use super::finding::Severity;
use super::{Diagnosis, diagnose};

const ADDRESS: &str = "0000:c5:00.1";
const RELEASE: &str = "6.18.5-generic";

/// A copy of a machine.
struct Machine(TempDir);

impl Machine {
    /// A Strix Point laptop on Linux 6.18 where everything is right, seen by a user of the group render.
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        machine
            .kernel(RELEASE)
            .file("proc/cmdline", "BOOT_IMAGE=/vmlinuz root=/dev/nvme0n1p2 quiet\n")
            .file("proc/cpuinfo", &cpu("AMD Ryzen AI 9 HX 370", 26, 36, "fpu sse"))
            .file("proc/self/status", "Uid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\nGroups:\t27 105 1000\nCapEff:\t0000000000000000\n")
            .file("proc/self/limits", "Limit                     Soft Limit           Hard Limit           Units\nMax locked memory         unlimited            unlimited            bytes\n")
            .file("etc/group", "root:x:0:\nrender:x:105:alice\n")
            .file("sys/class/iommu/ivhd0/x", "")
            .file("sys/module/amdxdna/taint", "\n")
            .file("lib/firmware/amdnpu/17f0_10/npu.sbin.zst", "")
            .file("var/log/dmesg", "")
            .npu("0x17f0", "0x10")
            .driver("amdxdna")
            .file(&format!("{}/accel/accel0/dev", pci()), "261:0\n")
            .file("sys/class/accel/accel0/x", "")
            .file("dev/accel/accel0", "")
            .file(&format!("{}/iommu_group/type", pci()), "DMA-FQ\n");
        fs::set_permissions(
            machine.path("dev/accel/accel0"),
            fs::Permissions::from_mode(0o666),
        )
        .unwrap();
        machine
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.0.path().join(path)
    }

    fn file(&self, path: &str, text: &str) -> &Self {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), text).unwrap();
        self
    }

    fn kernel(&self, release: &str) -> &Self {
        self.file("proc/sys/kernel/osrelease", &format!("{release}\n"));
        let dir = format!("lib/modules/{release}");
        self.file(&format!("{dir}/modules.builtin"), "kernel/fs/ext4/ext4.ko\n").file(
            &format!("{dir}/modules.dep"),
            "kernel/drivers/accel/amdxdna/amdxdna.ko.zst: kernel/drivers/gpu/drm/scheduler/gpu-sched.ko.zst\n",
        )
    }

    fn npu(&self, device: &str, revision: &str) -> &Self {
        self.file(&format!("{}/vendor", pci()), "0x1022\n")
            .file(&format!("{}/device", pci()), &format!("{device}\n"))
            .file(&format!("{}/revision", pci()), &format!("{revision}\n"))
    }

    fn driver(&self, name: &str) -> &Self {
        let link = self.path(&format!("{}/driver", pci()));
        let _none_yet = fs::remove_file(&link);
        symlink(format!("../../../bus/pci/drivers/{name}"), link).unwrap();
        self
    }

    /// Without the driver's part: not bound, no accel device, no node.
    fn unbound(&self) -> &Self {
        self.without(&format!("{}/driver", pci()))
            .without(&format!("{}/accel", pci()))
            .without("sys/class/accel")
            .without("dev/accel")
    }

    /// Without the module loaded.
    fn unloaded(&self) -> &Self {
        self.unbound().without("sys/module/amdxdna")
    }

    fn without(&self, path: &str) -> &Self {
        let path = self.path(path);
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
        self
    }

    fn log(&self, lines: &str) -> &Self {
        self.file("var/log/dmesg", lines)
    }

    fn node(&self, mode: u32) -> &Self {
        fs::set_permissions(self.path("dev/accel/accel0"), fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    fn diagnosis(&self) -> Diagnosis {
        diagnose(Some(self.0.path().to_owned())).unwrap()
    }

    /// What is found, and what all findings say.
    fn found(&self) -> (Vec<&'static str>, String) {
        let findings = self.diagnosis().findings;
        let text = findings.iter().map(super::Finding::text).collect();
        (findings.iter().map(|f| f.id).collect(), text)
    }

    /// Asserts that `id` alone is found, and that the text has all of `words`.
    #[track_caller]
    fn expect(&self, id: &str, words: &[&str]) {
        let (ids, text) = self.found();
        assert_eq!(ids, [id], "{text}");
        for word in words {
            assert!(text.contains(word), "{word:?} is not in:\n{text}");
        }
        assert!(text.contains("do:"), "nothing to do in:\n{text}");
    }
}

fn pci() -> String {
    format!("sys/bus/pci/devices/{ADDRESS}")
}

fn cpu(name: &str, family: u32, model: u32, flags: &str) -> String {
    format!(
        "processor\t: 0\ncpu family\t: {family}\nmodel\t\t: {model}\nmodel name\t: {name}\nflags\t\t: {flags}\n"
    )
}

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
    assert!(diagnose(Some("/nonexistent".into())).is_err());
}

#[test]
fn another_processor_has_no_npu() {
    let m = Machine::new();
    m.without("sys/bus/pci")
        .unloaded_class()
        .file("proc/cpuinfo", &cpu("Intel(R) Core(TM) i5", 6, 140, "fpu"));
    m.expect("no-hardware", &["i5", "works without"]);
}

impl Machine {
    fn unloaded_class(&self) -> &Self {
        self.without("sys/class/accel")
    }
}

#[test]
fn a_processor_with_an_npu_that_the_bus_does_not_show_has_it_disabled() {
    let m = Machine::new();
    m.without("sys/bus/pci").unloaded_class();
    m.expect(
        "disabled-in-setup",
        &["Ryzen AI 9 HX 370", "firmware setup (BIOS)"],
    );
    m.file("proc/cpuinfo", &cpu("AMD Ryzen 7 7840U", 25, 116, "fpu"));
    m.expect("disabled-in-setup", &["family 25 model 116"]);
}

#[test]
fn a_virtual_machine_without_the_device_says_so() {
    let m = Machine::new();
    m.without("sys/bus/pci").unloaded_class();
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
            "drivers/amdxdna/bind",
            "vfio-pci.ids=1022:17f0",
        ],
    );
}

#[test]
fn a_device_bound_to_another_driver_is_named() {
    let m = Machine::new();
    m.unbound().driver("pci-stub");
    m.expect("bound-to-other-driver", &["bound to pci-stub"]);
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
    assert_eq!(m.found().0, ["refused-in-guest", "no-kernel-log"]);
}

#[test]
fn an_iommu_that_is_off_is_found_in_all_its_places() {
    let m = Machine::new();
    m.file("proc/cmdline", "quiet amd_iommu=off\n");
    m.expect("iommu", &["amd_iommu=off", "update-grub"]);
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
    m.expect("iommu", &["ret -19", "force_iova=1"]);
    let m = Machine::new();
    m.without(&format!("{}/iommu_group", pci()))
        .log("amdxdna: SVA bind device failed, ret -19\n");
    m.expect("iommu", &["in no IOMMU group"]);
}

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
