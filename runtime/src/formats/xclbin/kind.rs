//! Kinds of xclbin sections.

use std::fmt;

/// Kind of a section: its number in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SectionKind(u32);

/// Names by number.
const NAMES: [&str; 37] = [
    "BITSTREAM",
    "CLEARING_BITSTREAM",
    "EMBEDDED_METADATA",
    "FIRMWARE",
    "DEBUG_DATA",
    "SCHED_FIRMWARE",
    "MEM_TOPOLOGY",
    "CONNECTIVITY",
    "IP_LAYOUT",
    "DEBUG_IP_LAYOUT",
    "DESIGN_CHECK_POINT",
    "CLOCK_FREQ_TOPOLOGY",
    "MCS",
    "BMC",
    "BUILD_METADATA",
    "KEYVALUE_METADATA",
    "USER_METADATA",
    "DNA_CERTIFICATE",
    "PDI",
    "BITSTREAM_PARTIAL_PDI",
    "PARTITION_METADATA",
    "EMULATION_DATA",
    "SYSTEM_METADATA",
    "SOFT_KERNEL",
    "ASK_FLASH",
    "AIE_METADATA",
    "GROUP_TOPOLOGY",
    "GROUP_CONNECTIVITY",
    "SMARTNIC",
    "AIE_RESOURCES",
    "OVERLAY",
    "VENDER_METADATA",
    "AIE_PARTITION",
    "IP_METADATA",
    "AIE_RESOURCES_BIN",
    "AIE_TRACE_METADATA",
    "DTBO",
];

impl SectionKind {
    /// XML: kernels and their arguments.
    pub const EMBEDDED_METADATA: Self = Self(2);
    /// Memories, as far as a compiler tells them apart.
    pub const MEM_TOPOLOGY: Self = Self(6);
    /// Which argument of which kernel lies in which memory.
    pub const CONNECTIVITY: Self = Self(7);
    /// Instances of kernels.
    pub const IP_LAYOUT: Self = Self(8);
    /// JSON about the build.
    pub const BUILD_METADATA: Self = Self(14);
    /// A left-over of vendor files. Never what is to be loaded where there is an `AIE_PARTITION`.
    pub const PDI: Self = Self(18);
    /// JSON about the platform.
    pub const SYSTEM_METADATA: Self = Self(22);
    /// JSON about graphs and ports.
    pub const AIE_METADATA: Self = Self(25);
    /// Groups of memories.
    pub const GROUP_TOPOLOGY: Self = Self(26);
    /// Connections to groups.
    pub const GROUP_CONNECTIVITY: Self = Self(27);
    /// Shape of the partition and its PDIs.
    pub const AIE_PARTITION: Self = Self(32);
}

impl From<u32> for SectionKind {
    fn from(number: u32) -> Self {
        Self(number)
    }
}

impl From<SectionKind> for u32 {
    fn from(kind: SectionKind) -> Self {
        kind.0
    }
}

impl fmt::Display for SectionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.get(self.0 as usize) {
            Some(name) => f.write_str(name),
            None => write!(f, "UNKNOWN_{}", self.0),
        }
    }
}
