//! The device heap: the arena DEV buffers are cut from, mapped once at an aligned address.

use std::ptr::NonNull;
use std::sync::{Mutex, OnceLock, PoisonError};

use xdna_uapi as uapi;

use crate::chip::Chip;
use crate::device::{DeviceInner, DriverVersion};
use crate::error::{Call, Error};
use crate::ids::BoHandle;
use crate::sys;
use crate::sys::memory::Mapping;

const CHUNK: usize = uapi::DEV_HEAP_CHUNK as usize;

/// The heap of one open device. Created with the first context or DEV buffer; the driver keeps it until the
/// descriptor is closed.
#[derive(Debug)]
pub(crate) struct Heap {
    max: usize,
    reserved: OnceLock<Mapping>,
    chunks: Mutex<Chunks>,
}

#[derive(Debug, Default)]
struct Chunks {
    mapped: usize,
    /// A chunk the driver has and this process could not map yet.
    unmapped: Option<BoHandle>,
}

impl Heap {
    pub(crate) fn new(chip: &Chip, version: DriverVersion) -> Self {
        let grows = version.level() >= 10 && !version.is_out_of_tree();
        let max = if grows {
            chip.heap_max
        } else {
            uapi::DEV_HEAP_CHUNK
        };
        Self {
            max: max as usize,
            reserved: OnceLock::new(),
            chunks: Mutex::default(),
        }
    }

    pub(crate) fn can_grow(&self) -> bool {
        self.max > CHUNK
    }

    /// Largest DEV buffer in bytes.
    pub(crate) fn max(&self) -> usize {
        self.max
    }

    /// Creates and maps the first chunk, if that has not been done.
    pub(crate) fn ensure(&self, dev: &DeviceInner) -> Result<(), Error> {
        let mut chunks = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        if chunks.mapped == 0 {
            self.add(dev, &mut chunks)
        } else {
            Ok(())
        }
    }

    /// Cuts a DEV buffer of `size` bytes, growing the heap as far as needed and possible.
    pub(crate) fn cut(&self, dev: &DeviceInner, size: usize) -> Result<BoHandle, Error> {
        let mut chunks = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        if chunks.mapped == 0 {
            self.add(dev, &mut chunks)?;
        }
        loop {
            match sys::npu::create_bo(dev.fd(), uapi::AMDXDNA_BO_DEV, size as u64) {
                Err(e) if e.errno() == Some(libc::EAGAIN) && chunks.mapped < self.max => {
                    self.add(dev, &mut chunks)?;
                }
                Err(e) if e.errno() == Some(libc::EOPNOTSUPP) && chunks.mapped > CHUNK => {
                    return Err(Error::HeapCanNotGrow);
                }
                other => return other,
            }
        }
    }

    /// Host address of `len` bytes at device address `addr`.
    pub(crate) fn host(&self, addr: u64, len: usize) -> Result<NonNull<u8>, Error> {
        let mapped = self.chunks.lock().unwrap_or_else(PoisonError::into_inner).mapped;
        let bad = Error::Answer {
            call: Call::GetBoInfo,
            what: "xdna_addr",
            value: addr,
        };
        let offset = addr
            .checked_sub(uapi::DEV_HEAP_BASE)
            .and_then(|o| usize::try_from(o).ok());
        let inside = offset.filter(|o| o.checked_add(len).is_some_and(|end| end <= mapped));
        let (Some(reserved), Some(offset)) = (self.reserved.get(), inside) else {
            return Err(bad);
        };
        NonNull::new(reserved.start().as_ptr().wrapping_add(offset)).ok_or(bad)
    }

    /// Adds a chunk of 64 MiB behind the others: mapped at once, because nothing can be cut from it before.
    fn add(&self, dev: &DeviceInner, chunks: &mut Chunks) -> Result<(), Error> {
        let handle = match chunks.unmapped {
            Some(handle) => handle,
            None => sys::npu::create_bo(dev.fd(), uapi::AMDXDNA_BO_DEV_HEAP, uapi::DEV_HEAP_CHUNK)?,
        };
        chunks.unmapped = Some(handle);
        let info = sys::npu::get_bo_info(dev.fd(), handle)?;
        let addr = info.device_addr.unwrap_or(uapi::AMDXDNA_INVALID_ADDR);
        if addr != uapi::DEV_HEAP_BASE + chunks.mapped as u64 {
            return Err(Error::Answer {
                call: Call::GetBoInfo,
                what: "xdna_addr",
                value: addr,
            });
        }
        let offset = info.map_offset.ok_or(Error::Answer {
            call: Call::GetBoInfo,
            what: "map_offset",
            value: uapi::AMDXDNA_INVALID_ADDR,
        })?;
        let reserved = match self.reserved.get() {
            Some(reserved) => reserved,
            None => {
                let fresh = Mapping::reserve(self.max, CHUNK)?;
                self.reserved.get_or_init(|| fresh)
            }
        };
        reserved.place(chunks.mapped, dev.fd(), offset, CHUNK)?;
        chunks.mapped += CHUNK;
        chunks.unmapped = None;
        log::debug!(
            "device heap: {} MiB at {:?}",
            chunks.mapped >> 20,
            reserved.start()
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heap(device: u16, revision: u8, major: i32, minor: i32) -> Heap {
        Heap::new(
            Chip::identify(device, revision).unwrap(),
            DriverVersion { major, minor },
        )
    }

    #[test]
    fn the_heap_grows_from_level_10_on_but_not_on_xdna1_nor_out_of_tree() {
        assert_eq!(heap(0x17f0, 0x10, 0, 10).max(), 512 << 20);
        assert_eq!(heap(0x17f0, 0x10, 0, 8).max(), 64 << 20);
        assert_eq!(heap(0x1502, 0, 0, 10).max(), 64 << 20);
        assert_eq!(heap(0x17f0, 0x10, 1, 0).max(), 64 << 20);
        assert!(!heap(0x1502, 0, 0, 10).can_grow());
    }

    #[test]
    fn an_address_outside_of_the_heap_has_no_host_address() {
        assert!(matches!(
            heap(0x17f0, 0x10, 0, 10).host(0x0400_0000, 1),
            Err(Error::Answer { .. })
        ));
    }
}
