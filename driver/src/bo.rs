//! Buffer objects: memory that host and NPU share.

use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use xdna_uapi as uapi;

use crate::device::{Device, DeviceInner};
use crate::error::{Call, Error};
use crate::ids::{BoHandle, DeviceAddr};
use crate::sys;
use crate::sys::memory::{HostPtr, Mapping, PAGE};
use crate::usage::{Taken, Usage};

/// What a buffer object is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BoKind {
    /// Inputs and outputs: pages of their own.
    Share,
    /// PDI images and instruction streams: a range of the device heap.
    Dev,
    /// A command packet.
    Command,
    /// The caller's own memory, pinned.
    User,
    /// A dma-buf of somebody else.
    Imported,
}

impl fmt::Display for BoKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BoKind::Share => "SHARE",
            BoKind::Dev => "DEV",
            BoKind::Command => "CMD",
            BoKind::User => "user pointer",
            BoKind::Imported => "imported",
        })
    }
}

/// A buffer object: mapped while it lives, its handle closed on drop.
///
/// Commands that use a buffer hold an `Arc` of it until they have ended. In that time the host can't look at it;
/// host views and copies flush CPU caches by themselves.
#[derive(Debug)]
pub struct Bo {
    handle: OwnedHandle,
    kind: BoKind,
    size: usize,
    addr: DeviceAddr,
    memory: Memory,
    pub(crate) usage: Usage,
    /// Others can write the memory: it was exported or imported.
    shared: AtomicBool,
}

/// A handle that is closed on drop.
#[derive(Debug)]
pub(crate) struct OwnedHandle {
    device: Arc<DeviceInner>,
    handle: BoHandle,
}

impl OwnedHandle {
    pub(crate) fn new(device: &Arc<DeviceInner>, handle: BoHandle) -> Self {
        Self {
            device: Arc::clone(device),
            handle,
        }
    }
}

impl Drop for OwnedHandle {
    fn drop(&mut self) {
        self.device.registry.close(&self.device, self.handle);
    }
}

/// Where a buffer's bytes are.
#[derive(Debug)]
pub(crate) enum Memory {
    /// A mapping of its own.
    Mapped(Mapping),
    /// Memory somebody else keeps mapped: the device's heap, or the owner of pinned memory.
    Borrowed(HostPtr),
}

impl Device {
    /// Creates a buffer of `size` bytes (rounded up to pages) for inputs and outputs, zeroed.
    ///
    /// # Errors
    /// `ENOMEM`, `ENOSPC`: no room; [`Error::TooLarge`]: `size` is zero.
    pub fn create_bo(&self, size: usize) -> Result<Arc<Bo>, Error> {
        let bo = self.mapped_bo(BoKind::Share, size)?;
        // Its zeroed lines may be dirty in the cache: an eviction after the device has written would undo that.
        bo.flush(0, bo.size)?;
        Ok(bo)
    }

    /// Creates a buffer of `size` bytes (rounded up to pages) in the device heap, for PDI images, instruction
    /// streams and debug buffers. Its bytes are what was there before.
    ///
    /// # Errors
    /// - `ENOSPC`: the heap is full. [`Error::HeapCanNotGrow`]: it would have to grow, and the firmware refuses.
    /// - [`Error::TooLarge`]: zero, or more than the largest heap of this device.
    pub fn create_dev_bo(&self, size: usize) -> Result<Arc<Bo>, Error> {
        let (asked, size) = (size, whole_pages(size)?);
        self.0.check_process()?;
        if size > self.0.heap.max() {
            return Err(Error::TooLarge {
                what: "buffer in the device heap",
                len: size,
                limit: self.0.heap.max(),
            });
        }
        let handle = self.0.heap.cut(&self.0, asked).map_err(|e| self.0.explain(e))?;
        let handle = OwnedHandle::new(&self.0, handle);
        let info = sys::npu::get_bo_info(self.fd()?, handle.handle)?;
        let addr = info.device_addr.unwrap_or(uapi::AMDXDNA_INVALID_ADDR);
        let host = HostPtr(self.0.heap.host(addr, size)?);
        Ok(Arc::new(Bo::new(
            handle,
            BoKind::Dev,
            size,
            DeviceAddr(addr),
            Memory::Borrowed(host),
        )))
    }

    /// A buffer for command packets. It needs no flush: the kernel reads it, not the device.
    pub(crate) fn create_cmd_bo(&self, size: usize) -> Result<Arc<Bo>, Error> {
        self.mapped_bo(BoKind::Command, size)
    }

