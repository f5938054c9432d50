//! CPU cache maintenance: the NPU does not snoop.

use std::arch::x86_64::{_mm_clflush, _mm_mfence};
use std::ptr::NonNull;

const LINE: usize = 64;

/// Writes every cache line of `len` bytes at `start` back to memory and drops it.
///
/// Serves both directions: before a command so that the device sees what the host wrote, after it so that the
/// host sees what the device wrote.
///
/// # Safety
/// The range must be mapped.
pub(crate) unsafe fn flush(start: NonNull<u8>, len: usize) {
    let Some(last) = len.checked_sub(1) else { return };
    let addr = start.as_ptr() as usize;
    let (mut line, last) = (addr & !(LINE - 1), addr + last);
    // SAFETY: a fence touches no memory; every x86-64 processor has it.
    unsafe { _mm_mfence() };
    while line <= last {
        // SAFETY: the line holds a byte of the caller's range, and a line never crosses a page: it is mapped.
        // Flushing changes no value.
        unsafe { _mm_clflush(line as *const u8) };
        line += LINE;
    }
    // SAFETY: as above.
    unsafe { _mm_mfence() };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flushing_changes_no_byte() {
        let mut bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
        let before = bytes.clone();
        for (at, len) in [(0, 1000), (1, 1), (63, 2), (999, 1), (500, 0)] {
            // SAFETY: the range lies inside the vector.
            unsafe { flush(NonNull::new(bytes[at..].as_mut_ptr()).unwrap(), len) };
        }
        assert_eq!(bytes, before);
    }
}
