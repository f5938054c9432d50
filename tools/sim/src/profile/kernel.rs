//! The kernels whose driver is modelled.

use std::fmt;
use std::str::FromStr;

use super::{Device, Protocol};

/// A kernel release, or one of the vendor's code lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kernel {
    /// Linux 6.14 and 6.15.
    V6_14,
    /// Linux 6.16.
    V6_16,
    /// Linux 6.17.
    V6_17,
    /// Linux 6.18: driver level 0.1.
    V6_18,
    /// Linux 6.19: driver level 0.6.
    V6_19,
    /// Linux 7.0: driver level 0.6 too, different behaviour.
    V7_0,
    /// Linux 7.1: driver level 0.8.
    V7_1,
    /// Linux 7.2: driver level 0.10.
    V7_2,
    /// Linux 7.3: driver level 0.10.
    V7_3,
    /// The vendor's staging line: driver level 0.16.
    Staging,
    /// The vendor's out-of-tree driver: version 1.0.
    Oot,
}

/// A level of the driver's interface; its number is the minor version where the driver tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Minor 0: Linux 6.14 to 6.17.
    L0,
    /// Minor 1: Linux 6.18.
    L1,
    /// Minor 6: Linux 6.19 and 7.0.
    L6,
    /// Minor 8: Linux 7.1.
    L8,
    /// Minor 10: Linux 7.2, 7.3 and, under version 1.0, the out-of-tree driver.
    L10,
    /// Minor 16: staging.
    L16,
}

const NAMES: [(&str, Kernel); 11] = [
    ("6.14", Kernel::V6_14),
    ("6.16", Kernel::V6_16),
    ("6.17", Kernel::V6_17),
    ("6.18", Kernel::V6_18),
    ("6.19", Kernel::V6_19),
    ("7.0", Kernel::V7_0),
    ("7.1", Kernel::V7_1),
    ("7.2", Kernel::V7_2),
    ("7.3", Kernel::V7_3),
    ("staging", Kernel::Staging),
    ("oot", Kernel::Oot),
];

impl Kernel {
    /// All of them, oldest first.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|&(_, k)| k)
    }

    /// The level of its driver's interface.
    pub fn level(self) -> Level {
        match self {
            Self::V6_14 | Self::V6_16 | Self::V6_17 => Level::L0,
            Self::V6_18 => Level::L1,
            Self::V6_19 | Self::V7_0 => Level::L6,
            Self::V7_1 => Level::L8,
            Self::V7_2 | Self::V7_3 | Self::Oot => Level::L10,
            Self::Staging => Level::L16,
        }
    }

    /// Major and minor version `DRM_IOCTL_VERSION` tells.
    pub fn version(self) -> (i32, i32) {
        match (self, self.level()) {
            (Self::Oot, _) => (1, 0),
            (_, Level::L0) => (0, 0),
            (_, Level::L1) => (0, 1),
            (_, Level::L6) => (0, 6),
            (_, Level::L8) => (0, 8),
            (_, Level::L10) => (0, 10),
            (_, Level::L16) => (0, 16),
        }
    }

    /// True if its driver's probe accepts firmware of `protocol` on `device`.
    pub fn accepts(self, device: Device, protocol: Protocol) -> bool {
        match (device, protocol.major) {
            (Device::Npu1, 5) => protocol.minor >= 7,
            (Device::Npu1, _) => false,
            (_, 6) => protocol.minor >= 12,
            (_, 7) => self >= Self::V7_0,
            _ => false,
        }
    }

    /// The newest protocol worth simulating that its probe accepts.
    pub fn newest_protocol(self, device: Device) -> Protocol {
        match device {
            Device::Npu1 => Protocol { major: 5, minor: 8 },
            _ if self >= Self::V7_0 => Protocol { major: 7, minor: 0 },
            _ => Protocol { major: 6, minor: 24 },
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(_, k)| k == self).map_or("?", |(n, _)| n);
        write!(f, "kernel {name}")
    }
}

impl FromStr for Kernel {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        // A version that is not listed takes the nearest lower column.
        let wanted = if s == "6.15" { "6.14" } else { s };
        NAMES
            .iter()
            .find(|(n, _)| *n == wanted)
            .map(|&(_, k)| k)
            .ok_or_else(|| {
                let known: Vec<_> = NAMES.iter().map(|(n, _)| *n).collect();
                format!("unknown kernel {s:?}; known: {}", known.join(", "))
            })
    }
}
