use std::time::Instant;

use super::Stats;
use crate::{
    Cancel, Error, Whisper,
    audio::{Audio, AudioError, Samples},
    engine::Window,
    mel::LogMel,
    tokenizer::Tokenizer,
};

/// The first samples of a sound.
pub(super) struct Beginning<'a> {
    pub(super) audio: &'a dyn Audio,
    pub(super) samples: usize,
}

struct BeginningSamples<'a> {
    samples: Box<dyn Samples + 'a>,
    left: usize,
}

impl Audio for Beginning<'_> {
    fn open(&self) -> Result<Box<dyn Samples + '_>, AudioError> {
        Ok(Box::new(BeginningSamples {
            samples: self.audio.open()?,
            left: self.samples,
        }))
    }
}

impl Samples for BeginningSamples<'_> {
    fn read(&mut self, out: &mut [f32]) -> Result<usize, AudioError> {
        let room = out.len().min(self.left);
        let n = self.samples.read(&mut out[..room])?;
        self.left -= n;
        Ok(n)
    }
}

/// Encoded windows of one audio.
pub(super) struct Windows<'m, 'a> {
    pub(super) model: &'m Whisper,
    pub(super) mel: LogMel<'a>,
    /// The last window, by its first frame and its number of frames.
    pub(super) last: Option<(usize, usize, Window<'m>)>,
    buffer: Vec<f32>,
    pub(super) stats: Stats,
}

impl<'m, 'a> Windows<'m, 'a> {
    pub(super) fn new(model: &'m Whisper, mel: LogMel<'a>) -> Self {
        Self {
            model,
            mel,
            last: None,
            buffer: Vec::new(),
            stats: Stats::new(model),
        }
    }

    /// Frames `start..start + size`, encoded; the rest of the window is zeros.
    pub(super) fn encode(
        &mut self,
        start: usize,
        size: usize,
        cancel: &Cancel,
    ) -> Result<&Window<'m>, Error> {
        if !matches!(&self.last, Some((s, n, _)) if (*s, *n) == (start, size)) {
            let began = Instant::now();
            self.buffer
                .resize(self.model.window_frames() * self.model.dims().n_mels, 0.0);
            self.mel.window(start, size, &mut self.buffer)?;
            self.stats.mel += began.elapsed();
            let window = self.model.encode(&self.buffer, cancel)?;
            self.stats.encoder += window.took();
            self.stats.encoder_runs += 1;
            self.last = Some((start, size, window));
        }
        match &self.last {
            Some((_, _, window)) => Ok(window),
            None => Err(Error::Cancelled),
        }
    }

    /// The first 30 s, silence after the end included, as the reference listens for the language.
    pub(super) fn languages(&mut self, cancel: &Cancel) -> Result<Vec<(&'static str, f32)>, Error> {
        let model = self.model;
        let tokenizer = Tokenizer::new(model.vocabulary().clone(), model.dims().n_vocab, None, None)?;
        Ok(self
            .encode(0, model.window_frames(), cancel)?
            .languages(&tokenizer))
    }

    pub(super) fn language(&mut self, cancel: &Cancel) -> Result<(&'static str, f32), Error> {
        self.languages(cancel)?
            .first()
            .copied()
            .ok_or_else(|| Error::Option("the model has no languages".to_owned()))
    }
}
