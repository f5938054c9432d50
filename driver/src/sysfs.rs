//! What the kernel tells about an NPU in files: identity, product name, firmware version.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::chip::{Chip, VENDOR_AMD};
use crate::error::Error;

const CLASS: &str = "/sys/class/accel";

/// An NPU found in sysfs, not opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// Its device node, `/dev/accel/accel<N>`.
    pub node: PathBuf,
    /// What its PCI id stands for; `None` for an NPU newer than this crate.
    pub chip: Option<&'static Chip>,
    /// Its facts in sysfs.
    pub facts: PciFacts,
}

/// Files of the PCI device's directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PciFacts {
    /// PCI vendor id.
    pub vendor: u16,
    /// PCI device id.
    pub device: u16,
    /// PCI revision.
    pub revision: u8,
    /// PCI address, as in `0000:c5:00.1`; empty if the directory does not tell.
    pub address: String,
    /// Product name the driver gives, as in `NPU Strix`; `None` if it gives none.
    pub product: Option<String>,
    /// Version of the firmware, as in `1.5.5.391`.
    pub firmware: Option<String>,
    /// Kind of device: 0 kernel-managed queues, 1 user-mode queues, 2 physical function.
    pub device_type: Option<i32>,
}

/// Finds all NPUs of the machine, by number of their device node.
///
/// Devices of other accelerator drivers are passed over. A machine without any gives an empty list.
///
/// # Errors
/// [`Error::Read`], [`Error::Text`]: sysfs is there and can't be understood.
pub fn find() -> Result<Vec<Found>, Error> {
    find_in(Path::new(CLASS))
}

fn find_in(class: &Path) -> Result<Vec<Found>, Error> {
    let unreadable = |source| Error::Read {
        path: class.into(),
        source,
    };
    let entries = match fs::read_dir(class) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(unreadable(e)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name();
        let Some(number) = name.to_str().and_then(node_number) else {
            continue;
        };
        let Some(facts) = read_facts(&entry.path())? else {
            continue;
        };
        let chip = Chip::identify(facts.device, facts.revision);
        if facts.vendor == VENDOR_AMD && (chip.is_some() || is_newer(facts.device)) {
            found.push((
                number,
                Found {
                    node: node_path(number),
                    chip,
                    facts,
                },
            ));
        }
    }
    found.sort_by_key(|(number, _)| *number);
    Ok(found.into_iter().map(|(_, f)| f).collect())
}

/// The facts of the device behind a node like `/dev/accel/accel0`; `None` if sysfs does not know it.
pub(crate) fn facts_of(node: &Path) -> Result<Option<PciFacts>, Error> {
    let real = fs::canonicalize(node).unwrap_or_else(|_| node.into());
    let name = real.file_name().and_then(|n| n.to_str()).and_then(node_number);
    name.map_or(Ok(None), |n| {
        read_facts(&Path::new(CLASS).join(format!("accel{n}")))
    })
}

pub(crate) fn node_path(number: u32) -> PathBuf {
    format!("/dev/accel/accel{number}").into()
}

fn node_number(name: &str) -> Option<u32> {
    name.strip_prefix("accel")?.parse().ok()
}

/// PCI ids of generations this crate knows of but can't drive.
fn is_newer(device: u16) -> bool {
    matches!(device, 0x17f0..=0x17f3 | 0x1b0a..=0x1b0c)
}

fn read_facts(class: &Path) -> Result<Option<PciFacts>, Error> {
    let dir = class.join("device");
    let Some(vendor) = read(&dir.join("vendor"))? else {
        return Ok(None);
    };
    let vendor = hex(&dir.join("vendor"), &vendor)?;
    let number = |file| -> Result<u32, Error> {
        let path = dir.join(file);
        read(&path)?.map_or(Ok(0), |text| hex(&path, &text))
    };
    let word = |file| -> Result<Option<String>, Error> {
        Ok(read(&dir.join(file))?.filter(|text| !text.is_empty()))
    };
    let address = fs::canonicalize(&dir).ok();
    let address = address
        .as_deref()
        .and_then(Path::file_name)
        .and_then(|name| name.to_str());
    Ok(Some(PciFacts {
        vendor: vendor as u16,
        device: number("device")? as u16,
        revision: number("revision")? as u8,
        address: address
            .filter(|a| is_pci_address(a))
            .unwrap_or_default()
            .to_owned(),
        product: word("vbnv")?,
        firmware: word("fw_version")?,
        device_type: word("device_type")?.and_then(|text| text.parse().ok()),
    }))
}

