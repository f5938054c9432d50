//! An open NPU.

use std::fmt;
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xdna_uapi as uapi;

use crate::chip::{CORE_ROWS, Chip, Generation};
use crate::debug::Debug;
use crate::error::Error;
use crate::features::{Feature, Features};
use crate::heap::Heap;
use crate::prime::Registry;
use crate::sys;
use crate::sysfs::{self, Found, PciFacts};

/// An open NPU: cheap to clone, closed when the last clone and everything made from it is dropped.
///
/// Open a device once per process and after any fork: the driver ties the descriptor to the address space that
/// opened it, and kernels to 6.19 destroy all contexts when any copy of it is closed.
#[derive(Clone, Debug)]
pub struct Device(pub(crate) Arc<DeviceInner>);

/// What everything made from a device keeps alive.
pub(crate) struct DeviceInner {
    // Closed first: closing ends every command before the heap below it is unmapped.
    fd: OwnedFd,
    pub(crate) heap: Heap,
    pub(crate) registry: Registry,
    pub(crate) features: Features,
    pub(crate) debug: Debug,
    pub(crate) chip: &'static Chip,
    pub(crate) version: DriverVersion,
    pub(crate) metadata: uapi::amdxdna_drm_query_aie_metadata,
    facts: PciFacts,
    node: PathBuf,
    opened_by: u32,
}

impl fmt::Debug for DeviceInner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}, driver {})",
            self.node.display(),
            self.chip.name,
            self.version
        )
    }
}

/// Version of the kernel driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DriverVersion {
    /// 0 in the kernel tree, 1 for the vendor's out-of-tree driver.
    pub major: i32,
    /// The driver level: 0 up to Linux 6.17, then counting additions to the interface.
    pub minor: i32,
}

impl DriverVersion {
    /// True for the vendor's out-of-tree driver.
    pub fn is_out_of_tree(self) -> bool {
        self.major == 1
    }

    /// The level of the kernel tree that behaves most alike: the out-of-tree driver passes for level 10.
    pub fn level(self) -> i32 {
        if self.is_out_of_tree() { 10 } else { self.minor }
    }
}

impl fmt::Display for DriverVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Found {
    /// Opens this NPU.
    ///
    /// # Errors
    /// As [`Device::open`].
    pub fn open(&self) -> Result<Device, Error> {
        Device::open(&self.node)
    }
}

impl Device {
    /// Opens the first NPU of the machine.
    ///
    /// # Errors
    /// [`Error::NoDevice`] if there is none; otherwise as [`Device::open`].
    pub fn open_first() -> Result<Self, Error> {
        let node = sysfs::find()?
            .into_iter()
            .next()
            .map_or_else(|| sysfs::node_path(0), |found| found.node);
        Self::open(&node)
    }

    /// Opens the NPU behind a device node and identifies it.
    ///
    /// # Errors
    /// - [`Error::NoDevice`], [`Error::Open`]: the node is not there, not allowed, or (`EINVAL`, `ENODEV`,
    ///   `EOPNOTSUPP`) the IOMMU can't bind this address space.
    /// - [`Error::OtherDriver`], [`Error::DriverVersion`], [`Error::UnknownChip`]: it is none this crate drives.
    pub fn open(node: &Path) -> Result<Self, Error> {
        let debug = Debug::from_env()?;
        // The standard library opens close-on-exec.
        let fd: OwnedFd = match OpenOptions::new().read(true).write(true).open(node) {
            Ok(file) => file.into(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(Error::NoDevice { path: node.into() });
            }
            Err(source) => {
                return Err(Error::Open {
                    path: node.into(),
                    source,
                });
            }
        };
        let answer = sys::drm::version(fd.as_fd())?;
        if answer.name != uapi::DRIVER_NAME {
            return Err(Error::OtherDriver {
                path: node.into(),
                name: answer.name,
            });
        }
        let version = DriverVersion {
            major: answer.major,
            minor: answer.minor,
        };
        if !(0..=1).contains(&version.major) || version.minor < 0 {
            return Err(Error::DriverVersion {
                major: version.major,
                minor: version.minor,
            });
        }
        let facts = sysfs::facts_of(node)?.unwrap_or_default();
        let chip = Chip::identify(facts.device, facts.revision).ok_or(Error::UnknownChip {
            vendor: facts.vendor,
            device: facts.device,
            revision: facts.revision,
        })?;
        let metadata: uapi::amdxdna_drm_query_aie_metadata = sys::npu::fact(fd.as_fd())?;
        log::info!(
            "{}: {} ({}), driver {version}, {} columns",
            node.display(),
            chip.name,
            chip.generation,
            metadata.cols
        );
        Ok(Self(Arc::new(DeviceInner {
            fd,
            heap: Heap::new(chip, version),
            registry: Registry::default(),
            features: Features::default(),
            debug,
            chip,
            version,
            metadata,
            facts,
            node: node.into(),
            opened_by: std::process::id(),
        })))
    }

