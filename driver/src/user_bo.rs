//! Buffers over memory of the process's own.

#![allow(unsafe_code)]

use std::ptr::NonNull;
use std::sync::Arc;

use crate::bo::{Bo, BoKind, Memory, OwnedHandle, whole_pages};
use crate::device::Device;
use crate::error::Error;
use crate::features::Feature;
use crate::ids::DeviceAddr;
use crate::sys;
use crate::sys::memory::{HostPtr, Mapping, PAGE};

impl Device {
    /// Creates a buffer over `size` bytes (rounded up to pages) of fresh memory of this process, pinned: counted
    /// against `RLIMIT_MEMLOCK`, swapped out never. Linux 6.18 and later.
    ///
    /// # Errors
    /// - [`Error::Unsupported`]: an older kernel.
    /// - `ENOMEM`, `EPERM`, `EFAULT`: the memory can't be pinned.
    pub fn create_user_bo(&self, size: usize) -> Result<Arc<Bo>, Error> {
        let memory = Mapping::anonymous(whole_pages(size)?)?;
        let start = memory.start();
        // SAFETY: the memory is owned by the buffer, which unmaps it after its handle is closed, and nobody
        // else knows its address.
        let (handle, addr) = unsafe { self.pin(start, memory.len()) }?;
        let len = memory.len();
        let bo = Arc::new(Bo::new(handle, BoKind::User, len, addr, Memory::Mapped(memory)));
        bo.flush(0, len)?;
        Ok(bo)
    }

    /// Creates a buffer over the caller's `len` bytes at `start`, both multiples of the page size.
    ///
    /// # Safety
    /// Until the buffer is dropped the range must stay mapped and writable, and be accessed through the buffer
    /// alone: the device may write it at any time a command uses the buffer.
    ///
    /// # Errors
    /// As [`Device::create_user_bo`], and [`Error::Misaligned`].
    pub unsafe fn create_user_bo_at(&self, start: NonNull<u8>, len: usize) -> Result<Arc<Bo>, Error> {
        for (what, value) in [("address", start.as_ptr() as usize), ("length", len)] {
            if !value.is_multiple_of(PAGE) {
                return Err(Error::Misaligned {
                    what,
                    value,
                    align: PAGE,
                });
            }
        }
        let len = whole_pages(len)?;
        // SAFETY: the caller's promise covers the life of the buffer.
        let (handle, addr) = unsafe { self.pin(start, len) }?;
        let bo = Arc::new(Bo::new(
            handle,
            BoKind::User,
            len,
            addr,
            Memory::Borrowed(HostPtr(start)),
        ));
        bo.flush(0, len)?;
        Ok(bo)
    }

    /// # Safety
    /// As [`sys::npu::create_user_bo`].
    unsafe fn pin(&self, start: NonNull<u8>, len: usize) -> Result<(OwnedHandle, DeviceAddr), Error> {
        self.0.check_process()?;
        if !self.supports(Feature::UserPointer)? {
            return Err(Error::Unsupported {
                what: "a user-pointer buffer",
                needs: "Linux 6.18",
            });
        }
        // SAFETY: the caller's promise.
        let handle =
            unsafe { sys::npu::create_user_bo(self.fd()?, start, len) }.map_err(|e| self.0.explain(e))?;
        let handle_value = handle;
        let handle = OwnedHandle::new(&self.0, handle);
        let info = sys::npu::get_bo_info(self.fd()?, handle_value)?;
        Ok((
            handle,
            DeviceAddr(info.device_addr.unwrap_or(start.as_ptr() as u64)),
        ))
    }
}
