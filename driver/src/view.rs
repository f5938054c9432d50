//! How the host gets at a buffer's bytes: copies, and typed views while nothing is in flight.

#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::bo::{Bo, BoKind};
use crate::debug::Debug;
use crate::error::Error;
use crate::sys;

/// Elements of a buffer that neither the device nor another process writes while this lives.
#[derive(Debug)]
pub struct View<'bo, T> {
    bo: &'bo Bo,
    start: NonNull<T>,
    len: usize,
    elements: PhantomData<&'bo [T]>,
}

/// As [`View`], writable; flushed to memory on drop.
#[derive(Debug)]
pub struct ViewMut<'bo, T> {
    bo: &'bo Bo,
    start: NonNull<T>,
    len: usize,
    elements: PhantomData<&'bo mut [T]>,
}

impl Bo {
    /// Copies `bytes` to `offset` and on to memory, where the device sees them.
    ///
    /// # Errors
    /// [`Error::InFlight`], [`Error::Viewed`], [`Error::OutOfRange`].
    pub fn write(&self, offset: usize, bytes: &[u8]) -> Result<(), Error> {
        self.check_range(offset, bytes.len())?;
        self.usage.enter_writer().map_err(|by| self.taken(by))?;
        // SAFETY: the range lies inside the buffer (checked above), mapped while `self` lives.
        let to = unsafe { self.host().add(offset) };
        // SAFETY: `bytes` is no part of the buffer: a slice of it would be a view, and being the only writer says
        // there is none. Another process that can write a shared buffer races with the copy, which then holds
        // some mixture of both; no reference to the bytes exists.
        unsafe { to.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) };
        let flushed = self.flush(offset, bytes.len());
        self.usage.leave_writer();
        flushed
    }

    /// Copies bytes at `offset` out, as the device has left them in memory.
    ///
    /// # Errors
    /// [`Error::InFlight`], [`Error::Viewed`], [`Error::OutOfRange`].
    pub fn read(&self, offset: usize, bytes: &mut [u8]) -> Result<(), Error> {
        self.check_range(offset, bytes.len())?;
        self.usage.enter_reader().map_err(|by| self.taken(by))?;
        let flushed = self.flush(offset, bytes.len());
        // SAFETY: the range lies inside the buffer (checked above), mapped while `self` lives.
        let from = unsafe { self.host().add(offset) };
        // SAFETY: `bytes` is no part of the buffer, as a mutable slice of it would be a view and exclude readers.
        // For writers in other processes see `write`.
        unsafe { from.copy_to_nonoverlapping(NonNull::from(&mut *bytes).cast(), bytes.len()) };
        self.usage.leave_reader();
        flushed
    }

    /// Copies bytes out of a debug buffer, which the firmware has just written and may write again: whatever mix
    /// of both that is.
    pub(crate) fn copy_while_attached(&self, offset: usize, bytes: &mut [u8]) -> Result<(), Error> {
        self.check_range(offset, bytes.len())?;
        self.flush(offset, bytes.len())?;
        for (i, byte) in bytes.iter_mut().enumerate() {
            // SAFETY: the index lies inside the buffer (range checked above), mapped while `self` lives.
            let from = unsafe { self.host().add(offset + i) };
            // SAFETY: as above; volatile, because the device may write it, and no reference to it exists, as the
            // buffer counts as used by the device while it is attached.
            *byte = unsafe { from.read_volatile() };
        }
        Ok(())
    }

    /// Writes CPU caches back and drops them for a range: before the device reads, and before the host reads
    /// what the device wrote.
    pub(crate) fn flush(&self, offset: usize, len: usize) -> Result<(), Error> {
        self.check_range(offset, len)?;
        if len == 0 {
            return Ok(());
        }
        // The driver syncs no memory of others.
        let by_ioctl = matches!(self.kind(), BoKind::Share | BoKind::Dev);
        if by_ioctl && self.device().debug.contains(Debug::SYNC_IOCTL) {
            let to_device = sys::npu::SyncDirection::ToDevice;
            return sys::npu::sync_bo(
                self.device().checked_fd()?,
                self.handle(),
                to_device,
                offset as u64,
                len as u64,
            );
        }
        // SAFETY: the range lies inside the buffer (checked above), mapped while `self` lives.
        let start = unsafe { self.host().add(offset) };
        // SAFETY: as above.
        unsafe { sys::cache::flush(start, len) };
        Ok(())
    }

    /// `len` elements at byte `offset`, as the device has left them in memory.
    ///
    /// # Errors
    /// - [`Error::InFlight`], [`Error::Viewed`]: a command or a [`ViewMut`] has the buffer.
    /// - [`Error::SharedBuffer`]: others can write it.
    /// - [`Error::OutOfRange`], [`Error::Misaligned`].
    pub fn view<T: FromBytes + Immutable>(&self, offset: usize, len: usize) -> Result<View<'_, T>, Error> {
        let (start, bytes) = self.elements::<T>(offset, len)?;
        self.usage.enter_reader().map_err(|by| self.taken(by))?;
        // From here on dropping the view releases it.
        let view = View {
            bo: self,
            start,
            len,
            elements: PhantomData,
        };
        self.check_private()?;
        self.flush(offset, bytes)?;
        Ok(view)
    }

    /// `len` elements at byte `offset`, to be written.
    ///
    /// # Errors
    /// As [`Bo::view`].
    pub fn view_mut<T: FromBytes + IntoBytes + Immutable>(
        &self,
        offset: usize,
        len: usize,
    ) -> Result<ViewMut<'_, T>, Error> {
        let (start, bytes) = self.elements::<T>(offset, len)?;
        self.usage.enter_writer().map_err(|by| self.taken(by))?;
        let view = ViewMut {
            bo: self,
            start,
            len,
            elements: PhantomData,
        };
        self.check_private()?;
        self.flush(offset, bytes)?;
        Ok(view)
    }

    /// First element and number of bytes of `len` elements at byte `offset`, checked against size and alignment.
    fn elements<T>(&self, offset: usize, len: usize) -> Result<(NonNull<T>, usize), Error> {
        let bytes = len.saturating_mul(size_of::<T>());
        self.check_range(offset, bytes)?;
        // SAFETY: the range lies inside the buffer (checked above), mapped while `self` lives.
        let start = unsafe { self.host().add(offset) }.cast::<T>();
        if !start.is_aligned() {
            return Err(Error::Misaligned {
                what: "offset",
                value: offset,
                align: align_of::<T>(),
            });
        }
        Ok((start, bytes))
    }

    fn check_private(&self) -> Result<(), Error> {
        if self.is_shared() {
            Err(Error::SharedBuffer(self.device_addr()))
        } else {
            Ok(())
        }
    }
}