    fn mapped_bo(&self, kind: BoKind, size: usize) -> Result<Arc<Bo>, Error> {
        let (asked, size) = (size, whole_pages(size)?);
        self.0.check_process()?;
        let raw = if kind == BoKind::Command {
            uapi::AMDXDNA_BO_CMD
        } else {
            uapi::AMDXDNA_BO_SHARE
        };
        let handle = sys::npu::create_bo(self.fd()?, raw, asked as u64).map_err(|e| self.0.explain(e))?;
        Bo::map(OwnedHandle::new(&self.0, handle), kind, size).map(Arc::new)
    }
}

impl Bo {
    pub(crate) fn new(
        handle: OwnedHandle,
        kind: BoKind,
        size: usize,
        addr: DeviceAddr,
        memory: Memory,
    ) -> Self {
        log::debug!("{kind} buffer {}: {size} bytes at {addr}", handle.handle.get());
        let shared = AtomicBool::new(kind == BoKind::Imported);
        Self {
            handle,
            kind,
            size,
            addr,
            memory,
            usage: Usage::default(),
            shared,
        }
    }

    /// Maps a buffer whose handle exists, and asks for its device address: only then has it one.
    pub(crate) fn map(handle: OwnedHandle, kind: BoKind, size: usize) -> Result<Self, Error> {
        let fd = handle.device.fd();
        let info = sys::npu::get_bo_info(fd, handle.handle)?;
        let offset = info.map_offset.ok_or(Error::Answer {
            call: Call::GetBoInfo,
            what: "map_offset",
            value: uapi::AMDXDNA_INVALID_ADDR,
        })?;
        let mapping = Mapping::buffer(fd, offset, size)?;
        let addr = if kind == BoKind::Command {
            None
        } else {
            sys::npu::get_bo_info(fd, handle.handle)?.device_addr
        };
        let addr = DeviceAddr(addr.unwrap_or(mapping.start().as_ptr() as u64));
        Ok(Self::new(handle, kind, size, addr, Memory::Mapped(mapping)))
    }

    /// The kernel's handle.
    pub fn handle(&self) -> BoHandle {
        self.handle.handle
    }

    /// What the buffer is for.
    pub fn kind(&self) -> BoKind {
        self.kind
    }

    /// Bytes, a multiple of the page size.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Address of the first byte, as the NPU sees it.
    pub fn device_addr(&self) -> DeviceAddr {
        self.addr
    }

    /// True once the buffer was exported, or if it was imported: others can write it, so it can't be viewed.
    pub fn is_shared(&self) -> bool {
        self.shared.load(Ordering::Acquire)
    }

    /// True while a command in flight uses the buffer.
    pub fn is_in_flight(&self) -> bool {
        self.usage.enter_reader().map(|()| self.usage.leave_reader()) == Err(Taken::ByDevice)
    }

    pub(crate) fn set_shared(&self) {
        self.shared.store(true, Ordering::Release);
    }

    pub(crate) fn device(&self) -> &Arc<DeviceInner> {
        &self.handle.device
    }

    /// First byte in host memory, mapped while this buffer lives.
    pub(crate) fn host(&self) -> NonNull<u8> {
        match &self.memory {
            Memory::Mapped(mapping) => mapping.start(),
            Memory::Borrowed(HostPtr(start)) => *start,
        }
    }

    pub(crate) fn taken(&self, by: Taken) -> Error {
        match by {
            Taken::ByDevice => Error::InFlight(self.addr),
            Taken::ByHost => Error::Viewed(self.addr),
        }
    }

    /// Checks that `len` bytes at `offset` lie inside.
    pub(crate) fn check_range(&self, offset: usize, len: usize) -> Result<(), Error> {
        if offset.checked_add(len).is_none_or(|end| end > self.size) {
            return Err(Error::OutOfRange {
                offset,
                len,
                size: self.size,
            });
        }
        Ok(())
    }
}

pub(crate) fn whole_pages(size: usize) -> Result<usize, Error> {
    let limit = isize::MAX as usize - PAGE;
    if size == 0 || size > limit {
        return Err(Error::TooLarge {
            what: "buffer size",
            len: size,
            limit,
        });
    }
    Ok(size.next_multiple_of(PAGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_whole_pages_and_never_zero() {
        assert_eq!(whole_pages(1).unwrap(), 4096);
        assert_eq!(whole_pages(4096).unwrap(), 4096);
        assert_eq!(whole_pages(4097).unwrap(), 8192);
        assert!(whole_pages(0).is_err());
        assert!(whole_pages(usize::MAX).is_err());
    }

    #[test]
    fn buffers_can_be_used_from_any_thread() {
        fn shareable<T: Send + Sync>() {}
        shareable::<Bo>();
        shareable::<Device>();
    }
}
