//! The devices and their numbers.

use std::str::FromStr;

/// An NPU the driver knows as a kernel-managed queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// Phoenix and Hawk Point: XDNA1.
    Npu1,
    /// Strix Point: XDNA2.
    Npu4,
    /// Strix Halo: XDNA2.
    Npu5,
    /// Krackan Point: XDNA2.
    Npu6,
}

impl Device {
    /// PCI device id.
    pub fn pci_id(self) -> u16 {
        if self == Self::Npu1 { 0x1502 } else { 0x17f0 }
    }

    /// PCI revision.
    pub fn revision(self) -> u8 {
        match self {
            Self::Npu1 => 0x00,
            Self::Npu4 => 0x10,
            Self::Npu5 => 0x11,
            Self::Npu6 => 0x20,
        }
    }

    /// Columns of the array.
    pub fn columns(self) -> u32 {
        if self == Self::Npu1 { 5 } else { 8 }
    }

    /// First column a request narrower than the array may start at.
    pub fn first_column(self) -> u32 {
        u32::from(self == Self::Npu1)
    }

    /// Rows of core tiles.
    pub fn core_rows(self) -> u32 {
        4
    }

    /// Contexts the firmware holds, of all processes together.
    pub fn context_limit(self) -> usize {
        if self == Self::Npu1 { 6 } else { 16 }
    }

    /// Operations per cycle and column.
    pub fn ops_per_cycle(self) -> u64 {
        if self == Self::Npu1 { 2048 } else { 4096 }
    }

    /// Clock levels, lowest first: NPU clock and H clock in MHz.
    pub fn clocks(self) -> &'static [(u32, u32); 8] {
        match self {
            Self::Npu1 => &[
                (400, 800),
                (600, 1024),
                (600, 1024),
                (600, 1024),
                (600, 1024),
                (720, 1309),
                (720, 1309),
                (847, 1600),
            ],
            _ => &[
                (396, 792),
                (600, 1056),
                (792, 1152),
                (975, 1267),
                (975, 1267),
                (1056, 1408),
                (1152, 1584),
                (1267, 1800),
            ],
        }
    }

    /// The product string of `vbnv` when no revision is known.
    pub fn generic_name(self) -> &'static str {
        match self {
            Self::Npu1 => "RyzenAI-npu1",
            Self::Npu4 => "RyzenAI-npu4",
            Self::Npu5 => "RyzenAI-npu5",
            Self::Npu6 => "RyzenAI-npu6",
        }
    }

    /// The product string of firmware that tells the device's revision.
    pub fn product(self) -> &'static str {
        match self {
            Self::Npu1 => "RyzenAI-npu1",
            Self::Npu4 => "NPU Strix",
            Self::Npu5 => "NPU Strix Halo",
            Self::Npu6 => "NPU Krackan 1",
        }
    }
}

impl FromStr for Device {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "npu1" => Ok(Self::Npu1),
            "npu4" => Ok(Self::Npu4),
            "npu5" => Ok(Self::Npu5),
            "npu6" => Ok(Self::Npu6),
            _ => Err(format!("unknown device {s:?}; known: npu1, npu4, npu5, npu6")),
        }
    }
}
