//! Buffers that host and NPU share, used again instead of made anew.

mod class;
mod pool;

use std::ops::Range;
use std::sync::Arc;

use xdna_driver::{Bo, View, ViewMut};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::error::Error;
use pool::Lease;
pub use pool::{BufferStats, Buffers};

/// A range of a buffer object: all of it, or a part that keeps the whole alive. Cheap to clone.
///
/// While a command has any part of a buffer object, the host can neither read nor write another part: what is filled while
/// something else runs needs a buffer of its own.
///
/// The memory goes back to its pool when the last clone, the last part, and the last command that uses it are gone.
/// Fresh memory is not cleared: what was there before may be seen.
#[derive(Clone, Debug)]
pub struct Buffer {
    lease: Arc<Lease>,
    offset: usize,
    len: usize,
}

impl Buffer {
    /// Bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Never true: there are no empty buffers.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A part of this buffer.
    ///
    /// # Errors
    /// [`Error::OutOfRange`]: it reaches beyond, or is empty.
    pub fn part(&self, range: Range<usize>) -> Result<Self, Error> {
        let Range { start, end } = range;
        if start >= end || end > self.len {
            return Err(Error::OutOfRange {
                start,
                end,
                len: self.len,
            });
        }
        Ok(Self {
            lease: Arc::clone(&self.lease),
            offset: self.offset + start,
            len: end - start,
        })
    }

    /// Copies `bytes` to byte `at`, where the NPU sees them.
    ///
    /// # Errors
    /// [`Error::OutOfRange`], or a command or a view has the buffer.
    pub fn write(&self, at: usize, bytes: &[u8]) -> Result<(), Error> {
        self.check(at, bytes.len())?;
        Ok(self.bo().write(self.offset + at, bytes)?)
    }

    /// Copies bytes from `at` on out, as the NPU left them.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn read(&self, at: usize, bytes: &mut [u8]) -> Result<(), Error> {
        self.check(at, bytes.len())?;
        Ok(self.bo().read(self.offset + at, bytes)?)
    }

    /// All of it as elements, in place.
    ///
    /// # Errors
    /// A command or another view has the buffer, or it does not suit the type's size and alignment.
    pub fn view<T: FromBytes + Immutable>(&self) -> Result<View<'_, T>, Error> {
        Ok(self.bo().view(self.offset, self.elements::<T>())?)
    }

    /// All of it as elements, to be written in place.
    ///
    /// # Errors
    /// As [`view`](Self::view).
    pub fn view_mut<T: FromBytes + IntoBytes + Immutable>(&self) -> Result<ViewMut<'_, T>, Error> {
        Ok(self.bo().view_mut(self.offset, self.elements::<T>())?)
    }

    /// Address of its first byte, as the NPU sees it.
    pub fn device_addr(&self) -> u64 {
        self.bo().device_addr().get() + self.offset as u64
    }

    /// The buffer object, and where in it this begins.
    pub(crate) fn place(&self) -> (&Arc<Bo>, usize) {
        (self.lease.bo(), self.offset)
    }

    /// True if some byte belongs to both, as the NPU sees them: buffer objects over memory of the process can share some.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let (start, others) = (self.device_addr(), other.device_addr());
        start < others.saturating_add(other.len as u64) && others < start.saturating_add(self.len as u64)
    }

    fn bo(&self) -> &Arc<Bo> {
        self.lease.bo()
    }

    fn elements<T>(&self) -> usize {
        self.len / size_of::<T>().max(1)
    }

    fn check(&self, at: usize, len: usize) -> Result<(), Error> {
        match at.checked_add(len) {
            Some(end) if end <= self.len => Ok(()),
            end => Err(Error::OutOfRange {
                start: at,
                end: end.unwrap_or(usize::MAX),
                len: self.len,
            }),
        }
    }
}
