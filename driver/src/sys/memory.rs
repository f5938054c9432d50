//! Mappings of buffer objects, and the aligned reservation of the device heap.

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;

use nix::sys::mman::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

use crate::error::Error;

/// Size of a page: amdxdna runs on x86-64 alone.
pub(crate) const PAGE: usize = 4096;

/// A range of address space this process owns; unmapped on drop.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: a Mapping owns its range of address space, which belongs to the process, not to a thread. It hands out
// an address, never a reference: who may access the bytes is decided by `Usage`, which is atomic.
unsafe impl Send for Mapping {}
// SAFETY: as above; through a shared reference only the address and length can be read.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes of the buffer object at fake offset `offset`, shared, readable and writable.
    pub(crate) fn buffer(fd: BorrowedFd<'_>, offset: u64, len: usize) -> Result<Self, Error> {
        let (length, offset) = arguments(len, offset)?;
        let prot = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice replaces nothing.
        let start = retry(|| unsafe { mmap(None, length, prot, MapFlags::MAP_SHARED, fd, offset) });
        start
            .map(|start| Self {
                start: start.cast(),
                len,
            })
            .map_err(|e| failed(len, e))
    }

    /// Maps `len` bytes of zeroed memory of the process's own.
    pub(crate) fn anonymous(len: usize) -> Result<Self, Error> {
        Self::unbacked(len, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE)
    }

    /// Reserves `len` bytes of address space, aligned to `align`, that can't be accessed.
    pub(crate) fn reserve(len: usize, align: usize) -> Result<Self, Error> {
        let whole = Self::unbacked(len + align, ProtFlags::PROT_NONE)?;
        let before = whole.start.as_ptr().align_offset(align);
        // The parts before and behind are separate mappings from here on, and dropped.
        let (_, rest) = whole.split(before);
        let (kept, _) = rest
            .map(|r| r.split(len))
            .ok_or_else(|| failed(len, nix::Error::ENOMEM))?;
        kept.ok_or_else(|| failed(len, nix::Error::ENOMEM))
    }

    fn unbacked(len: usize, prot: ProtFlags) -> Result<Self, Error> {
        let (length, _) = arguments(len, 0)?;
        // SAFETY: a new mapping at an address of the kernel's choice replaces nothing.
        let start = unsafe { mmap_anonymous(None, length, prot, MapFlags::MAP_PRIVATE) };
        start
            .map(|start| Self {
                start: start.cast(),
                len,
            })
            .map_err(|e| failed(len, e))
    }

    /// Maps `len` bytes of the buffer object at fake offset `offset` over part of this reservation.
    pub(crate) fn place(&self, at: usize, fd: BorrowedFd<'_>, offset: u64, len: usize) -> Result<(), Error> {
        if at.checked_add(len).is_none_or(|end| end > self.len) || !at.is_multiple_of(PAGE) {
            return Err(Error::OutOfRange {
                offset: at,
                len,
                size: self.len,
            });
        }
        let (length, offset) = arguments(len, offset)?;
        let addr = NonZeroUsize::new(self.start.as_ptr() as usize + at);
        let prot = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: the range lies inside this mapping (checked above), which is the caller's reservation: nothing
        // else is mapped there, and no reference points there, as it could not be accessed.
        let placed = retry(|| unsafe {
            mmap(
                addr,
                length,
                prot,
                MapFlags::MAP_SHARED | MapFlags::MAP_FIXED,
                fd,
                offset,
            )
        });
        placed.map(|_| ()).map_err(|e| failed(len, e))
    }

    /// Splits into the first `at` bytes and the rest; `None` for an empty part.
    fn split(self, at: usize) -> (Option<Self>, Option<Self>) {
        let (start, len) = (self.start, self.len);
        std::mem::forget(self);
        // Not then_some: an empty part must not even be made, it would be unmapped.
        let part = |start, len| (len > 0).then(|| Self { start, len });
        let at = at.min(len);
        // SAFETY: `at` is at most the length of the range that starts there.
        let second = unsafe { start.add(at) };
        (part(start, at), part(second, len - at))
    }

    /// First byte.
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Bytes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is this value's own, and who holds an address into it keeps this value alive.
        if let Err(e) = unsafe { munmap(self.start.cast(), self.len) } {
            log::warn!("munmap of {} bytes: {e}; leaked", self.len);
        }
    }
}

