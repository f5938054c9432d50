//! Which operators a model asks a backend for: what a plan of who runs what is made of.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use xdna_ops::{Attention, Backend, DecodeAttention, Epilogue, Matrix, Rows};

use crate::Whisper;

/// When an operator runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Once a window of 30 s: the encoder, and the keys and values of cross-attention.
    Window,
    /// Once a token that is decoded, shapes for one sequence at its first position.
    Step,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Window => "window",
            Self::Step => "token",
        })
    }
}

/// A method of [`Backend`], and its shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `[m, k]` times `[k, n]`; convolutions, too.
    Linear {
        /// Rows of activations.
        m: usize,
        /// Values a row.
        k: usize,
        /// Rows of weights.
        n: usize,
    },
    /// Normalisation of `rows` rows of `width` values.
    LayerNorm {
        /// Rows.
        rows: usize,
        /// Values a row.
        width: usize,
    },
    /// Encoder self-attention: `rows` queries, as many keys.
    Attention {
        /// Rows.
        rows: usize,
        /// Values a row, of all heads.
        width: usize,
        /// Heads.
        heads: usize,
    },
    /// Decoder self-attention over a cache.
    DecodeAttention {
        /// Values a row, of all heads.
        width: usize,
        /// Heads.
        heads: usize,
    },
    /// Decoder cross-attention over `keys` rows of the window.
    CrossAttention {
        /// Rows of the window.
        keys: usize,
        /// Values a row, of all heads.
        width: usize,
        /// Heads.
        heads: usize,
    },
}

impl Operator {
    /// The method's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Linear { .. } => "linear",
            Self::LayerNorm { .. } => "layer_norm",
            Self::Attention { .. } => "attention",
            Self::DecodeAttention { .. } => "decode_attention",
            Self::CrossAttention { .. } => "cross_attention",
        }
    }

    /// Multiply-adds of its products; what comes beside them is not counted.
    pub fn multiply_adds(&self) -> u64 {
        let product = |factors: &[usize]| factors.iter().map(|&f| f as u64).product();
        match *self {
            Self::Linear { m, k, n } => product(&[m, k, n]),
            Self::LayerNorm { .. } => 0,
            Self::Attention { rows, width, .. } => product(&[2, rows, rows, width]),
            Self::DecodeAttention { width, .. } => product(&[2, width]),
            Self::CrossAttention { keys, width, .. } => product(&[2, keys, width]),
        }
    }
}

/// The shapes alone: `1500x384 by 384x1536`.
impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Linear { m, k, n } => write!(f, "{m}x{k} by {k}x{n}"),
            Self::LayerNorm { rows, width } => write!(f, "{rows}x{width}"),
            Self::Attention { rows, width, heads } => write!(f, "{rows}x{width}, {heads} heads"),
            Self::DecodeAttention { width, heads } => write!(f, "1x{width}, {heads} heads"),
            Self::CrossAttention { keys, width, heads } => {
                write!(f, "1x{width} over {keys}x{width}, {heads} heads")
            }
        }
    }
}

/// An operator, how often it runs, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// When.
    pub phase: Phase,
    /// What.
    pub operator: Operator,
    /// How often in one window, or for one token.
    pub times: usize,
}

impl Use {
    /// Multiply-adds of all its times.
    pub fn multiply_adds(&self) -> u64 {
        self.operator.multiply_adds() * self.times as u64
    }
}

impl Whisper {
    /// The operators of this model in the order of their first use: found by running it on a backend that computes
    /// nothing and takes notes.
    pub fn operators(&self) -> Vec<Use> {
        let notes = Notes::default();
        let (encoder, decoder) = self.parts();
        let dims = self.dims();
        let mel = vec![0.0; 2 * dims.n_audio_ctx * dims.n_mels];
        let features = encoder.run(&notes, &mel, &mut |_, _| true).unwrap_or_default();
        let cross = decoder.cross(&notes, &features);
        let mut uses = notes.take(Phase::Window);
        let x = decoder.run(&notes, &[0], &cross, &mut decoder.new_cache(), None);
        decoder.logits(&notes, &x, &mut Vec::new());
        uses.extend(notes.take(Phase::Step));
        uses
    }
}

/// A backend that notes what it is asked for.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<Operator>>);

impl Notes {
    fn add(&self, operator: Operator) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(operator);
    }

    fn take(&self, phase: Phase) -> Vec<Use> {
        let all = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut uses: Vec<Use> = Vec::new();
        for operator in all {
            match uses.iter_mut().find(|u| u.operator == operator) {
                Some(known) => known.times += 1,
                None => uses.push(Use {
                    phase,
                    operator,
                    times: 1,
                }),
            }
        }
        uses
    }
}

impl Backend for Notes {
    fn name(&self) -> String {
        "none".to_owned()
    }

    fn linear(&self, x: Rows<'_>, w: &Matrix, _: Option<&[f32]>, _: Epilogue, out: &mut [f32]) {
        self.add(Operator::Linear {
            m: x.rows,
            k: x.cols,
            n: w.rows(),
        });
        out.fill(0.0);
    }

    fn layer_norm(&self, x: Rows<'_>, _: &[f32], _: &[f32], out: &mut [f32]) {
        self.add(Operator::LayerNorm {
            rows: x.rows,
            width: x.cols,
        });
        out.fill(0.0);
    }

    fn attention(&self, a: Attention<'_>, out: &mut [f32]) {
        self.add(Operator::Attention {
            rows: a.q.rows,
            width: a.q.cols,
            heads: a.heads,
        });
        out.fill(0.0);
    }

    fn decode_attention(&self, a: DecodeAttention<'_>, out: &mut [f32]) {
        self.add(Operator::DecodeAttention {
            width: a.q.cols,
            heads: a.heads,
        });
        out.fill(0.0);
    }

    fn cross_attention(&self, a: Attention<'_>, _: Option<&mut [f32]>, out: &mut [f32]) {
        self.add(Operator::CrossAttention {
            keys: a.k.rows,
            width: a.q.cols,
            heads: a.heads,
        });
        out.fill(0.0);
    }
}
