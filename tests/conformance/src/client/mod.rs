//! A client without opinions: it sends what it is told and reports what came back.

mod bo;
mod context;
mod packet;
mod pdi;
mod rig;
mod syncobj;

pub use bo::{CMD, DEV, HEAP, HEAP_CHUNK, Heap, Mapped, SHARE};
pub use context::{Context, qos};
pub use packet::{Packet, State, chain};
pub use pdi::{EMPTY_TRANSACTION, empty_pdi};
pub use rig::Rig;
pub use syncobj::{FOR_SUBMIT, in_ms, now};

use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

use nix::errno::Errno;
use nix::libc;
use xdna_uapi::*;

use crate::check::Fail;
use crate::env::Env;
use crate::sys::{self, Area, Plain};

/// One open file of the device node: one client of the driver.
#[derive(Debug)]
pub struct Client {
    fd: OwnedFd,
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A step that is no ioctl.
pub fn step<T, E: Into<std::io::Error>>(what: &'static str, result: Result<T, E>) -> Result<T, Fail> {
    result.map_err(|e| Fail::Step {
        what,
        errno: Errno::from_raw(e.into().raw_os_error().unwrap_or(libc::EIO)),
    })
}

impl Client {
    /// Opens the node read-write.
    pub fn open(env: &Env) -> Result<Self, Fail> {
        Self::open_with(env, true)
    }

    /// Opens the node, for reading only unless `write`.
    pub fn open_with(env: &Env, write: bool) -> Result<Self, Fail> {
        let mut options = OpenOptions::new();
        let file: Result<File, _> = options
            .read(true)
            .write(write)
            .custom_flags(libc::O_CLOEXEC)
            .open(&env.node.path);
        Ok(Self {
            fd: step("open", file)?.into(),
        })
    }

    /// The descriptor as the client's owner would pass it on.
    pub fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// One ioctl.
    pub fn call<T: Plain>(&self, request: u32, arg: &mut T) -> Result<(), Fail> {
        sys::ioctl(self.as_fd(), request, arg).map_err(|errno| Fail::Call { request, errno })
    }

    /// One ioctl whose argument is nowhere.
    pub fn call_nowhere(&self, request: u32) -> Result<(), Fail> {
        sys::ioctl_nowhere(self.as_fd(), request).map_err(|errno| Fail::Call { request, errno })
    }

    /// DRM_IOCTL_VERSION without strings: major, minor, patch level, and the lengths of name, date, description.
    pub fn version(&self) -> Result<VersionWire, Fail> {
        let mut arg = VersionWire::default();
        self.call(request::DRM_IOCTL_VERSION, &mut arg)?;
        Ok(arg)
    }

    /// One generic capability.
    pub fn capability(&self, capability: u64) -> Result<u64, Fail> {
        let mut arg = drm_get_cap { capability, value: 0 };
        self.call(request::DRM_IOCTL_GET_CAP, &mut arg)?;
        Ok(arg.value)
    }

    /// GET_INFO into `area`, of which `size` bytes are offered; the size on return.
    pub fn get_info(&self, param: u32, area: &Area, size: u32) -> Result<u32, Fail> {
        self.get_info_at(param, area.addr(), size)
    }

    /// GET_INFO with any address.
    pub fn get_info_at(&self, param: u32, buffer: u64, size: u32) -> Result<u32, Fail> {
        let mut arg = amdxdna_drm_get_info {
            param,
            buffer_size: size,
            buffer,
        };
        self.call(request::DRM_IOCTL_AMDXDNA_GET_INFO, &mut arg)?;
        Ok(arg.buffer_size)
    }

    /// GET_ARRAY into `area`; element size and count on return.
    pub fn get_array(&self, param: u32, area: &Area, size: u32, count: u32) -> Result<(u32, u32), Fail> {
        let mut arg = amdxdna_drm_get_array {
            param,
            element_size: size,
            num_element: count,
            pad: 0,
            buffer: area.addr(),
        };
        self.call(request::DRM_IOCTL_AMDXDNA_GET_ARRAY, &mut arg)?;
        Ok((arg.element_size, arg.num_element))
    }

    /// SET_STATE from `area`.
    pub fn set_state(&self, param: u32, area: &Area, size: u32) -> Result<(), Fail> {
        let mut arg = amdxdna_drm_set_state {
            param,
            buffer_size: size,
            buffer: area.addr(),
        };
        self.call(request::DRM_IOCTL_AMDXDNA_SET_STATE, &mut arg)
    }
}

/// Zeroed memory for an argument's pointers.
pub fn area(len: usize) -> Result<Area, Fail> {
    step("mmap", Area::anonymous(len))
}

/// Memory that holds these bytes.
pub fn holding(bytes: &[u8]) -> Result<Area, Fail> {
    let area = area(bytes.len().max(1))?;
    area.write(0, bytes);
    Ok(area)
}

/// Memory that holds these words.
pub fn words(words: &[u32]) -> Result<Area, Fail> {
    let area = area((4 * words.len()).max(4))?;
    area.write_words(0, words);
    Ok(area)
}
