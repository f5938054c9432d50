//! Log-mel spectrogram, as `whisper/audio.py` of openai-whisper computes it.

mod filters;
mod frames;
mod stft;

use crate::{
    Error,
    audio::{Audio, AudioError},
};
use frames::Frames;
use stft::{HOP, MelPower};

/// Frames of a window: 30 s by 10 ms.
pub const WINDOW_FRAMES: usize = 3000;

/// Power below which the logarithm is not taken.
const QUIETEST: f32 = 1e-10;
/// What lies further below the loudest mel of the whole sound, in powers of ten, is raised to that.
const RANGE: f32 = 8.0;
/// Frames between two looks at whether the caller wants to stop.
const PATIENCE: u64 = 1 << 10;

/// The mel filterbank, `[n_mels, 201]` row-major: `librosa.filters.mel(sr=16000, n_fft=400, n_mels=n_mels)`.
#[must_use]
pub fn filterbank(n_mels: usize) -> Vec<f32> {
    filters::Filterbank::new(n_mels).dense()
}

/// Log-mel spectrogram of a sound of any length, followed by 30 s of silence: the reference's
/// `log_mel_spectrogram(audio, n_mels, padding=480000)`, computed window by window.
///
/// The scale depends on the loudest frame of the whole sound, so the sound is read twice: once by [`LogMel::new`],
/// once as windows are asked for. Memory is that of a few windows whatever the length. Frames are 10 ms apart; frame
/// `i` is centred on sample `160 * i`. A sample that is NaN counts as 0, an infinite one as 1e9.
pub struct LogMel<'a> {
    audio: &'a dyn Audio,
    cancelled: &'a dyn Fn() -> bool,
    n_mels: usize,
    samples: u64,
    /// Logarithm of the loudest mel of the whole sound, less [`RANGE`].
    floor: f32,
    power: MelPower,
    pass: Option<Pass<'a>>,
}

/// The reading that serves windows.
struct Pass<'a> {
    frames: Frames<'a>,
    /// Logarithms of the frames from `first` on, `n_mels` each.
    kept: Vec<f32>,
    first: u64,
}

impl<'a> LogMel<'a> {
    /// Reads the sound once for its length and its loudest mel.
    ///
    /// `n_mels`: 80, or 128 for large-v3 and its kin; any other number gets its filterbank too.
    ///
    /// # Errors
    /// [`Error::Audio`] where the sound cannot be read, [`Error::Cancelled`] when `cancelled` says so.
    pub fn new(audio: &'a dyn Audio, n_mels: usize, cancelled: &'a dyn Fn() -> bool) -> Result<Self, Error> {
        let mut power = MelPower::new(n_mels);
        let mut frames = Frames::new(audio.open()?, u64::MAX)?;
        let mut loudest = QUIETEST;
        let mut mels = vec![0.0; n_mels];
        while let Some(frame) = frames.next()? {
            power.of(frame, &mut mels);
            loudest = mels.iter().fold(loudest, |max, &mel| max.max(mel));
            if frames.position().is_multiple_of(PATIENCE) && cancelled() {
                return Err(Error::Cancelled);
            }
        }
        let samples = frames.samples();
        Ok(Self {
            audio,
            cancelled,
            n_mels,
            samples,
            floor: loudest.log10() - RANGE,
            power,
            pass: None,
        })
    }

    /// Length of the sound in frames, the silence after it not counted: `mel.shape[-1] - 3000` of the reference.
    #[must_use]
    pub fn content_frames(&self) -> usize {
        usize::try_from(self.samples / HOP as u64).unwrap_or(usize::MAX)
    }

    /// Length of the sound in samples.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Mel bins of a frame.
    #[must_use]
    pub fn n_mels(&self) -> usize {
        self.n_mels
    }

    /// Writes frames `start..start + len` to the front of `out`, frame after frame (`[len, n_mels]`), and zeros to the
    /// rest of it (what the reference's `pad_or_trim` puts there).
    ///
    /// Frames behind the sound are those of silence. Windows are cheapest in order, overlapping or not; going back
    /// reads the sound again from its beginning.
    ///
    /// # Errors
    /// [`Error::Audio`] where the sound cannot be read again or is no longer the same, [`Error::Cancelled`].
    ///
    /// # Panics
    /// Where `out` has no room for `len` frames.
    pub fn window(&mut self, start: usize, len: usize, out: &mut [f32]) -> Result<(), Error> {
        let (wanted, rest) = out.split_at_mut(len * self.n_mels);
        rest.fill(0.0);
        let floor = self.floor;
        let kept = self.advance(start as u64, len)?;
        let (known, silent) = wanted.split_at_mut(kept.len().min(wanted.len()));
        // The scale of the reference, `(log + 4) / 4`.
        let scale = |log: f32| (log.max(floor) + 4.0) / 4.0;
        for (out, &log) in known.iter_mut().zip(kept) {
            *out = scale(log);
        }
        silent.fill(scale(QUIETEST.log10()));
        Ok(())
    }

    /// Makes the kept frames begin at `start` and reach to `start + len`, or to the end of the sound.
    fn advance(&mut self, start: u64, len: usize) -> Result<&[f32], Error> {
        let mut pass = match self.pass.take() {
            Some(pass) if pass.first <= start => pass,
            _ => Pass {
                frames: Frames::new(self.audio.open()?, self.samples)?,
                kept: Vec::new(),
                first: 0,
            },
        };
        let passed = usize::try_from(start - pass.first)
            .unwrap_or(usize::MAX)
            .saturating_mul(self.n_mels);
        pass.kept.drain(..passed.min(pass.kept.len()));
        pass.first = start;
        let mut more = true;
        while more && pass.frames.position() < start {
            more = pass.frames.skip()?;
            self.look(&pass)?;
        }
        while more && pass.frames.position() < start + len as u64 {
            more = match pass.frames.next()? {
                None => false,
                Some(frame) => {
                    let old = pass.kept.len();
                    pass.kept.resize(old + self.n_mels, 0.0);
                    self.power.of(frame, &mut pass.kept[old..]);
                    for mel in &mut pass.kept[old..] {
                        *mel = mel.max(QUIETEST).log10();
                    }
                    true
                }
            };
            self.look(&pass)?;
        }
        if !more && pass.frames.samples() < self.samples {
            let (expected, found) = (self.samples, pass.frames.samples());
            return Err(AudioError::Changed { expected, found }.into());
        }
        Ok(&self.pass.insert(pass).kept)
    }

    fn look(&self, pass: &Pass<'_>) -> Result<(), Error> {
        if pass.frames.position().is_multiple_of(PATIENCE) && (self.cancelled)() {
            return Err(Error::Cancelled);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
