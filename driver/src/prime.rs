//! Buffers across devices and processes: dma-buf export and import.

use std::collections::HashMap;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use nix::unistd::{Whence, lseek};

use crate::bo::{Bo, BoKind, OwnedHandle};
use crate::device::{Device, DeviceInner};
use crate::error::{Call, Error};
use crate::ids::BoHandle;
use crate::sys;

/// Buffers known by dma-buf. Importing one that this device already has returns its handle a second time,
/// without counting: the first close would take it from everybody, so both users get the same [`Bo`].
#[derive(Debug, Default)]
pub(crate) struct Registry {
    importing: Mutex<()>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    buffers: HashMap<u32, Weak<Bo>>,
    /// Handles that an import got back while their last `Bo` was being dropped, and how often: so many of the
    /// closes to come are not meant any more.
    revived: HashMap<u32, u32>,
}

impl Registry {
    /// Closes a handle whose owner is being dropped.
    pub(crate) fn close(&self, dev: &DeviceInner, handle: BoHandle) {
        // In a forked child the handles are the parent's.
        if dev.is_inherited() {
            return;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.pass_over(handle.get()) {
            return;
        }
        known.buffers.remove(&handle.get());
        if let Err(e) = sys::drm::gem_close(dev.fd(), handle) {
            e.warn_of_leak(&format_args!("handle {}", handle.get()));
        }
    }

    fn add(&self, bo: &Arc<Bo>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.buffers.insert(bo.handle().get(), Arc::downgrade(bo));
    }

    /// Imports a dma-buf: the buffer this device has of it, or the handle of a new one.
    fn import(&self, dev: &DeviceInner, dma_buf: BorrowedFd<'_>) -> Result<Result<Arc<Bo>, BoHandle>, Error> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let handle = sys::drm::prime_fd_to_handle(dev.fd(), dma_buf)?;
        Ok(known.find(handle.get()).ok_or(handle))
    }
}

impl Known {
    fn find(&mut self, handle: u32) -> Option<Arc<Bo>> {
        let alive = self.buffers.get(&handle)?.upgrade();
        if alive.is_none() {
            self.buffers.remove(&handle);
            *self.revived.entry(handle).or_default() += 1;
        }
        alive
    }

    /// True if this close of `handle` is one that an import has overtaken.
    fn pass_over(&mut self, handle: u32) -> bool {
        match self.revived.get_mut(&handle) {
            Some(1) => self.revived.remove(&handle).is_some(),
            Some(n) => {
                *n -= 1;
                true
            }
            None => false,
        }
    }
}

impl Bo {
    /// Exports the buffer as a dma-buf descriptor (close-on-exec, mappable), to be sent to another process or
    /// opened by another device. From then on it can be copied from and to, not viewed.
    ///
    /// # Errors
    /// - [`Error::WrongKind`]: no [`BoKind::Share`] or imported buffer.
    /// - [`Error::InFlight`], [`Error::Viewed`]: a command or a view has it right now.
    pub fn export(self: &Arc<Self>) -> Result<OwnedFd, Error> {
        if !matches!(self.kind(), BoKind::Share | BoKind::Imported) {
            return Err(Error::WrongKind {
                what: "export",
                expected: "SHARE",
                found: self.kind(),
            });
        }
        self.device().check_process()?;
        if !self.is_shared() {
            // Nobody may hold a reference to the bytes at the moment others become able to write them.
            self.usage.enter_writer().map_err(|by| self.taken(by))?;
            self.set_shared();
            self.usage.leave_writer();
        }
        self.device().registry.add(self);
        sys::drm::prime_handle_to_fd(self.device().fd(), self.handle()).map_err(|e| self.device().explain(e))
    }
}

impl Device {
    /// Imports a dma-buf. A buffer this device has already (exported here, or imported before) is returned again.
    ///
    /// # Errors
    /// `EINVAL`: `dma_buf` is no dma-buf.
    pub fn import(&self, dma_buf: BorrowedFd<'_>) -> Result<Arc<Bo>, Error> {
        self.0.check_process()?;
        let _one_at_a_time = self
            .0
            .registry
            .importing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let handle = match self
            .0
            .registry
            .import(&self.0, dma_buf)
            .map_err(|e| self.0.explain(e))?
        {
            Ok(known) => return Ok(known),
            Err(handle) => OwnedHandle::new(&self.0, handle),
        };
        let size = lseek(dma_buf, 0, Whence::SeekEnd).map_err(|e| Error::ioctl(Call::Seek, e))?;
        let size = usize::try_from(size).map_err(|_| Error::Answer {
            call: Call::Seek,
            what: "size of the dma-buf",
            value: dma_buf.as_raw_fd() as u64,
        })?;
        let bo = Arc::new(Bo::map(handle, BoKind::Imported, size)?);
        self.0.registry.add(&bo);
        Ok(bo)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_an_import_got_back_survives_the_close_of_its_former_owner() {
        let mut known = Known::default();
        known.buffers.insert(7, Weak::new());
        assert!(known.find(7).is_none());
        assert!(!known.pass_over(8));
        assert!(known.pass_over(7), "the former owner's close is passed over");
        assert!(!known.pass_over(7), "the new owner's is not");
    }
}
