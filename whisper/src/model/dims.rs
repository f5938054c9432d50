use std::ops::RangeInclusive;

use super::ModelError;

/// The ten numbers that make a Whisper model, with openai-whisper's names (`ModelDimensions`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dims {
    /// Mel bins: 80, or 128 from large-v3 on.
    pub n_mels: usize,
    /// Encoder positions of a window: 1500.
    pub n_audio_ctx: usize,
    /// Width of the encoder.
    pub n_audio_state: usize,
    /// Attention heads of the encoder.
    pub n_audio_head: usize,
    /// Layers of the encoder.
    pub n_audio_layer: usize,
    /// Tokens.
    pub n_vocab: usize,
    /// Decoder positions: 448.
    pub n_text_ctx: usize,
    /// Width of the decoder (the same as the encoder's in every released model).
    pub n_text_state: usize,
    /// Attention heads of the decoder.
    pub n_text_head: usize,
    /// Layers of the decoder.
    pub n_text_layer: usize,
}

/// Tokens that are neither ordinary nor languages: end, start, six more, 1501 timestamps.
const SPECIAL: usize = 1 + 1 + 6 + 1501;
/// Ordinary tokens of an English-only model; a multilingual one has one more.
const ORDINARY: usize = 50_256;
/// Where multilingual models begin.
const MULTILINGUAL: usize = 51_865;
/// 1 to 100 languages.
const VOCAB: RangeInclusive<usize> = ORDINARY + SPECIAL + 1..=ORDINARY + 1 + SPECIAL + 100;

/// Bounds far beyond every released model (1280 wide, 32 layers), which keep a damaged header from costing memory.
const MAX_STATE: usize = 1 << 14;
const MAX_LAYERS: usize = 256;
const MAX_TEXT_CTX: usize = 1 << 14;

impl Dims {
    /// Whether the vocabulary has languages beside English (`is_multilingual` of the reference).
    pub fn is_multilingual(&self) -> bool {
        self.n_vocab >= MULTILINGUAL
    }

    /// Whether these are dimensions of a model that openai-whisper could run.
    ///
    /// # Errors
    /// [`ModelError::Dimension`] where one is out of range, or heads do not divide the width.
    pub fn check(&self) -> Result<(), ModelError> {
        let fixed = [
            (
                "n_mels",
                self.n_mels,
                [80, 128].contains(&self.n_mels),
                "80 or 128",
            ),
            ("n_audio_ctx", self.n_audio_ctx, self.n_audio_ctx == 1500, "1500"),
        ];
        for (name, found, fits, expected) in fixed {
            if !fits {
                return Err(dimension(name, found, expected.to_owned()));
            }
        }
        let ranges = [
            ("n_audio_state", self.n_audio_state, 2..=MAX_STATE),
            ("n_audio_layer", self.n_audio_layer, 1..=MAX_LAYERS),
            ("n_vocab", self.n_vocab, VOCAB),
            ("n_text_ctx", self.n_text_ctx, 8..=MAX_TEXT_CTX),
            ("n_text_layer", self.n_text_layer, 1..=MAX_LAYERS),
        ];
        for (name, found, range) in ranges {
            if !range.contains(&found) {
                let expected = format!("{} to {}", range.start(), range.end());
                return Err(dimension(name, found, expected));
            }
        }
        if self.n_text_state != self.n_audio_state {
            let expected = format!("{}, the width of the encoder", self.n_audio_state);
            return Err(dimension("n_text_state", self.n_text_state, expected));
        }
        for (name, heads) in [
            ("n_audio_head", self.n_audio_head),
            ("n_text_head", self.n_text_head),
        ] {
            if heads == 0 || !self.n_audio_state.is_multiple_of(heads) {
                let expected = format!("a divisor of the width, {}", self.n_audio_state);
                return Err(dimension(name, heads, expected));
            }
        }
        Ok(())
    }

    /// How many tokens stand for text.
    pub fn ordinary_tokens(&self) -> usize {
        ORDINARY + usize::from(self.is_multilingual())
    }

    /// Name and shape of every weight of such a model, in the order of openai-whisper's `state_dict`.
    ///
    /// Call [`Dims::check`] first: as many names are made as there are layers.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let d = self.n_audio_state;
        let mut all: Vec<(String, Vec<usize>)> = vec![
            (
                "encoder.positional_embedding".to_owned(),
                vec![self.n_audio_ctx, d],
            ),
            ("encoder.conv1.weight".to_owned(), vec![d, self.n_mels, 3]),
            ("encoder.conv1.bias".to_owned(), vec![d]),
            ("encoder.conv2.weight".to_owned(), vec![d, d, 3]),
            ("encoder.conv2.bias".to_owned(), vec![d]),
        ];
        for layer in 0..self.n_audio_layer {
            block(&mut all, &format!("encoder.blocks.{layer}"), d, false);
        }
        norm(&mut all, "encoder.ln_post", d);
        all.push((
            "decoder.positional_embedding".to_owned(),
            vec![self.n_text_ctx, d],
        ));
        all.push(("decoder.token_embedding.weight".to_owned(), vec![self.n_vocab, d]));
        for layer in 0..self.n_text_layer {
            block(&mut all, &format!("decoder.blocks.{layer}"), d, true);
        }
        norm(&mut all, "decoder.ln", d);
        all
    }
}

fn dimension(name: &'static str, found: usize, expected: String) -> ModelError {
    ModelError::Dimension {
        name,
        found,
        expected,
    }
}

fn norm(all: &mut Vec<(String, Vec<usize>)>, name: &str, d: usize) {
    all.push((format!("{name}.weight"), vec![d]));
    all.push((format!("{name}.bias"), vec![d]));
}

fn linear(all: &mut Vec<(String, Vec<usize>)>, name: &str, out: usize, input: usize, bias: bool) {
    all.push((format!("{name}.weight"), vec![out, input]));
    if bias {
        all.push((format!("{name}.bias"), vec![out]));
    }
}

fn attention(all: &mut Vec<(String, Vec<usize>)>, name: &str, d: usize) {
    for (part, bias) in [("query", true), ("key", false), ("value", true), ("out", true)] {
        linear(all, &format!("{name}.{part}"), d, d, bias);
    }
    norm(all, &format!("{name}_ln"), d);
}

fn block(all: &mut Vec<(String, Vec<usize>)>, name: &str, d: usize, decoder: bool) {
    attention(all, &format!("{name}.attn"), d);
    if decoder {
        attention(all, &format!("{name}.cross_attn"), d);
    }
    linear(all, &format!("{name}.mlp.0"), 4 * d, d, true);
    linear(all, &format!("{name}.mlp.2"), d, 4 * d, true);
    norm(all, &format!("{name}.mlp_ln"), d);
}
