//! What `/proc/self/fdinfo` tells about an open device.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use crate::device::Device;
use crate::error::Error;

/// The lines of an open device's fdinfo.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FdInfo(BTreeMap<String, String>);

impl Device {
    /// Reads the fdinfo of this open device.
    ///
    /// # Errors
    /// [`Error::Read`]: `/proc` is not there; [`Error::OtherProcess`].
    pub fn fdinfo(&self) -> Result<FdInfo, Error> {
        let path = PathBuf::from(format!("/proc/self/fdinfo/{}", self.fd()?.as_raw_fd()));
        fs::read_to_string(&path)
            .map(|text| FdInfo::parse(&text))
            .map_err(|source| Error::Read { path, source })
    }
}

impl FdInfo {
    /// Reads the lines `key:<tab>value`; others are passed over.
    pub fn parse(text: &str) -> Self {
        let pairs = text.lines().filter_map(|line| line.split_once(':'));
        Self(
            pairs
                .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
                .collect(),
        )
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The bytes of a key whose value is a size.
    pub fn bytes(&self, key: &str) -> Option<u64> {
        let value = self.get(key)?;
        let (number, unit) = value.split_once(' ').unwrap_or((value, ""));
        let scale = match unit.trim() {
            "" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(1 << scale)
    }

    /// The driver's name.
    pub fn driver(&self) -> Option<&str> {
        self.get("drm-driver")
    }

    /// Number of this open among all of the driver.
    pub fn client_id(&self) -> Option<u64> {
        self.get("drm-client-id")?.parse().ok()
    }

    /// PCI address of the device.
    pub fn pci_address(&self) -> Option<&str> {
        self.get("drm-pdev")
    }

    /// Bytes in use inside the device heap; Linux 7.2 and later, like all sizes.
    pub fn heap_bytes(&self) -> Option<u64> {
        self.bytes("amdxdna_accel_driver-heap-alloc")
    }

    /// Bytes of the device heap and of command buffers.
    pub fn internal_bytes(&self) -> Option<u64> {
        self.bytes("amdxdna_accel_driver-internal-alloc")
    }

    /// Bytes of buffers for inputs and outputs.
    pub fn external_bytes(&self) -> Option<u64> {
        self.bytes("amdxdna_accel_driver-external-alloc")
    }

    /// Bytes of all buffers.
    pub fn total_bytes(&self) -> Option<u64> {
        self.bytes("drm-total-memory")
    }

    /// Bytes of buffers shared with others.
    pub fn shared_bytes(&self) -> Option<u64> {
        self.bytes("drm-shared-memory")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fdinfo_of_linux_7_2_is_read() {
        let info = FdInfo::parse(
            "pos:\t0\nflags:\t02100002\ndrm-driver:\tamdxdna_accel_driver\ndrm-client-id:\t12\n\
             drm-pdev:\t0000:c5:00.1\namdxdna_accel_driver-heap-alloc:\t16 KiB\ndrm-total-memory:\t65540 KiB\n\
             amdxdna_accel_driver-internal-alloc:\t65536 KiB\ndrm-shared-memory:\t0\nnonsense\n",
        );
        assert_eq!(info.driver(), Some("amdxdna_accel_driver"));
        assert_eq!(
            (info.client_id(), info.pci_address()),
            (Some(12), Some("0000:c5:00.1"))
        );
        assert_eq!(
            (info.heap_bytes(), info.internal_bytes()),
            (Some(16 << 10), Some(64 << 20))
        );
        assert_eq!(
            (info.total_bytes(), info.shared_bytes()),
            (Some(65540 << 10), Some(0))
        );
        assert_eq!(info.external_bytes(), None);
    }

    #[test]
    fn sizes_that_make_no_sense_are_none() {
        let info = FdInfo::parse("a:\t1 parsec\nb:\t99999999999999999 GiB\nc:\t-1 KiB\n");
        assert_eq!(["a", "b", "c", "d"].map(|key| info.bytes(key)), [None; 4]);
    }
}
