//! Buffer objects.

use std::cell::Cell;
use std::rc::Rc;

use nix::errno::Errno;

use super::caller::UserMemory;
use super::heap::DevRange;
use super::store::Region;

/// What a buffer object is to the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Data shared by host and device.
    Share,
    /// A chunk of the device heap.
    Heap,
    /// A range of the device heap.
    Dev,
    /// A command packet.
    Cmd,
}

/// Where its bytes are.
#[derive(Debug)]
pub enum Place {
    /// In the device's memory file; `at` is the offset in the region.
    File {
        /// The region, shared with importers and heap chunks.
        region: Rc<Region>,
        /// Offset of the buffer in the region.
        at: u64,
    },
    /// In the device heap.
    Dev(DevRange),
    /// In a process's own memory: address and length of each range.
    User {
        /// The process.
        memory: Rc<dyn UserMemory>,
        /// The ranges.
        ranges: Vec<(u64, u64)>,
        /// Where they go when the buffer is mapped.
        region: Rc<Region>,
    },
}

/// A buffer object.
#[derive(Debug)]
pub struct Bo {
    /// What it is.
    pub kind: Kind,
    /// Bytes, a multiple of a page.
    pub size: u64,
    /// Where its bytes are.
    pub place: Place,
    /// The address the IOMMU gave it, where that is how the device reaches memory.
    pub iova: Option<u64>,
    /// Made from a dma-buf descriptor.
    pub imported: bool,
    user: Cell<Option<u64>>,
    mappings: Cell<u32>,
    /// Attached to a context as its debug buffer.
    pub debug_of: Cell<Option<u32>>,
}

impl std::fmt::Debug for dyn UserMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UserMemory")
    }
}

impl Bo {
    /// A buffer of `kind` at `place`.
    pub fn new(kind: Kind, size: u64, place: Place) -> Self {
        Self {
            kind,
            size,
            place,
            iova: None,
            imported: false,
            user: Cell::new(None),
            mappings: Cell::new(0),
            debug_of: Cell::new(None),
        }
    }

    /// The offset to mmap it at; `None` for DEV buffers.
    pub fn map_offset(&self) -> Option<u64> {
        match &self.place {
            Place::File { region, at } => Some(region.offset + at),
            Place::Dev(_) => None,
            Place::User { region, .. } => Some(region.offset),
        }
    }

    /// The user address that counts: of a DEV buffer, where it lies in the heap's mapping.
    pub fn user_address(&self) -> Option<u64> {
        match &self.place {
            Place::Dev(range) => Some(range.heap().user_address()? + range.offset),
            _ => self.user.get(),
        }
    }

    /// Sets the user address that counts.
    pub fn set_user_address(&self, address: Option<u64>) {
        self.user.set(address);
    }

    /// Counts an mmap and tells how many there were before.
    pub fn count_mapping(&self) -> u32 {
        self.mappings.replace(self.mappings.get() + 1)
    }

    /// True if the buffer was mapped once.
    pub fn was_mapped(&self) -> bool {
        self.mappings.get() > 0
    }

    /// Reads at an offset of the buffer.
    ///
    /// # Errors
    /// `EFAULT` out of bounds or when user memory is gone.
    pub fn read(&self, at: u64, into: &mut [u8]) -> Result<(), Errno> {
        self.bound(at, into.len())?;
        match &self.place {
            Place::File { region, at: base } => region.read(base + at, into),
            Place::Dev(range) => range.heap().region.read(range.offset + at, into),
            Place::User { memory, ranges, .. } => {
                for (part, slice) in split(ranges, at, into.len()) {
                    memory.read(part, &mut into[slice])?;
                }
                Ok(())
            }
        }
    }

    /// Writes at an offset of the buffer.
    ///
    /// # Errors
    /// `EFAULT` out of bounds or when user memory is gone.
    pub fn write(&self, at: u64, from: &[u8]) -> Result<(), Errno> {
        self.bound(at, from.len())?;
        match &self.place {
            Place::File { region, at: base } => region.write(base + at, from),
            Place::Dev(range) => range.heap().region.write(range.offset + at, from),
            Place::User { memory, ranges, .. } => {
                for (part, slice) in split(ranges, at, from.len()) {
                    memory.write(part, &from[slice])?;
                }
                Ok(())
            }
        }
    }

    /// The word at a byte offset.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn word(&self, at: u64) -> Result<u32, Errno> {
        let mut bytes = [0; 4];
        self.read(at, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn bound(&self, at: u64, len: usize) -> Result<(), Errno> {
        match at.checked_add(len as u64) {
            Some(end) if end <= self.size => Ok(()),
            _ => Err(Errno::EFAULT),
        }
    }
}

/// The user addresses behind `len` bytes at offset `at` of `ranges`, each with its part of the caller's slice.
fn split(ranges: &[(u64, u64)], at: u64, len: usize) -> Vec<(u64, std::ops::Range<usize>)> {
    let (mut parts, mut skip, mut done) = (Vec::new(), at, 0);
    for &(start, size) in ranges {
        if skip >= size {
            skip -= size;
            continue;
        }
        let take = ((size - skip) as usize).min(len - done);
        if take == 0 {
            break;
        }
        parts.push((start + skip, done..done + take));
        done += take;
        skip = 0;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_ranges_are_walked_in_order() {
        let ranges = [(0x1000, 0x1000), (0x9000, 0x2000)];
        assert_eq!(
            split(&ranges, 0xf00, 0x200),
            [(0x1f00, 0..0x100), (0x9000, 0x100..0x200)]
        );
        assert_eq!(split(&ranges, 0x1800, 0x10), [(0x9800, 0..0x10)]);
    }
}
