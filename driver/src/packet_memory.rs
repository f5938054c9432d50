//! The command buffer's words, which the kernel's threads write while the host looks.

#![allow(unsafe_code)]

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use xdna_uapi::ert::Header;

use crate::bo::Bo;
use crate::device::DeviceInner;
use crate::ids::BoHandle;

/// A command buffer, accessed as atomic words only.
#[derive(Debug)]
pub(crate) struct PacketMemory(Arc<Bo>);

impl PacketMemory {
    /// Takes over a fresh command buffer: nobody else has it.
    pub(crate) fn new(bo: Arc<Bo>) -> Self {
        Self(bo)
    }

    pub(crate) fn handle(&self) -> BoHandle {
        self.0.handle()
    }

    pub(crate) fn device(&self) -> &Arc<DeviceInner> {
        self.0.device()
    }

    /// The header word: what the driver wrote before it is visible to this thread from here on.
    pub(crate) fn header(&self) -> Header {
        Header(self.word(0).load(Ordering::Acquire))
    }

    pub(crate) fn set_header(&self, header: Header) {
        self.word(0).store(header.0, Ordering::Release);
    }

    /// Writes a packet, its header last.
    pub(crate) fn write(&self, words: &[u32]) {
        for (i, word) in words.iter().enumerate().skip(1) {
            self.word(i).store(*word, Ordering::Relaxed);
        }
        if let Some(header) = words.first() {
            self.set_header(Header(*header));
        }
    }

    /// Reads words from the `first` on.
    pub(crate) fn read<const N: usize>(&self, first: usize) -> [u32; N] {
        std::array::from_fn(|i| self.word(first + i).load(Ordering::Relaxed))
    }

    /// # Panics
    /// If there is no such word: packets are built to fit.
    fn word(&self, index: usize) -> &AtomicU32 {
        assert!(
            index < self.0.size() / 4,
            "word {index} of a command buffer of {} bytes",
            self.0.size()
        );
        // SAFETY: the index lies inside the buffer (checked above).
        let word: NonNull<u32> = unsafe { self.0.host().cast::<u32>().add(index) };
        // SAFETY: page-aligned start plus whole words: aligned. The mapping lives as long as `self.0`. Command
        // buffers are private to this module (`PacketMemory::new` takes a fresh one, and none is ever handed
        // out), so that in this process all accesses are these atomic ones.
        unsafe { AtomicU32::from_ptr(word.as_ptr()) }
    }
}
