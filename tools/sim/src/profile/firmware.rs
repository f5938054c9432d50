//! Firmware protocol versions and the features that come with them.

use std::fmt;
use std::str::FromStr;

use super::{Device, Kernel};

/// Version of the protocol between driver and firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Protocol {
    /// Major version: 5 for npu1, 6 or 7 for the others.
    pub major: u32,
    /// Minor version.
    pub minor: u32,
}

/// Something firmware may be able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Uniform command slots; preemptible opcodes.
    NpuCommand,
    /// Preemption and priorities.
    Preempt,
    /// Whole-array contexts that share the array in time.
    TemporalOnly,
    /// Health records after a timeout.
    AppHealth,
    /// Runtime properties such as the time quantum.
    UpdateProperty,
    /// More than one heap chunk.
    AddHostBuffer,
    /// The product name by revision.
    GetDevRevision,
    /// The firmware log.
    FwLog,
    /// The event trace.
    FwTrace,
    /// Tile access.
    RwAccess,
    /// Wall clock in log records.
    CalibrateClock,
    /// Dumps of a context's tiles.
    GetCoredump,
}

impl Feature {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::NpuCommand,
        Self::Preempt,
        Self::TemporalOnly,
        Self::AppHealth,
        Self::UpdateProperty,
        Self::AddHostBuffer,
        Self::GetDevRevision,
        Self::FwLog,
        Self::FwTrace,
        Self::RwAccess,
        Self::CalibrateClock,
        Self::GetCoredump,
    ];

    /// The first kernel whose driver makes use of it.
    pub fn first_kernel(self) -> Kernel {
        match self {
            Self::NpuCommand | Self::Preempt | Self::TemporalOnly => Kernel::V6_19,
            Self::AppHealth => Kernel::V7_1,
            Self::UpdateProperty | Self::AddHostBuffer | Self::GetDevRevision => Kernel::V7_2,
            _ => Kernel::Staging,
        }
    }
}

impl Protocol {
    /// True if firmware of this protocol has `feature` on `device`.
    pub fn offers(self, device: Device, feature: Feature) -> bool {
        if device == Device::Npu1 {
            return feature == Feature::NpuCommand && self.minor >= 8;
        }
        if self.major >= 7 {
            return true;
        }
        let since = match feature {
            Feature::Preempt | Feature::TemporalOnly => 12,
            Feature::NpuCommand | Feature::UpdateProperty => 15,
            Feature::AppHealth | Feature::AddHostBuffer => 18,
            Feature::FwLog | Feature::FwTrace => 19,
            Feature::GetDevRevision | Feature::RwAccess | Feature::CalibrateClock => 24,
            Feature::GetCoredump => return false,
        };
        self.minor >= since
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for Protocol {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let (major, minor) = s.split_once('.').unwrap_or((s, "0"));
        match (major.parse(), minor.parse()) {
            (Ok(major), Ok(minor)) => Ok(Self { major, minor }),
            _ => Err(format!(
                "{s:?} is no protocol version; write MAJOR.MINOR, for example 6.18"
            )),
        }
    }
}
