//! Trees of files like those of machines.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use tempfile::TempDir;

use crate::doctor::finding::Finding;
use crate::doctor::{Diagnosis, diagnose};

pub const ADDRESS: &str = "0000:c5:00.1";
pub const RELEASE: &str = "6.18.5-generic";

/// A copy of a machine.
pub struct Machine(TempDir);

impl Machine {
    /// A Strix Point laptop on Linux 6.18 where everything is right, seen by a user of the group render.
    pub fn new() -> Self {
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

    pub fn path(&self, path: &str) -> std::path::PathBuf {
        self.0.path().join(path)
    }

    pub fn file(&self, path: &str, text: &str) -> &Self {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), text).unwrap();
        self
    }

    pub fn kernel(&self, release: &str) -> &Self {
        self.file("proc/sys/kernel/osrelease", &format!("{release}\n"));
        let dir = format!("lib/modules/{release}");
        self.file(&format!("{dir}/modules.builtin"), "kernel/fs/ext4/ext4.ko\n").file(
            &format!("{dir}/modules.dep"),
            "kernel/drivers/accel/amdxdna/amdxdna.ko.zst: kernel/drivers/gpu/drm/scheduler/gpu-sched.ko.zst\n",
        )
    }

    pub fn npu(&self, device: &str, revision: &str) -> &Self {
        self.file(&format!("{}/vendor", pci()), "0x1022\n")
            .file(&format!("{}/device", pci()), &format!("{device}\n"))
            .file(&format!("{}/revision", pci()), &format!("{revision}\n"))
    }

    pub fn driver(&self, name: &str) -> &Self {
        let link = self.path(&format!("{}/driver", pci()));
        let _none_yet = fs::remove_file(&link);
        symlink(format!("../../../bus/pci/drivers/{name}"), link).unwrap();
        self
    }

    /// Without the driver's part: not bound, no accel device, no node.
    pub fn unbound(&self) -> &Self {
        self.without(&format!("{}/driver", pci()))
            .without(&format!("{}/accel", pci()))
            .without("sys/class/accel")
            .without("dev/accel")
    }

    /// Without the module loaded.
    pub fn unloaded(&self) -> &Self {
        self.unbound().without("sys/module/amdxdna")
    }

    /// Without the class of accelerators.
    pub fn unloaded_class(&self) -> &Self {
        self.without("sys/class/accel")
    }

    /// Without a file or directory.
    pub fn without(&self, path: &str) -> &Self {
        let path = self.path(path);
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
        self
    }

    pub fn log(&self, lines: &str) -> &Self {
        self.file("var/log/dmesg", lines)
    }

    pub fn node(&self, mode: u32) -> &Self {
        fs::set_permissions(self.path("dev/accel/accel0"), fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    pub fn diagnosis(&self) -> Diagnosis {
        diagnose(Some(self.0.path().to_owned()), None).unwrap()
    }

    /// What is found, and what all findings say.
    pub fn found(&self) -> (Vec<&'static str>, String) {
        let findings = self.diagnosis().findings;
        let text = findings.iter().map(Finding::text).collect();
        (findings.iter().map(|f| f.id).collect(), text)
    }

    /// Asserts that `id` alone is found, and that the text has all of `words`.
    #[track_caller]
    pub fn expect(&self, id: &str, words: &[&str]) {
        let (ids, text) = self.found();
        assert_eq!(ids, [id], "{text}");
        for word in words {
            assert!(text.contains(word), "{word:?} is not in:\n{text}");
        }
        assert!(text.contains("do:"), "nothing to do in:\n{text}");
    }
}

pub fn pci() -> String {
    format!("sys/bus/pci/devices/{ADDRESS}")
}

pub fn cpu(name: &str, family: u32, model: u32, flags: &str) -> String {
    format!(
        "processor\t: 0\ncpu family\t: {family}\nmodel\t\t: {model}\nmodel name\t: {name}\nflags\t\t: {flags}\n"
    )
}
