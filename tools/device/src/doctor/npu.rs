//! The NPUs on the PCI bus: identity, driver, node, firmware files.

use std::os::unix::fs::MetadataExt;

use xdna_driver::{Chip, VENDOR_AMD};

use super::root::Root;

/// An NPU on the PCI bus.
#[derive(Debug)]
pub(crate) struct Npu {
    pub(crate) address: String,
    pub(crate) device: u16,
    pub(crate) revision: u8,
    pub(crate) chip: Option<&'static Chip>,
    pub(crate) driver: Option<String>,
    pub(crate) has_iommu_group: bool,
    /// Type of its IOMMU group's domain.
    pub(crate) iommu_type: Option<String>,
    pub(crate) runtime_status: Option<String>,
    pub(crate) accel: Option<u32>,
    pub(crate) node: Option<Node>,
    /// Firmware files the driver would take, and where they should be.
    pub(crate) firmware: Vec<String>,
    pub(crate) firmware_dir: String,
}

/// The device node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Npu {
    pub(crate) fn name(&self) -> String {
        self.chip.map_or_else(
            || format!("1022:{:04x} revision {:02x}", self.device, self.revision),
            |chip| format!("{} ({})", chip.name, chip.products),
        )
    }
}

/// The NPUs on the PCI bus.
pub(super) fn npus(root: &Root) -> Vec<Npu> {
    const DIR: &str = "sys/bus/pci/devices";
    let all = root.names(DIR).into_iter().filter_map(|address| {
        let file = |name: &str| {
            let text = root.read(&format!("{DIR}/{address}/{name}"))?;
            u32::from_str_radix(text.trim().strip_prefix("0x")?, 16).ok()
        };
        let (vendor, device, revision) = (file("vendor")?, file("device")?, file("revision").unwrap_or(0));
        let known = matches!(device, 0x1502 | 0x17f0..=0x17f3 | 0x1b0a..=0x1b0c);
        (vendor == u32::from(VENDOR_AMD) && known).then_some(())?;
        let (device, revision) = (device as u16, revision as u8);
        let accel = root.names(&format!("{DIR}/{address}/accel"));
        let accel = accel
            .iter()
            .find_map(|name| name.strip_prefix("accel")?.parse().ok());
        let text = |name: &str| {
            root.read(&format!("{DIR}/{address}/{name}"))
                .map(|t| t.trim().to_owned())
        };
        let (firmware, firmware_dir) = firmware(root, device, revision);
        Some(Npu {
            device,
            revision,
            chip: Chip::identify(device, revision),
            driver: root.link_name(&format!("{DIR}/{address}/driver")),
            has_iommu_group: root.exists(&format!("{DIR}/{address}/iommu_group")),
            iommu_type: text("iommu_group/type"),
            runtime_status: text("power/runtime_status"),
            node: accel.and_then(|n: u32| listed(root, n).or_else(|| node(root, n))),
            accel,
            firmware,
            firmware_dir,
            address,
        })
    });
    all.collect()
}

fn node(root: &Root, number: u32) -> Option<Node> {
    let metadata = root.metadata(&format!("dev/accel/accel{number}"))?;
    Some(Node {
        mode: metadata.mode() & 0o777,
        uid: metadata.uid(),
        gid: metadata.gid(),
    })
}

/// The node of an accelerator in a copy's list, which needs no rights to be made: mode in octal, user, group, path.
fn listed(root: &Root, number: u32) -> Option<Node> {
    let list = root.read("dev/accel.list")?;
    let name = format!("accel{number}");
    list.lines().find_map(|line| {
        let [mode, uid, gid, path] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            return None;
        };
        (path.rsplit('/').next() == Some(&name)).then_some(())?;
        Some(Node {
            mode: u32::from_str_radix(mode, 8).ok()? & 0o777,
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
        })
    })
}

/// The firmware files for a device, and the directory they belong in. npu6 takes npu4's.
fn firmware(root: &Root, device: u16, revision: u8) -> (Vec<String>, String) {
    let revision = if device == 0x17f0 && revision == 0x20 {
        0x10
    } else {
        revision
    };
    let dir = format!("lib/firmware/amdnpu/{device:04x}_{revision:02x}");
    let places = [
        dir.clone(),
        format!("usr/{dir}"),
        dir.replace("firmware/", "firmware/updates/"),
    ];
    let there = |place: &String| {
        let names = root.names(place).into_iter();
        // A link that leads nowhere is no firmware.
        let files = names.filter(|name| root.metadata(&format!("{place}/{name}")).is_some());
        files.collect::<Vec<_>>()
    };
    let mut files: Vec<_> = places.iter().flat_map(there).collect();
    files.retain(|name| {
        let plain = [".xz", ".zst"]
            .iter()
            .find_map(|end| name.strip_suffix(end))
            .unwrap_or(name);
        plain == "npu.sbin" || plain == "npu_7.sbin" || plain == "npu.dev.sbin"
    });
    files.sort();
    files.dedup();
    (files, format!("/{dir}"))
}
