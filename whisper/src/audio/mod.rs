//! Sound as Whisper hears it: mono, 16 kHz, `f32` in [-1, 1].

mod error;
#[cfg(feature = "decode")]
mod file;

pub use error::{AudioError, Fault};
#[cfg(feature = "decode")]
pub use file::{AudioFile, Channel, RawSpec, RawSpecError};

/// Samples a second.
pub const SAMPLE_RATE: usize = 16_000;

/// Sound that can be read from its start as often as needed (the log-mel normalisation needs two passes).
///
/// Several readings may go on at once.
pub trait Audio: Send + Sync {
    /// Starts reading from the beginning.
    ///
    /// # Errors
    /// Where the source cannot be opened, is no audio or is in a codec we do not read.
    fn open(&self) -> Result<Box<dyn Samples + '_>, AudioError>;

    /// Length in samples, if known before reading; for progress only, may be wrong.
    fn samples_hint(&self) -> Option<u64> {
        None
    }
}

/// One pass over mono 16 kHz samples.
pub trait Samples: Send {
    /// Fills the front of `out`; returns how many samples were written, 0 at the end.
    ///
    /// # Errors
    /// Where the source breaks off or is damaged beyond what a decoder can skip.
    fn read(&mut self, out: &mut [f32]) -> Result<usize, AudioError>;
}

/// Samples in memory.
#[derive(Clone, Debug)]
pub struct Pcm<T: AsRef<[f32]>>(pub T);

struct PcmReader<'a>(&'a [f32]);

impl<T: AsRef<[f32]> + Send + Sync> Audio for Pcm<T> {
    fn open(&self) -> Result<Box<dyn Samples + '_>, AudioError> {
        Ok(Box::new(PcmReader(self.0.as_ref())))
    }

    fn samples_hint(&self) -> Option<u64> {
        Some(self.0.as_ref().len() as u64)
    }
}

impl Samples for PcmReader<'_> {
    fn read(&mut self, out: &mut [f32]) -> Result<usize, AudioError> {
        let n = out.len().min(self.0.len());
        let (now, later) = self.0.split_at(n);
        out[..n].copy_from_slice(now);
        self.0 = later;
        Ok(n)
    }
}
