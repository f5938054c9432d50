//! What a traced thread is and has: its process, its memory, its descriptors.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use crate::processes::may_be_npu;

/// Longest array read from a program.
const MOST: usize = 1 << 16;

/// A process, looked at through `/proc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Process(pub(super) i32);

impl Process {
    /// The process that a thread belongs to.
    pub(super) fn of_thread(thread: i32) -> Self {
        let status = fs::read_to_string(format!("/proc/{thread}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
        Self(line.and_then(|id| id.trim().parse().ok()).unwrap_or(thread))
    }

    /// True if a descriptor is an NPU's.
    pub(super) fn is_npu(self, fd: i32) -> bool {
        fs::read_link(format!("/proc/{}/fd/{fd}", self.0)).is_ok_and(|link| may_be_npu(&link))
    }

    /// Bytes of its memory; `None` where there is none, or it is too much.
    pub(super) fn bytes(self, at: u64, len: usize) -> Option<Vec<u8>> {
        let memory = File::open(format!("/proc/{}/mem", self.0)).ok()?;
        let mut bytes = vec![0; Some(len).filter(|len| *len <= MOST)?];
        memory.read_exact_at(&mut bytes, at).ok()?;
        Some(bytes)
    }

    /// An array of 32-bit words of its memory.
    pub(super) fn words(self, at: u64, count: usize) -> Option<Vec<u32>> {
        let bytes = self.bytes(at, count.checked_mul(4)?)?;
        let words = bytes
            .chunks_exact(4)
            .map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]]));
        Some(words.collect())
    }
}
