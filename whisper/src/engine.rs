use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use ndarray::Array3;
use xdna_ops::{Backend, log_sum_exp};

use crate::{
    Cancel, Error,
    decode::KvInference,
    model::{
        self, Checkpoint, Dims, SelfCache,
        decoder::{CrossCache, Decoder},
        encoder::{Encoder, Stage},
    },
    tokenizer::{Tokenizer, Vocabulary},
};

/// A Whisper model ready to transcribe. `Send` and `Sync`: one model serves any number of threads.
pub struct Whisper {
    dims: Dims,
    encoder: Encoder,
    decoder: Decoder,
    vocabulary: Arc<Vocabulary>,
    alignment_heads: Vec<(usize, usize)>,
    backend: Arc<dyn Backend>,
    origin: String,
}

impl Whisper {
    /// A model from its weights; operators run on `backend`. Weights stay where the checkpoint has them.
    ///
    /// # Errors
    /// [`Error::Model`] where a tensor is missing or of another shape than the dimensions call for.
    pub fn new(checkpoint: Checkpoint, backend: Arc<dyn Backend>) -> Result<Self, Error> {
        let dims = checkpoint.dims;
        let alignment_heads = match &checkpoint.alignment_heads {
            Some(heads) => heads.clone(),
            None => model::alignment::heads(&dims),
        };
        Ok(Self {
            encoder: Encoder::load(&checkpoint)?,
            decoder: Decoder::load(&checkpoint)?,
            dims,
            vocabulary: checkpoint.vocabulary,
            alignment_heads,
            backend,
            origin: checkpoint.origin,
        })
    }

    /// The model's dimensions.
    pub fn dims(&self) -> &Dims {
        &self.dims
    }

    /// Whether the model knows other languages than English.
    pub fn is_multilingual(&self) -> bool {
        self.dims.is_multilingual()
    }

    /// Where the weights came from.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Where operators run.
    pub fn backend(&self) -> &dyn Backend {
        &*self.backend
    }

    /// Encodes one window: `mel` is time-major log-mel, `[2 * n_audio_ctx, n_mels]`; returns `[n_audio_ctx,
    /// n_audio_state]`, row-major.
    ///
    /// `stage` sees the time-major activations after each [`Stage`].
    ///
    /// # Errors
    /// [`Error::Option`] where `mel` is of another length.
    pub fn embed_audio(&self, mel: &[f32], stage: &mut dyn FnMut(Stage, &[f32])) -> Result<Vec<f32>, Error> {
        let expected = self.window_frames() * self.dims.n_mels;
        if mel.len() != expected {
            return Err(Error::Option(format!(
                "log-mel of {} values, a window has {expected}",
                mel.len()
            )));
        }
        let go_on = &mut |at: Stage, values: &[f32]| {
            stage(at, values);
            true
        };
        self.encoder
            .run(&*self.backend, mel, go_on)
            .ok_or(Error::Cancelled)
    }

    /// Logits after each of `tokens`, `[tokens, n_vocab]`, given an encoded window `[n_audio_ctx, n_audio_state]`.
    ///
    /// # Errors
    /// [`Error::Option`] where there are none or too many tokens, one is not in the vocabulary, or `features` is of
    /// another length.
    pub fn logits(&self, tokens: &[u32], features: &[f32]) -> Result<Vec<f32>, Error> {
        let Dims {
            n_text_ctx,
            n_vocab,
            n_audio_ctx,
            n_audio_state,
            ..
        } = self.dims;
        if !(1..=n_text_ctx).contains(&tokens.len()) {
            return Err(Error::Option(format!(
                "{} tokens, the model reads 1 to {n_text_ctx}",
                tokens.len()
            )));
        }
        if let Some(token) = tokens.iter().find(|t| **t as usize >= n_vocab) {
            return Err(Error::Option(format!(
                "token {token} is not one of the model's {n_vocab}"
            )));
        }
        let expected = n_audio_ctx * n_audio_state;
        if features.len() != expected {
            return Err(Error::Option(format!(
                "{} features, a window has {expected}",
                features.len()
            )));
        }
        let backend = &*self.backend;
        let cross = self.decoder.cross(backend, features);
        let x = self
            .decoder
            .run(backend, tokens, &cross, &mut self.decoder.new_cache(), None);
        let mut logits = Vec::new();
        self.decoder.logits(backend, &x, &mut logits);
        Ok(logits)
    }