/// The trimmed content of a file, `None` if there is no such file.
fn read(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Read {
            path: path.into(),
            source,
        }),
    }
}

fn hex(path: &Path, text: &str) -> Result<u32, Error> {
    text.strip_prefix("0x")
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .ok_or_else(|| Error::Text {
            path: path.into(),
            expected: "a number in hexadecimal",
            found: text.to_owned(),
        })
}

fn is_pci_address(name: &str) -> bool {
    name.len() >= 12
        && name
            .chars()
            .all(|c| c.is_ascii_hexdigit() || c == ':' || c == '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_named_by_number() {
        assert_eq!(node_number("accel0"), Some(0));
        assert_eq!(node_number("accel17"), Some(17));
        assert_eq!(node_number("accel"), None);
        assert_eq!(node_number("renderD128"), None);
        assert_eq!(node_path(3), Path::new("/dev/accel/accel3"));
    }

    #[test]
    fn facts_are_read_from_the_files_of_a_device() {
        let class = std::env::temp_dir().join(format!("xdna-sysfs-{}", std::process::id()));
        let dir = class.join("device");
        fs::create_dir_all(&dir).unwrap();
        for (file, text) in [
            ("vendor", "0x1022\n"),
            ("device", "0x17f0\n"),
            ("revision", "0x11\n"),
            ("vbnv", "\n"),
            ("fw_version", "1.1.2.64\n"),
            ("device_type", "0\n"),
        ] {
            fs::write(dir.join(file), text).unwrap();
        }
        let facts = read_facts(&class).unwrap().unwrap();
        fs::write(dir.join("device"), "seventeen\n").unwrap();
        let bad = read_facts(&class);
        fs::remove_dir_all(&class).unwrap();
        assert_eq!(
            (facts.vendor, facts.device, facts.revision),
            (0x1022, 0x17f0, 0x11)
        );
        assert_eq!(
            (facts.product, facts.firmware, facts.device_type),
            (None, Some("1.1.2.64".into()), Some(0))
        );
        assert!(matches!(bad, Err(Error::Text { found, .. }) if found == "seventeen"));
    }

    #[test]
    fn several_npus_are_found_among_other_accelerators() {
        let class = std::env::temp_dir().join(format!("xdna-class-{}", std::process::id()));
        for (name, vendor, device, revision) in [
            ("accel10", "0x1022", "0x1502", "0x00"),
            ("accel2", "0x1022", "0x17f0", "0x20"),
            ("accel0", "0x8086", "0x7d1d", "0x04"),
            ("accel1", "0x1022", "0x17f1", "0x10"),
            ("accel3", "0x1022", "0x1234", "0x00"),
        ] {
            let dir = class.join(name).join("device");
            fs::create_dir_all(&dir).unwrap();
            for (file, text) in [("vendor", vendor), ("device", device), ("revision", revision)] {
                fs::write(dir.join(file), text).unwrap();
            }
        }
        let found = find_in(&class);
        fs::remove_dir_all(&class).unwrap();
        let found = found.unwrap();
        let names: Vec<_> = found
            .iter()
            .map(|f| (f.node.to_str().unwrap(), f.chip.map(|c| c.name)))
            .collect();
        assert_eq!(
            names,
            [
                ("/dev/accel/accel1", None),
                ("/dev/accel/accel2", Some("npu6")),
                ("/dev/accel/accel10", Some("npu1"))
            ]
        );
        assert_eq!(find_in(Path::new("/nonexistent")).unwrap(), []);
    }

    #[test]
    fn a_device_without_files_is_unknown() {
        assert_eq!(read_facts(Path::new("/nonexistent")).unwrap(), None);
    }
}
