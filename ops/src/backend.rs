use std::fmt::Debug;

use crate::Matrix;

/// Rows of activations: `rows` rows of `cols` values, each row starting `stride` values after the one before.
///
/// `stride` may be smaller than `cols`: a convolution reads overlapping rows of its zero-padded, time-major input.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// The values.
    pub data: &'a [f32],
    /// How many rows.
    pub rows: usize,
    /// Values a row.
    pub cols: usize,
    /// Distance between the starts of two rows.
    pub stride: usize,
}

impl<'a> Rows<'a> {
    /// Rows without gaps.
    pub fn dense(data: &'a [f32], cols: usize) -> Self {
        Self {
            data,
            rows: data.len() / cols,
            cols,
            stride: cols,
        }
    }

    /// Row `i`.
    pub fn row(&self, i: usize) -> &'a [f32] {
        &self.data[i * self.stride..i * self.stride + self.cols]
    }
}

/// What happens to a product before it is stored, after the bias has been added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Epilogue {
    /// `out = y`
    Store,
    /// `out = gelu(y)`, the exact form with erf
    Gelu,
    /// `out += y`
    Add,
}

/// Multi-head attention of a whole window, no mask: every query row sees every key row.
#[derive(Clone, Copy, Debug)]
pub struct Attention<'a> {
    /// Queries, `[n, d]`; head `h` is columns `h * d / heads ..`.
    pub q: Rows<'a>,
    /// Keys, `[m, d]`.
    pub k: Rows<'a>,
    /// Values, `[m, d]`.
    pub v: Rows<'a>,
    /// Number of heads; divides d.
    pub heads: usize,
}

/// Where one cached position of a sequence lies: row number in the cache's key and value storage.
pub type CacheRow = u32;

/// Attention of a few query rows (one a sequence and new token) over cached keys and values.
#[derive(Clone, Copy, Debug)]
pub struct DecodeAttention<'a> {
    /// Queries, `[n, d]`.
    pub q: Rows<'a>,
    /// Cached keys, any number of rows of d values.
    pub k: &'a [f32],
    /// Cached values, as many rows.
    pub v: &'a [f32],
    /// For each query the cache rows it sees, in order of position; causality is the caller's choice of rows.
    pub seen: &'a [&'a [CacheRow]],
    /// Number of heads; divides d.
    pub heads: usize,
}

/// The operator set. Results do not depend on how many threads a backend uses.
///
/// Scores are scaled by `1 / sqrt(d / heads)`. Methods panic where shapes do not fit each other: shapes come from a
/// model that was checked when it was loaded.
pub trait Backend: Send + Sync + Debug {
    /// Where operators run, for people: `"cpu (avx512, 2 threads)"`.
    fn name(&self) -> String;

    /// `out = epilogue(x w^T + bias)`: `x` `[m, k]`, `w` `[n, k]`, `bias` `[n]`, `out` `[m, n]`.
    fn linear(&self, x: Rows<'_>, w: &Matrix, bias: Option<&[f32]>, epilogue: Epilogue, out: &mut [f32]);

    /// Layer normalisation of each row (epsilon 1e-5), times `gain`, plus `bias`.
    fn layer_norm(&self, x: Rows<'_>, gain: &[f32], bias: &[f32], out: &mut [f32]);

    /// Encoder self-attention; `out` `[n, d]`.
    fn attention(&self, a: Attention<'_>, out: &mut [f32]);

    /// Decoder self-attention over a cache; `out` `[n, d]`.
    fn decode_attention(&self, a: DecodeAttention<'_>, out: &mut [f32]);

    /// Decoder cross-attention: a few queries over all rows of `a.k`, `a.v`; `out` `[n, d]`.
    ///
    /// `scores`, where given, takes the scaled scores before the softmax: `[heads, n, m]`.
    fn cross_attention(&self, a: Attention<'_>, scores: Option<&mut [f32]>, out: &mut [f32]);
}
