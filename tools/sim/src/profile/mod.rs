//! Which simulated machine: device, kernel, firmware protocol and address mode.
//!
//! The driver's minor version does not determine behaviour; these four axes do. [`Profile::new`] refuses what the
//! driver's probe would refuse.

mod device;
mod firmware;
mod kernel;
mod rule;

use std::fmt;

pub use device::Device;
pub use firmware::{Feature, Protocol};
pub use kernel::{Kernel, Level};
pub use rule::{Rule, Rules};

/// How the device reaches host memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressMode {
    /// Shared virtual addressing: device addresses are the client's own pointers (PASID).
    Sva,
    /// Addresses the IOMMU hands out (module parameter `force_iova`).
    Iova,
    /// Addresses in reserved physical memory.
    Carveout,
}

impl std::str::FromStr for AddressMode {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "sva" => Ok(Self::Sva),
            "iova" => Ok(Self::Iova),
            "carveout" => Ok(Self::Carveout),
            _ => Err(format!("unknown address mode {s:?}; known: sva, iova, carveout")),
        }
    }
}

/// A combination the driver's probe refuses: the program starts without a device node.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProbeError {
    /// The driver of this kernel does not speak this firmware's protocol.
    #[error("the driver of {kernel} does not accept firmware protocol {protocol} on {device:?}")]
    Protocol {
        /// The kernel.
        kernel: Kernel,
        /// The firmware's protocol.
        protocol: Protocol,
        /// The device.
        device: Device,
    },
    /// This kernel has no such address mode.
    #[error("{kernel} has no address mode {mode:?}")]
    AddressMode {
        /// The kernel.
        kernel: Kernel,
        /// The mode asked for.
        mode: AddressMode,
    },
}

/// The machine to simulate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The NPU.
    pub device: Device,
    /// The kernel whose driver is modelled.
    pub kernel: Kernel,
    /// The firmware's protocol version.
    pub protocol: Protocol,
    /// How the device reaches host memory.
    pub mode: AddressMode,
}

impl Profile {
    /// A profile the driver would probe; `protocol` `None` takes the newest this kernel accepts.
    ///
    /// # Errors
    /// What the real probe refuses: see [`ProbeError`].
    pub fn new(
        device: Device,
        kernel: Kernel,
        protocol: Option<Protocol>,
        mode: AddressMode,
    ) -> Result<Self, ProbeError> {
        let protocol = protocol.unwrap_or_else(|| kernel.newest_protocol(device));
        if !kernel.accepts(device, protocol) {
            return Err(ProbeError::Protocol {
                kernel,
                protocol,
                device,
            });
        }
        let supported = match mode {
            AddressMode::Sva => true,
            AddressMode::Iova => kernel >= Kernel::V7_1,
            AddressMode::Carveout => kernel >= Kernel::V7_2,
        };
        if !supported {
            return Err(ProbeError::AddressMode { kernel, mode });
        }
        Ok(Self {
            device,
            kernel,
            protocol,
            mode,
        })
    }

    /// True if the firmware has `feature` and this kernel's driver makes use of it.
    pub fn has(&self, feature: Feature) -> bool {
        self.kernel >= feature.first_kernel() && self.protocol.offers(self.device, feature)
    }

    /// True if every context gets the whole array, in time slices.
    pub fn temporal_only(&self) -> bool {
        self.has(Feature::TemporalOnly)
    }

    /// Most bytes of device heap a client may have.
    pub fn heap_max(&self) -> u64 {
        match (self.expandable_heap(), self.device) {
            (true, Device::Npu4 | Device::Npu5 | Device::Npu6) => 512 << 20,
            _ => 64 << 20,
        }
    }

    /// True if this kernel's driver grows heaps at all; npu1 stays at its maximum of one chunk.
    pub fn expandable_heap(&self) -> bool {
        self.kernel >= Kernel::V7_2 && self.kernel != Kernel::Oot
    }
}

impl Default for Profile {
    fn default() -> Self {
        let (device, kernel) = (Device::Npu4, Kernel::V7_3);
        Self {
            device,
            kernel,
            protocol: kernel.newest_protocol(device),
            mode: AddressMode::Sva,
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?}, {}, firmware protocol {}, {:?}",
            self.device, self.kernel, self.protocol, self.mode
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_follow_the_kernel() {
        let p = Profile::default();
        assert_eq!((p.protocol.major, p.heap_max()), (7, 512 << 20));
        let old = Profile::new(Device::Npu4, Kernel::V6_18, None, AddressMode::Sva).unwrap();
        assert_eq!(old.protocol, Protocol { major: 6, minor: 24 });
        assert!(!old.temporal_only());
    }

    #[test]
    fn features_need_firmware_and_kernel() {
        let at = |kernel| {
            Profile::new(
                Device::Npu4,
                kernel,
                Some(Protocol { major: 6, minor: 18 }),
                AddressMode::Sva,
            )
            .unwrap()
        };
        let count = |p: Profile| Feature::ALL.iter().filter(|&&f| p.has(f)).count();
        assert_eq!(count(at(Kernel::V6_18)), 0);
        assert_eq!(count(at(Kernel::V6_19)), 3);
        assert_eq!(count(at(Kernel::V7_1)), 4);
    }

    #[test]
    fn probe_refuses_what_the_driver_refuses() {
        let p = |d, k, major, minor, m| Profile::new(d, k, Some(Protocol { major, minor }), m).is_ok();
        assert!(!p(Device::Npu4, Kernel::V6_19, 7, 0, AddressMode::Sva));
        assert!(p(Device::Npu4, Kernel::V7_0, 7, 0, AddressMode::Sva));
        assert!(!p(Device::Npu4, Kernel::V7_3, 6, 11, AddressMode::Sva));
        assert!(!p(Device::Npu1, Kernel::V7_3, 5, 6, AddressMode::Sva));
        assert!(!p(Device::Npu4, Kernel::V7_0, 6, 24, AddressMode::Iova));
        assert!(!p(Device::Npu4, Kernel::V7_1, 6, 24, AddressMode::Carveout));
    }
}
