use xdna_ops::Backend;

use crate::model::{
    SelfCache,
    decoder::{CrossCache, Decoder},
};

/// What decoding asks of a model: logits after a prefix, and after one more token a sequence.
pub(crate) trait Inference {
    /// Feeds the common beginning of all sequences; returns the logits of position `at` and of the last position.
    fn start(&mut self, tokens: &[u32], at: usize) -> (Vec<f32>, Vec<f32>);

    /// Goes on with the sequences `sources` (of those before), and one more token for each of them; `logits` takes
    /// `[sources.len(), n_vocab]`.
    fn step(&mut self, sources: &[usize], tokens: &[u32], logits: &mut Vec<f32>);
}

/// The real model with its key/value caches.
pub(crate) struct KvInference<'a> {
    backend: &'a dyn Backend,
    decoder: &'a Decoder,
    cross: &'a CrossCache,
    cache: SelfCache,
    steps: usize,
}

impl<'a> KvInference<'a> {
    pub(crate) fn new(backend: &'a dyn Backend, decoder: &'a Decoder, cross: &'a CrossCache) -> Self {
        Self {
            backend,
            decoder,
            cross,
            cache: decoder.new_cache(),
            steps: 0,
        }
    }

    /// How often the decoder ran.
    pub(crate) fn steps(&self) -> usize {
        self.steps
    }
}

impl Inference for KvInference<'_> {
    fn start(&mut self, tokens: &[u32], at: usize) -> (Vec<f32>, Vec<f32>) {
        self.steps += 1;
        let x = self
            .decoder
            .run(self.backend, tokens, self.cross, &mut self.cache, None);
        let width = x.len() / tokens.len();
        let logits = |i: usize| {
            let mut logits = Vec::new();
            self.decoder
                .logits(self.backend, &x[i * width..(i + 1) * width], &mut logits);
            logits
        };
        let last = logits(tokens.len() - 1);
        (
            if at + 1 == tokens.len() {
                last.clone()
            } else {
                logits(at)
            },
            last,
        )
    }

    fn step(&mut self, sources: &[usize], tokens: &[u32], logits: &mut Vec<f32>) {
        self.steps += 1;
        self.cache.rearrange(sources);
        let x = self
            .decoder
            .run(self.backend, tokens, self.cross, &mut self.cache, None);
        self.decoder.logits(self.backend, &x, logits);
    }
}