    pub(crate) fn parts(&self) -> (&Encoder, &Decoder) {
        (&self.encoder, &self.decoder)
    }

    pub(crate) fn vocabulary(&self) -> &Arc<Vocabulary> {
        &self.vocabulary
    }

    /// Mel frames of a window.
    pub(crate) fn window_frames(&self) -> usize {
        2 * self.dims.n_audio_ctx
    }

    /// Encodes a window: `mel` time-major `[window_frames, n_mels]`.
    pub(crate) fn encode(&self, mel: &[f32], cancel: &Cancel) -> Result<Window<'_>, Error> {
        let started = Instant::now();
        let backend = &*self.backend;
        let go_on = &mut |_: Stage, _: &[f32]| !cancel.is_cancelled();
        let features = self.encoder.run(backend, mel, go_on).ok_or(Error::Cancelled)?;
        let cross = self.decoder.cross(backend, &features);
        Ok(Window {
            model: self,
            cross,
            took: started.elapsed(),
        })
    }
}

impl fmt::Debug for Whisper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Whisper")
            .field("origin", &self.origin)
            .field("dims", &self.dims)
            .finish_non_exhaustive()
    }
}

/// An encoded window: everything the decoder needs of it, computed once.
pub(crate) struct Window<'a> {
    model: &'a Whisper,
    cross: CrossCache,
    took: Duration,
}

impl Window<'_> {
    /// Dimensions of the model.
    pub(crate) fn dims(&self) -> &Dims {
        &self.model.dims
    }

    /// How long encoding took.
    pub(crate) fn took(&self) -> Duration {
        self.took
    }

    /// A decoder with empty caches.
    pub(crate) fn inference(&self) -> KvInference<'_> {
        KvInference::new(&*self.model.backend, &self.model.decoder, &self.cross)
    }

    /// All tokens at once: logits `[tokens, n_vocab]`, and scores of the alignment heads over the first `columns`
    /// encoder frames, `[heads, tokens, columns]`.
    pub(crate) fn align(&self, tokens: &[u32], columns: usize) -> (Vec<f32>, Array3<f32>) {
        let (model, backend) = (self.model, &*self.model.backend);
        let mut cache = model.decoder.new_cache();
        let mut scores = Vec::new();
        let x = model
            .decoder
            .run(backend, tokens, &self.cross, &mut cache, Some(&mut scores));
        let mut logits = Vec::new();
        model.decoder.logits(backend, &x, &mut logits);
        let frames = model.dims.n_audio_ctx;
        let heads = &model.alignment_heads;
        let weights = Array3::from_shape_fn((heads.len(), tokens.len(), columns), |(i, token, frame)| {
            let (layer, head) = heads[i];
            scores[layer][(head * tokens.len() + token) * frames + frame]
        });
        (logits, weights)
    }

    /// Probability of each language, the most probable first.
    pub(crate) fn languages(&self, tokenizer: &Tokenizer) -> Vec<(&'static str, f32)> {
        let model = self.model;
        let mut cache: SelfCache = model.decoder.new_cache();
        let x = model
            .decoder
            .run(&*model.backend, &[tokenizer.sot()], &self.cross, &mut cache, None);
        let mut logits = Vec::new();
        model.decoder.logits(&*model.backend, &x, &mut logits);
        let tokens = tokenizer.all_language_tokens();
        let of_languages: Vec<f32> = tokens.iter().map(|&t| logits[t as usize]).collect();
        let normaliser = log_sum_exp(&of_languages);
        let probabilities = of_languages.iter().map(|l| (l - normaliser).exp());
        let mut languages: Vec<_> = tokenizer
            .all_language_codes()
            .into_iter()
            .zip(probabilities)
            .collect();
        languages.sort_by(|a, b| b.1.total_cmp(&a.1));
        languages
    }
}
