//! Overlapping frames cut from one pass over the samples.

use super::stft::{FFT, HOP};
use crate::audio::{AudioError, Samples};

/// Samples mirrored before the first one, so that frame `i` is centred on sample `i * HOP`.
const MIRROR: usize = FFT / 2;
/// Samples read at once.
const CHUNK: usize = 1 << 14;
/// Loudest sample let through: far beyond what any source means by full scale, and small enough that no sum overflows.
const LOUDEST: f32 = 1e9;

/// Frames in order; positions count from the first mirrored sample.
pub(super) struct Frames<'a> {
    source: Box<dyn Samples + 'a>,
    /// Samples to take; what follows is left.
    limit: u64,
    /// Samples taken so far.
    taken: u64,
    ended: bool,
    /// Samples from position `origin` on.
    buffer: Vec<f32>,
    origin: u64,
    /// The next frame.
    next: u64,
}

impl<'a> Frames<'a> {
    /// Begins a pass over at most `limit` samples of `source`.
    pub(super) fn new(source: Box<dyn Samples + 'a>, limit: u64) -> Result<Self, AudioError> {
        let mut frames = Self {
            source,
            limit,
            taken: 0,
            ended: false,
            buffer: vec![0.0; MIRROR],
            origin: 0,
            next: 0,
        };
        frames.fill(2 * MIRROR + 1)?;
        for i in 0..MIRROR {
            frames.buffer[i] = frames.buffer[2 * MIRROR - i];
        }
        Ok(frames)
    }

    /// Samples found so far; all of them once [`Frames::next`] returned `None`.
    pub(super) fn samples(&self) -> u64 {
        self.taken
    }

    /// The frame that comes next.
    pub(super) fn position(&self) -> u64 {
        self.next
    }

    /// Samples the buffer has room for.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// The next frame; `None` when it lies wholly behind the last sample.
    pub(super) fn next(&mut self) -> Result<Option<&[f32; FFT]>, AudioError> {
        let start = self.next * HOP as u64;
        let skipped = (start - self.origin).min(self.buffer.len() as u64) as usize;
        if self.buffer.len() < skipped + FFT {
            self.buffer.drain(..skipped);
            self.origin += skipped as u64;
            self.fill(FFT)?;
        }
        if self.ended && start >= self.taken + MIRROR as u64 {
            return Ok(None);
        }
        self.next += 1;
        let offset = (start - self.origin) as usize;
        Ok(self.buffer[offset..].first_chunk())
    }

    /// Passes over one frame without looking at it; whether there was one.
    pub(super) fn skip(&mut self) -> Result<bool, AudioError> {
        Ok(self.next()?.is_some())
    }

    /// Reads until the buffer holds at least `len` samples, zeros from the end of the source on.
    fn fill(&mut self, len: usize) -> Result<(), AudioError> {
        while self.buffer.len() < len && !self.ended {
            let old = self.buffer.len();
            let room = usize::try_from(self.limit - self.taken)
                .unwrap_or(usize::MAX)
                .min(CHUNK);
            self.buffer.resize(old + room, 0.0);
            let n = if room == 0 {
                0
            } else {
                self.source.read(&mut self.buffer[old..])?
            };
            self.buffer.truncate(old + n);
            self.taken += n as u64;
            self.ended = n == 0;
            for x in &mut self.buffer[old..] {
                *x = if x.is_nan() {
                    0.0
                } else {
                    x.clamp(-LOUDEST, LOUDEST)
                };
            }
        }
        if self.buffer.len() < len {
            self.buffer.resize(len, 0.0);
        }
        Ok(())
    }
}
