//! Buffer objects.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use xdna_uapi::*;

use super::{Client, step};
use crate::check::Fail;
use crate::sys::{self, Area, Share};

/// Host and device share it.
pub const SHARE: u32 = AMDXDNA_BO_SHARE;
/// The client's device heap.
pub const HEAP: u32 = AMDXDNA_BO_DEV_HEAP;
/// A range of the heap.
pub const DEV: u32 = AMDXDNA_BO_DEV;
/// A command packet.
pub const CMD: u32 = AMDXDNA_BO_CMD;
/// Size of one heap chunk: the one size that every level accepts (5.2).
pub const HEAP_CHUNK: u64 = DEV_HEAP_CHUNK;

/// A heap chunk and its mapping.
#[derive(Debug)]
pub struct Heap {
    /// Its handle.
    pub handle: u32,
    /// Its memory; `area.addr()` is 64 MiB-aligned.
    pub area: Area,
}

/// A mapped buffer object.
#[derive(Debug)]
pub struct Mapped {
    /// Its handle.
    pub handle: u32,
    /// Its memory.
    pub area: Area,
}

impl Client {
    /// CREATE_BO without flags or addresses.
    pub fn create_bo(&self, kind: u32, size: u64) -> Result<u32, Fail> {
        self.create_bo_with(amdxdna_drm_create_bo {
            type_: kind,
            size,
            ..Default::default()
        })
    }

    /// CREATE_BO as given.
    pub fn create_bo_with(&self, mut arg: amdxdna_drm_create_bo) -> Result<u32, Fail> {
        self.call(request::DRM_IOCTL_AMDXDNA_CREATE_BO, &mut arg)?;
        Ok(arg.handle)
    }

    /// A buffer object over the user's own pages: (address, length) ranges.
    pub fn pin(&self, kind: u32, ranges: &[(u64, u64)]) -> Result<u32, Fail> {
        let mut table = vec![u32::MAX, ranges.len() as u32];
        for (addr, len) in ranges {
            table.extend([*addr as u32, (addr >> 32) as u32, *len as u32, (len >> 32) as u32]);
        }
        let table = super::words(&table)?;
        self.create_bo_with(amdxdna_drm_create_bo {
            type_: kind,
            vaddr: table.addr(),
            ..Default::default()
        })
    }

    /// GET_BO_INFO.
    pub fn bo_info(&self, handle: u32) -> Result<amdxdna_drm_get_bo_info, Fail> {
        let mut arg = amdxdna_drm_get_bo_info {
            handle,
            ..Default::default()
        };
        self.call(request::DRM_IOCTL_AMDXDNA_GET_BO_INFO, &mut arg)?;
        Ok(arg)
    }

    /// GEM_CLOSE.
    pub fn gem_close(&self, handle: u32) -> Result<(), Fail> {
        self.call(
            request::DRM_IOCTL_GEM_CLOSE,
            &mut drm_gem_close { handle, pad: 0 },
        )
    }

    /// SYNC_BO.
    pub fn sync_bo(&self, handle: u32, direction: u32, offset: u64, size: u64) -> Result<(), Fail> {
        let mut arg = amdxdna_drm_sync_bo {
            handle,
            direction,
            offset,
            size,
        };
        self.call(request::DRM_IOCTL_AMDXDNA_SYNC_BO, &mut arg)
    }

    /// Maps `len` bytes from `offset`.
    pub fn mmap(&self, len: usize, offset: u64) -> Result<Area, Fail> {
        self.mmap_as(len, offset, Share::Shared)
    }

    /// Maps `len` bytes from `offset`, shared or not.
    pub fn mmap_as(&self, len: usize, offset: u64, share: Share) -> Result<Area, Fail> {
        step("mmap", Area::of(self, len, offset, share))
    }

    /// Maps a buffer object's first `len` bytes.
    pub fn map(&self, handle: u32, len: usize) -> Result<Area, Fail> {
        let info = self.bo_info(handle)?;
        self.mmap(len, info.map_offset)
    }

    /// Creates and maps a buffer object.
    pub fn mapped(&self, kind: u32, size: usize) -> Result<Mapped, Fail> {
        let handle = self.create_bo(kind, size as u64)?;
        let area = self.map(handle, size.next_multiple_of(4096))?;
        Ok(Mapped { handle, area })
    }

    /// Creates and maps the heap the way every level accepts: 64 MiB, aligned to its size.
    pub fn heap(&self) -> Result<Heap, Fail> {
        let handle = self.create_bo(HEAP, HEAP_CHUNK)?;
        let area = step("mmap", Area::reserve(HEAP_CHUNK as usize, HEAP_CHUNK as usize))?;
        self.map_chunk(handle, &area, 0)?;
        Ok(Heap { handle, area })
    }

    /// Maps heap chunk `handle` at offset `at` of `area`.
    pub fn map_chunk(&self, handle: u32, area: &Area, at: usize) -> Result<(), Fail> {
        let info = self.bo_info(handle)?;
        step(
            "mmap",
            area.map_over(at, self, HEAP_CHUNK as usize, info.map_offset),
        )
    }

    /// PRIME_HANDLE_TO_FD.
    pub fn export(&self, handle: u32, flags: u32) -> Result<OwnedFd, Fail> {
        let mut arg = drm_prime_handle {
            handle,
            flags,
            fd: -1,
        };
        self.call(request::DRM_IOCTL_PRIME_HANDLE_TO_FD, &mut arg)?;
        Ok(sys::own(arg.fd))
    }

    /// PRIME_FD_TO_HANDLE.
    pub fn import<F: AsFd>(&self, fd: F) -> Result<u32, Fail> {
        self.import_raw(fd.as_fd().as_raw_fd())
    }

    /// PRIME_FD_TO_HANDLE with any number.
    pub fn import_raw(&self, fd: i32) -> Result<u32, Fail> {
        let mut arg = drm_prime_handle {
            handle: 0,
            flags: 0,
            fd,
        };
        self.call(request::DRM_IOCTL_PRIME_FD_TO_HANDLE, &mut arg)?;
        Ok(arg.handle)
    }
}

impl Heap {
    /// Where a DEV buffer object's bytes lie in the heap's mapping.
    pub fn offset_of(&self, xdna_addr: u64) -> Result<usize, Fail> {
        let at = xdna_addr.checked_sub(DEV_HEAP_BASE).filter(|at| *at < HEAP_CHUNK);
        at.map(|at| at as usize).ok_or(Fail::Step {
            what: "DEV address",
            errno: Errno::ERANGE,
        })
    }
}
