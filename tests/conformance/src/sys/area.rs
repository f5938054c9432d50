//! Mapped memory without references into it.

use std::arch::x86_64::{_mm_clflush, _mm_mfence};
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::errno::Errno;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, mmap_anonymous, mprotect, munmap};

/// How a mapping shares its pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// Writable and shared, what buffer objects want.
    Shared,
    /// Readable and shared.
    ReadOnly,
    /// Copied on write.
    Private,
}

/// A mapping of this process, unmapped on drop. Bytes go in and out by copy, so the kernel and a device may write
/// to it at any time.
#[derive(Debug)]
pub struct Area {
    base: NonNull<u8>,
    len: usize,
}

impl Area {
    /// Zeroed private memory, page-aligned.
    pub fn anonymous(len: usize) -> nix::Result<Self> {
        let size = NonZeroUsize::new(len).ok_or(Errno::EINVAL)?;
        let flags = MapFlags::MAP_PRIVATE;
        // SAFETY: without MAP_FIXED no existing mapping is touched.
        let base =
            unsafe { mmap_anonymous(None, size, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, flags) }?;
        Ok(Self {
            base: base.cast(),
            len,
        })
    }

    /// Address space without memory, `align`-aligned; `align` is a power of two.
    pub fn reserve(len: usize, align: usize) -> nix::Result<Self> {
        let size = NonZeroUsize::new(len + align).ok_or(Errno::EINVAL)?;
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE;
        // SAFETY: without MAP_FIXED no existing mapping is touched.
        let whole = unsafe { mmap_anonymous(None, size, ProtFlags::PROT_NONE, flags) }?.cast::<u8>();
        let skip = whole.addr().get().next_multiple_of(align) - whole.addr().get();
        // SAFETY: `skip` < `align`, inside the mapping of len + align bytes.
        let base = unsafe { whole.add(skip) };
        if skip > 0 {
            // SAFETY: the first `skip` bytes of the mapping just made.
            unsafe { munmap(whole.cast(), skip) }?;
        }
        // SAFETY: the mapping's end is `align - skip` bytes behind this.
        let end = unsafe { base.add(len) };
        // SAFETY: the rest of the mapping just made.
        unsafe { munmap(end.cast(), align - skip) }?;
        Ok(Self { base, len })
    }

    /// Maps `len` bytes of `fd` from `offset`.
    pub fn of<F: AsFd>(fd: F, len: usize, offset: u64, share: Share) -> nix::Result<Self> {
        let size = NonZeroUsize::new(len).ok_or(Errno::EINVAL)?;
        let (prot, flags) = match share {
            Share::Shared => (ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_SHARED),
            Share::ReadOnly => (ProtFlags::PROT_READ, MapFlags::MAP_SHARED),
            Share::Private => (
                ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
                MapFlags::MAP_PRIVATE,
            ),
        };
        let offset = i64::try_from(offset).map_err(|_| Errno::EOVERFLOW)?;
        // SAFETY: without MAP_FIXED no existing mapping is touched.
        let base = unsafe { mmap(None, size, prot, flags, fd, offset) }?;
        Ok(Self {
            base: base.cast(),
            len,
        })
    }

    /// Replaces the `len` bytes from `at` by a shared mapping of `fd` from `offset`.
    ///
    /// # Panics
    /// If the range is not inside the area.
    pub fn map_over<F: AsFd>(&self, at: usize, fd: F, len: usize, offset: u64) -> nix::Result<()> {
        self.check(at, len);
        let size = NonZeroUsize::new(len).ok_or(Errno::EINVAL)?;
        let place = NonZeroUsize::new(self.base.addr().get() + at);
        let offset = i64::try_from(offset).map_err(|_| Errno::EOVERFLOW)?;
        let flags = MapFlags::MAP_SHARED | MapFlags::MAP_FIXED;
        // SAFETY: what MAP_FIXED replaces lies inside this area (checked), into which no reference exists.
        unsafe {
            mmap(
                place,
                size,
                ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
                flags,
                fd,
                offset,
            )
        }?;
        Ok(())
    }

    /// Takes the right to write away.
    pub fn make_read_only(&self) -> nix::Result<()> {
        // SAFETY: this area's own pages; `write` on them would fault, which ends the process and breaks nothing.
        unsafe { mprotect(self.base.cast(), self.len, ProtFlags::PROT_READ) }
    }

