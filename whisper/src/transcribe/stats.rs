use std::time::Duration;

use crate::Whisper;

/// What ran where, and how long it took.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Length of the audio.
    pub audio: Duration,
    /// Reading the sound and making log-mel of it, both passes.
    pub mel: Duration,
    /// Encoding windows, cross-attention keys and values included.
    pub encoder: Duration,
    /// Windows encoded.
    pub encoder_runs: usize,
    /// Decoding, every temperature included.
    pub decoder: Duration,
    /// How often the decoder ran.
    pub decoder_steps: usize,
    /// Timing words.
    pub words: Duration,
    /// Tokens of the accepted results.
    pub tokens: usize,
    /// Windows decoded again at a higher temperature, each time counted.
    pub fallbacks: usize,
    /// Where operators ran.
    pub backend: String,
    /// All of it.
    pub total: Duration,
}

impl Stats {
    pub(super) fn new(model: &Whisper) -> Self {
        Self {
            backend: model.backend().name(),
            ..Self::default()
        }
    }
}
