//! The command buffer's words, which the kernel's threads write while the host looks.

#![allow(unsafe_code)]

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
        header(self.words())
    }

    pub(crate) fn set_header(&self, header: Header) {
        self.words()[0].store(header.0, Ordering::Release);
    }

    /// Writes a packet, its header last.
    ///
    /// # Panics
    /// If the buffer is smaller: packets are built to fit.
    pub(crate) fn write(&self, packet: &[u32]) {
        write(self.words(), packet);
    }

    /// Reads words from the `first` on.
    ///
    /// # Panics
    /// If the buffer ends before.
    pub(crate) fn read<const N: usize>(&self, first: usize) -> [u32; N] {
        let words = &self.words()[first..first + N];
        std::array::from_fn(|i| words[i].load(Ordering::Relaxed))
    }

    fn words(&self) -> &[AtomicU32] {
        let start = self.0.host().cast::<AtomicU32>();
        // SAFETY: a page-aligned start and whole words inside the buffer, whose mapping lives as long as `self.0`.
        // Command buffers are private to this module (`PacketMemory::new` takes a fresh one, and none is ever
        // handed out), so that in this process all accesses are these atomic ones.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), self.0.size() / 4) }
    }
}

fn header(words: &[AtomicU32]) -> Header {
    Header(words[0].load(Ordering::Acquire))
}

fn write(words: &[AtomicU32], packet: &[u32]) {
    let (first, rest) = (&words[0], &words[1..packet.len()]);
    for (word, value) in rest.iter().zip(&packet[1..]) {
        word.store(*value, Ordering::Relaxed);
    }
    first.store(packet[0], Ordering::Release);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_before_the_header_is_seen_after_it() {
        const ROUNDS: u32 = 20_000;
        let words: Vec<AtomicU32> = (0..16).map(|_| AtomicU32::new(0)).collect();
        let seen = AtomicU32::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 1..=ROUNDS {
                    write(&words, &[round; 16]);
                    while seen.load(Ordering::Acquire) != round {
                        std::thread::yield_now();
                    }
                }
            });
            for round in 1..=ROUNDS {
                while header(&words).0 != round {
                    std::thread::yield_now();
                }
                assert!(words.iter().all(|word| word.load(Ordering::Relaxed) == round));
                seen.store(round, Ordering::Release);
            }
        });
    }
}