    /// The address of the first byte.
    pub fn addr(&self) -> u64 {
        self.base.addr().get() as u64
    }

    /// Bytes mapped.
    pub fn len(&self) -> usize {
        self.len
    }

    fn check(&self, at: usize, len: usize) {
        let inside = at.checked_add(len).is_some_and(|end| end <= self.len);
        assert!(
            inside,
            "{len} bytes at {at} do not lie in an area of {} bytes",
            self.len
        );
    }

    /// Copies `bytes` to offset `at`.
    ///
    /// # Panics
    /// If they do not fit.
    pub fn write(&self, at: usize, bytes: &[u8]) {
        self.check(at, bytes.len());
        for (i, &byte) in bytes.iter().enumerate() {
            // SAFETY: inside the mapping (checked above); one byte is always aligned.
            unsafe { self.base.as_ptr().wrapping_add(at + i).write_volatile(byte) };
        }
    }

    /// A copy of `len` bytes from offset `at`.
    ///
    /// # Panics
    /// If they are not all inside.
    pub fn read(&self, at: usize, len: usize) -> Vec<u8> {
        self.check(at, len);
        // SAFETY: inside the mapping (checked above); one byte is always aligned.
        (at..at + len)
            .map(|i| unsafe { self.base.as_ptr().wrapping_add(i).read_volatile() })
            .collect()
    }

    /// Writes 32-bit words from offset `at`.
    pub fn write_words(&self, at: usize, words: &[u32]) {
        for (i, word) in words.iter().enumerate() {
            self.write(at + 4 * i, &word.to_le_bytes());
        }
    }

    /// The 32-bit word at offset `at`, read whole, before any later read.
    ///
    /// # Panics
    /// If `at` is no multiple of 4 or outside.
    pub fn word(&self, at: usize) -> u32 {
        self.check(at, 4);
        assert!(at.is_multiple_of(4));
        // SAFETY: inside the mapping (checked above).
        let place = unsafe { self.base.as_ptr().add(at) };
        // SAFETY: `base` is page-aligned and `at` a multiple of 4; everyone else writes the word whole.
        unsafe { AtomicU32::from_ptr(place.cast()) }.load(Ordering::Acquire)
    }

    /// The 64-bit value at offset `at`.
    pub fn long(&self, at: usize) -> u64 {
        u64::from(self.word(at)) | u64::from(self.word(at + 4)) << 32
    }

    /// Writes the CPU's cache lines of `len` bytes from `at` back to memory and drops them.
    pub fn flush(&self, at: usize, len: usize) {
        self.check(at, len);
        // SAFETY: SSE2 is part of x86-64.
        unsafe { _mm_mfence() };
        for line in (at & !63..at + len).step_by(64) {
            // SAFETY: inside the mapping: `at` is (checked above), and a line does not leave its page.
            let place = unsafe { self.base.as_ptr().add(line) };
            // SAFETY: a mapped address; flushing changes no value.
            unsafe { _mm_clflush(place) };
        }
        // SAFETY: SSE2 is part of x86-64.
        unsafe { _mm_mfence() };
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        // SAFETY: the mapping this value owns; no reference into it exists. It cannot fail: the range is page-aligned
        // and nothing is split.
        let _: nix::Result<()> = unsafe { munmap(self.base.cast(), self.len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reservation_is_aligned_and_writable_where_it_was_mapped_over() {
        let align = 64 << 20;
        let area = Area::reserve(align, align).unwrap();
        assert_eq!(area.addr() % align as u64, 0);
        let file = std::fs::File::open("/dev/zero").unwrap();
        assert_eq!(area.map_over(0, &file, 4096, 0).unwrap_err(), Errno::EACCES);
    }

    #[test]
    fn bytes_come_back_as_written() {
        let area = Area::anonymous(8192).unwrap();
        area.write_words(4092, &[0x1234_5678, 0x9abc_def0]);
        assert_eq!(area.long(4092), 0x9abc_def0_1234_5678);
        area.flush(1, 8191);
        assert_eq!(area.read(4094, 3), [0x34, 0x12, 0xf0]);
    }
}
