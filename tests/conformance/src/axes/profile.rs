//! One combination of the axes, and which combinations exist (driver-abi 1.4).

use super::kernel::Kernel;

/// The devices of section 11 that have a queue managed by the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// Phoenix, Hawk Point.
    Npu1,
    /// Strix Point.
    Npu4,
    /// Strix Halo.
    Npu5,
    /// Krackan Point.
    Npu6,
}

impl Device {
    /// Every device.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Npu1, "npu1"),
        (Self::Npu4, "npu4"),
        (Self::Npu5, "npu5"),
        (Self::Npu6, "npu6"),
    ];

    /// PCI device id and revision.
    pub fn pci(self) -> (u16, u8) {
        match self {
            Self::Npu1 => (0x1502, 0x00),
            Self::Npu4 => (0x17f0, 0x10),
            Self::Npu5 => (0x17f0, 0x11),
            Self::Npu6 => (0x17f0, 0x20),
        }
    }

    /// Columns of the array.
    pub fn columns(self) -> u32 {
        if self == Self::Npu1 { 5 } else { 8 }
    }
}

/// A firmware protocol, major and minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Firmware(pub u32, pub u32);

impl Firmware {
    /// The protocols worth a profile (1.4, axis 2).
    pub const ALL: [Self; 8] = [
        Self(5, 7),
        Self(5, 8),
        Self(6, 12),
        Self(6, 15),
        Self(6, 18),
        Self(6, 19),
        Self(6, 24),
        Self(7, 0),
    ];

    /// `6.18` and the like; a protocol between two profiles counts as the lower one.
    pub fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        let wanted = Self(major.parse().ok()?, minor.parse().ok()?);
        Self::ALL
            .into_iter()
            .filter(|known| known.0 == wanted.0 && *known <= wanted)
            .max()
    }
}

/// How the device reaches memory (1.4, axis 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The process's own addresses.
    Sva,
    /// Addresses of an IOMMU domain (`force_iova=1`).
    Iova,
    /// A reserved range of physical memory.
    Carveout,
}

impl Mode {
    /// Every mode.
    pub const ALL: [(Self, &'static str); 3] = [
        (Self::Sva, "sva"),
        (Self::Iova, "iova"),
        (Self::Carveout, "carveout"),
    ];
}

/// A firmware feature that the driver may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of section 11")]
pub enum Feature {
    NpuCommand,
    Preempt,
    TemporalOnly,
    AppHealth,
    AddHostBuffer,
    GetDevRevision,
    FwLog,
    RwAccess,
    Coredump,
}

/// One value on every axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The device.
    pub device: Device,
    /// The driver.
    pub kernel: Kernel,
    /// The firmware.
    pub firmware: Firmware,
    /// The address mode.
    pub mode: Mode,
    /// Module parameter `force_cmdlist`.
    pub list: bool,
    /// The caller has CAP_SYS_ADMIN.
    pub admin: bool,
}

impl Profile {
    /// True if a driver of this kernel starts on this device with this firmware in this mode.
    pub fn exists(&self) -> bool {
        let Firmware(major, minor) = self.firmware;
        let npu1 = self.device == Device::Npu1;
        let firmware = match major {
            5 => npu1 && minor >= 7,
            6 => !npu1 && minor >= 12,
            7 => !npu1 && self.kernel.since(Kernel::V7_0),
            _ => false,
        };
        let mode = match self.mode {
            Mode::Sva => true,
            Mode::Iova => self.kernel.since(Kernel::V7_1),
            Mode::Carveout => self.kernel.since(Kernel::V7_2) && self.kernel != Kernel::Oot,
        };
        firmware && mode
    }

    /// True if the firmware has the feature and the kernel uses it (1.4 axis 2, section 11).
    pub fn has(&self, feature: Feature) -> bool {
        let staging = self.kernel >= Kernel::Staging;
        let (npu1, minor, kernel) = match feature {
            Feature::NpuCommand => (Some(8), 15, self.kernel.since(Kernel::V6_19)),
            Feature::Preempt | Feature::TemporalOnly => (None, 12, self.kernel.since(Kernel::V6_19)),
            Feature::AppHealth => (None, 18, self.kernel.since(Kernel::V7_1)),
            Feature::AddHostBuffer => (None, 18, self.kernel.since(Kernel::V7_2)),
            Feature::GetDevRevision => (None, 24, self.kernel.since(Kernel::V7_2)),
            Feature::FwLog => (None, 19, staging),
            Feature::RwAccess => (None, 24, staging),
            Feature::Coredump => (
                None,
                if self.kernel == Kernel::Oot { 24 } else { u32::MAX },
                staging,
            ),
        };
        kernel
            && match self.device {
                Device::Npu1 => npu1.is_some_and(|least| self.firmware.1 >= least),
                _ => self.firmware.0 >= 7 || self.firmware.1 >= minor,
            }
    }

    /// Every combination that exists.
    pub fn all() -> Vec<Self> {
        let mut every = Vec::new();
        for (kernel, _) in Kernel::ALL {
            for (device, _) in Device::ALL {
                for firmware in Firmware::ALL {
                    for (mode, _) in Mode::ALL {
                        for (list, admin) in [(false, false), (false, true), (true, false), (true, true)] {
                            every.push(Self {
                                device,
                                kernel,
                                firmware,
                                mode,
                                list,
                                admin,
                            });
                        }
                    }
                }
            }
        }
        every.retain(Self::exists);
        every
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_examples_of_the_page_have_their_features() {
        let on = |kernel| Profile {
            device: Device::Npu4,
            kernel,
            firmware: Firmware(6, 18),
            mode: Mode::Sva,
            list: false,
            admin: false,
        };
        let used = |profile: Profile| {
            use Feature::*;
            let all = [
                NpuCommand,
                Preempt,
                TemporalOnly,
                AppHealth,
                AddHostBuffer,
                GetDevRevision,
                FwLog,
            ];
            all.iter().filter(|feature| profile.has(**feature)).count()
        };
        assert_eq!(used(on(Kernel::V6_18)), 0);
        assert_eq!(used(on(Kernel::V6_19)), 3);
    }

    #[test]
    fn a_probe_that_fails_has_no_profile() {
        let all = Profile::all();
        assert!(!all.iter().any(|p| p.kernel == Kernel::V6_19 && p.firmware.0 == 7));
        assert!(
            !all.iter()
                .any(|p| p.kernel == Kernel::V7_0 && p.mode != Mode::Sva)
        );
        assert!(!all.iter().any(|p| p.device == Device::Npu1 && p.firmware.0 != 5));
        assert!(
            all.iter()
                .any(|p| p.kernel == Kernel::V7_2 && p.mode == Mode::Carveout)
        );
    }
}