impl<T> Deref for View<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `elements` checked range and alignment, `T: FromBytes` (bound of `view`) makes any bytes valid,
        // and while this view counts as a reader no command, no writer and no other process changes them.
        unsafe { NonNull::slice_from_raw_parts(self.start, self.len).as_ref() }
    }
}

impl<T> Deref for ViewMut<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: as in `View`; this view is the only one, as the writer.
        unsafe { NonNull::slice_from_raw_parts(self.start, self.len).as_ref() }
    }
}

impl<T> DerefMut for ViewMut<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `View`; this view is the only one, as the writer, and borrowed mutably.
        unsafe { NonNull::slice_from_raw_parts(self.start, self.len).as_mut() }
    }
}

impl<T> Drop for View<'_, T> {
    fn drop(&mut self) {
        self.bo.usage.leave_reader();
    }
}

impl<T> Drop for ViewMut<'_, T> {
    fn drop(&mut self) {
        let offset = self.start.as_ptr() as usize - self.bo.host().as_ptr() as usize;
        if let Err(e) = self.bo.flush(offset, self.len * size_of::<T>()) {
            log::error!(
                "the device may not see what was written at {}: {e}",
                self.bo.device_addr()
            );
        }
        self.bo.usage.leave_writer();
    }
}

// SAFETY: a view gives what `&[T]` gives; the address belongs to the process.
unsafe impl<T: Sync> Send for View<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for View<'_, T> {}
// SAFETY: a view gives what `&mut [T]` gives; the address belongs to the process.
unsafe impl<T: Send> Send for ViewMut<'_, T> {}
// SAFETY: as above; shared, it gives what `&[T]` gives.
unsafe impl<T: Sync> Sync for ViewMut<'_, T> {}