/// An address in memory somebody else keeps mapped; not a reference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostPtr(pub(crate) NonNull<u8>);

// SAFETY: an address can be known to any thread; whoever goes through it answers for the access.
unsafe impl Send for HostPtr {}
// SAFETY: as above.
unsafe impl Sync for HostPtr {}

fn arguments(len: usize, offset: u64) -> Result<(NonZeroUsize, i64), Error> {
    let length = NonZeroUsize::new(len).ok_or_else(|| failed(len, nix::Error::EINVAL))?;
    let offset = i64::try_from(offset).map_err(|_| failed(len, nix::Error::EOVERFLOW))?;
    Ok((length, offset))
}

/// Repeats `map` while a signal interrupts it: nothing has been mapped then.
fn retry<T>(map: impl Fn() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match map() {
            Err(nix::Error::EINTR) => {}
            done => return done,
        }
    }
}

fn failed(len: usize, e: nix::Error) -> Error {
    Error::Map {
        len,
        source: io::Error::from_raw_os_error(e as i32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reservation_is_aligned_and_has_its_length() {
        let m = Mapping::reserve(64 << 20, 64 << 20).unwrap();
        assert_eq!(m.start().as_ptr() as usize % (64 << 20), 0);
        assert_eq!(m.len(), 64 << 20);
    }

    /// Counts what is said of mappings of no bytes.
    struct EmptyParts(std::sync::atomic::AtomicU32);

    impl log::Log for EmptyParts {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }

        fn log(&self, record: &log::Record<'_>) {
            let said = record.args().to_string().starts_with("munmap of 0 bytes");
            self.0
                .fetch_add(u32::from(said), std::sync::atomic::Ordering::SeqCst);
        }

        fn flush(&self) {}
    }

    #[test]
    fn empty_parts_of_a_split_are_not_unmapped() {
        static SAID: EmptyParts = EmptyParts(std::sync::atomic::AtomicU32::new(0));
        log::set_logger(&SAID).unwrap();
        log::set_max_level(log::LevelFilter::Warn);
        let page = || Mapping::anonymous(PAGE).unwrap();
        let (none, all) = page().split(0);
        assert!(none.is_none() && all.is_some_and(|m| m.len() == PAGE));
        for at in [PAGE, PAGE + 1] {
            let (all, none) = page().split(at);
            assert!(none.is_none() && all.is_some_and(|m| m.len() == PAGE));
        }
        assert_eq!(SAID.0.load(std::sync::atomic::Ordering::SeqCst), 0);
    }

    #[test]
    fn placing_outside_of_a_reservation_is_refused() {
        let m = Mapping::reserve(PAGE, PAGE).unwrap();
        let fd = std::fs::File::open("/dev/zero").unwrap();
        let fd = std::os::fd::AsFd::as_fd(&fd);
        assert!(matches!(
            m.place(PAGE, fd, 0, PAGE),
            Err(Error::OutOfRange { .. })
        ));
        assert!(matches!(
            m.place(1, fd, 0, PAGE - 1),
            Err(Error::OutOfRange { .. })
        ));
        assert!(matches!(
            m.place(usize::MAX, fd, 0, 2),
            Err(Error::OutOfRange { .. })
        ));
    }

    #[test]
    fn nothing_can_be_mapped_with_length_zero() {
        assert_eq!(Mapping::anonymous(0).unwrap_err().errno(), Some(libc::EINVAL));
    }
}