    /// The device node this device was opened by.
    pub fn node(&self) -> &Path {
        &self.0.node
    }

    /// What the PCI id stands for.
    pub fn chip(&self) -> &'static Chip {
        self.0.chip
    }

    /// Generation of the NPU.
    pub fn generation(&self) -> Generation {
        self.0.chip.generation
    }

    /// Version of the kernel driver.
    pub fn driver_version(&self) -> DriverVersion {
        self.0.version
    }

    /// What sysfs said when the device was opened.
    pub fn pci(&self) -> &PciFacts {
        &self.0.facts
    }

    /// Columns of the array, as the firmware reports them.
    pub fn columns(&self) -> u16 {
        self.0.metadata.cols
    }

    /// Core tiles of one column, as the firmware reports them.
    pub fn core_rows(&self) -> u16 {
        if self.0.metadata.core.row_count == 0 {
            CORE_ROWS
        } else {
            self.0.metadata.core.row_count
        }
    }

    /// Whether driver and firmware have `feature`: asked on first use, remembered after.
    ///
    /// # Errors
    /// What the driver answers, if it is neither yes nor no.
    pub fn supports(&self, feature: Feature) -> Result<bool, Error> {
        self.0.features.supports(&self.0, feature)
    }

    /// Names this process in the descriptor's fdinfo; newer kernels only.
    ///
    /// # Errors
    /// `EINVAL`: the kernel has no such call, or does not like the name.
    pub fn set_client_name(&self, name: &str) -> Result<(), Error> {
        sys::drm::set_client_name(self.fd()?, name)
    }

    /// The descriptor, in the process it belongs to.
    pub(crate) fn fd(&self) -> Result<BorrowedFd<'_>, Error> {
        self.0.checked_fd()
    }

    pub(crate) fn is(&self, other: &Arc<DeviceInner>) -> bool {
        Arc::ptr_eq(&self.0, other)
    }
}

impl DeviceInner {
    /// The descriptor, whoever asks: for what is behind a check, and for destructors, which have their own.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// The descriptor, in the process it belongs to.
    ///
    /// # Errors
    /// [`Error::OtherProcess`].
    pub(crate) fn checked_fd(&self) -> Result<BorrowedFd<'_>, Error> {
        self.check_process()?;
        Ok(self.fd())
    }

    /// True in a child of the process that opened the device: its handles belong to the parent.
    pub(crate) fn is_inherited(&self) -> bool {
        self.opened_by != std::process::id()
    }

    /// Refuses to work in another process than the one that opened the device.
    pub(crate) fn check_process(&self) -> Result<(), Error> {
        let current = std::process::id();
        if self.opened_by == current {
            return Ok(());
        }
        Err(Error::OtherProcess {
            opened_by: self.opened_by,
            current,
        })
    }

    /// Says what an errno means when it says something about the whole device.
    pub(crate) fn explain(&self, e: Error) -> Error {
        match e {
            Error::Ioctl { call, source } => match source.raw_os_error() {
                Some(libc::EPIPE) => Error::FirmwareDead { call, source },
                Some(libc::ENODEV) if self.is_gone() => Error::DeviceGone { call },
                _ => Error::Ioctl { call, source },
            },
            other => other,
        }
    }

    /// Asks the DRM core, which needs no firmware, whether the device was unplugged.
    fn is_gone(&self) -> bool {
        sys::drm::version(self.fd()).is_err_and(|e| e.errno() == Some(libc::ENODEV))
    }
}
