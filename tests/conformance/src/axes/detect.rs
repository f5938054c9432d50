//! The axes as far as the machine tells them.

use std::path::{Path, PathBuf};
use std::{fs, io};

use nix::sys::utsname::uname;

use super::{Device, Feature, Firmware, Kernel, Mode, Profile};

/// A device node and what sysfs says about it.
#[derive(Clone, Debug)]
pub struct Node {
    /// `/dev/accel/accelN`.
    pub path: PathBuf,
    /// `/sys/class/accel/accelN`.
    pub class: PathBuf,
}

impl Node {
    /// The node of this path.
    pub fn at(path: PathBuf) -> Self {
        let name = path.file_name().unwrap_or_default().to_owned();
        Self {
            class: Path::new("/sys/class/accel").join(name),
            path,
        }
    }

    /// A file of the PCI device's directory, without the newline.
    pub fn attribute(&self, name: &str) -> io::Result<String> {
        Ok(fs::read_to_string(self.class.join("device").join(name))?
            .trim_end()
            .to_owned())
    }

    fn hex(&self, name: &str) -> Option<u32> {
        u32::from_str_radix(self.attribute(name).ok()?.strip_prefix("0x")?, 16).ok()
    }

    /// The device behind the node, by PCI ids.
    pub fn device(&self) -> Option<Device> {
        if self.hex("vendor")? != 0x1022 {
            return None;
        }
        let (id, revision) = (self.hex("device")?, self.hex("revision"));
        let mut fits = Device::ALL.iter().map(|(device, _)| *device).filter(|device| {
            let pci = device.pci();
            u32::from(pci.0) == id && revision.is_none_or(|revision| u32::from(pci.1) == revision)
        });
        fits.next().filter(|_| fits.next().is_none())
    }

    fn ours(&self) -> bool {
        self.hex("vendor") == Some(0x1022) && matches!(self.hex("device"), Some(0x1502 | 0x17f0))
    }
}

/// Finds the first NPU: by the ids in sysfs, or the first accel node of a machine without such a sysfs.
pub fn find() -> Option<Node> {
    let nodes = || (0..64).map(|n| Node::at(PathBuf::from(format!("/dev/accel/accel{n}"))));
    let present = || nodes().filter(|node| node.path.exists());
    present()
        .find(Node::ours)
        .or_else(|| present().find(|node| !node.class.exists()))
}

/// What is known about each axis, from flags or from the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The device.
    pub device: Option<Device>,
    /// The driver.
    pub kernel: Option<Kernel>,
    /// The firmware.
    pub firmware: Option<Firmware>,
    /// The address mode.
    pub mode: Option<Mode>,
    /// `force_cmdlist`.
    pub list: Option<bool>,
    /// CAP_SYS_ADMIN.
    pub admin: Option<bool>,
}

impl Known {
    fn fits(&self, profile: &Profile) -> bool {
        self.device.is_none_or(|device| device == profile.device)
            && self.kernel.is_none_or(|kernel| kernel == profile.kernel)
            && self.firmware.is_none_or(|firmware| firmware == profile.firmware)
            && self.mode.is_none_or(|mode| mode == profile.mode)
            && self.admin.is_none_or(|admin| admin == profile.admin)
            && self.list.unwrap_or(profile.kernel.since(Kernel::V7_0)) == profile.list
    }
}

/// The profiles that `known`, the driver's `version` and sysfs leave open. Flags win over what is read.
pub fn narrow(known: Known, version: Option<(i32, i32)>, node: &Node) -> Vec<Profile> {
    let known = Known {
        device: known.device.or_else(|| node.device()),
        list: known.list.or_else(|| parameter("force_cmdlist")),
        mode: known
            .mode
            .or_else(|| (parameter("force_iova")?).then_some(Mode::Iova)),
        admin: known.admin.or_else(admin),
        ..known
    };
    let mut open = Profile::all();
    open.retain(|profile| known.fits(profile));
    if known.kernel.is_none()
        && let Some(version) = version
    {
        open.retain(|profile| profile.kernel.version() == version);
        // A driver of the running kernel's own version is the likely one; a backport or a DKMS module says otherwise
        // by its minor, and then every column with that minor stays open.
        let running = uname()
            .ok()
            .and_then(|names| Kernel::parse(&names.release().to_string_lossy()));
        if open.iter().any(|profile| Some(profile.kernel) == running) {
            open.retain(|profile| Some(profile.kernel) == running);
        }
    }
    if known.firmware.is_none()
        && let Ok(product) = node.attribute("vbnv")
        && !product.is_empty()
    {
        let by_revision = !product.starts_with("RyzenAI-");
        let fits = |profile: &Profile| profile.has(Feature::GetDevRevision) == by_revision;
        if open.iter().any(fits) {
            open.retain(fits);
        }
    }
    open
}

fn parameter(name: &str) -> Option<bool> {
    let text = fs::read_to_string(Path::new("/sys/module/amdxdna/parameters").join(name)).ok()?;
    match text.trim_end() {
        "Y" | "1" => Some(true),
        "N" | "0" => Some(false),
        _ => None,
    }
}

/// CAP_SYS_ADMIN. In a user namespace a capability says nothing about the device: then it is unknown.
fn admin() -> Option<bool> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    let capable = u64::from_str_radix(mask.trim(), 16).ok()? >> 21 & 1 == 1;
    let map = fs::read_to_string("/proc/self/uid_map").ok()?;
    let initial = map.split_whitespace().eq(["0", "0", "4294967295"]);
    (initial || !capable).then_some(capable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nowhere() -> Node {
        Node::at(PathBuf::from("/dev/accel/accel-that-is-not-there"))
    }

    #[test]
    fn the_minor_leaves_the_columns_that_share_it_open() {
        let known = Known {
            device: Some(Device::Npu1),
            ..Known::default()
        };
        let open = narrow(known, Some((0, 6)), &nowhere());
        assert!(open.iter().any(|p| p.kernel == Kernel::V6_19));
        assert!(
            open.iter()
                .all(|p| matches!(p.kernel, Kernel::V6_19 | Kernel::V7_0))
        );
    }

    #[test]
    fn a_flag_wins_over_the_minor() {
        let known = Known {
            kernel: Some(Kernel::V7_3),
            ..Known::default()
        };
        assert!(
            narrow(known, Some((0, 0)), &nowhere())
                .iter()
                .all(|p| p.kernel == Kernel::V7_3)
        );
    }

    #[test]
    fn the_list_default_follows_the_kernel() {
        assert!(
            narrow(Known::default(), Some((0, 10)), &nowhere())
                .iter()
                .all(|p| p.list)
        );
        assert!(
            narrow(Known::default(), Some((0, 1)), &nowhere())
                .iter()
                .all(|p| !p.list)
        );
    }
}
