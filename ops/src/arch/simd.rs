use std::fmt::Debug;

/// A computation written once for every instruction set.
///
/// `run` must be `#[inline(always)]`, and so must every function it hands its `Simd` to: they become part of one
/// function that is compiled with the instruction set's features.
pub(crate) trait Kernel {
    /// What comes out.
    type Out;

    /// The computation.
    fn run<S: Simd>(self, s: S) -> Self::Out;
}

/// Vectors of `LANES` f32 values.
///
/// A value of an implementing type is the proof that the processor has the instructions.
pub(crate) trait Simd: Copy + Debug + Send + Sync {
    /// A vector.
    type V: Copy;

    /// Values a vector; at most 16.
    const LANES: usize;
    /// Rows of the tile that [`Simd::tile`] computes; at most `LANES`.
    const TILE_ROWS: usize;
    /// Columns of both tiles: two vectors.
    const TILE_COLS: usize = 2 * Self::LANES;
    /// Rows of the tile that [`Simd::short_tile`] computes: a divisor of the usual head sizes.
    const SHORT_ROWS: usize;

    /// Compiles `kernel` for this instruction set, and runs it.
    fn run<K: Kernel>(self, kernel: K) -> K::Out;

    /// `x` in every lane.
    fn splat(self, x: f32) -> Self::V;
    /// The first `LANES` values of `from`.
    fn load(self, from: &[f32]) -> Self::V;
    /// Writes the first `LANES` values of `to`.
    fn store(self, v: Self::V, to: &mut [f32]);
    /// `a + b`
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a - b`
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b`
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a / b`
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`, rounded once where the hardware can.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The larger one; `b` where either is not a number.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// The smaller one; `b` where either is not a number.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// To the nearest integer.
    fn round(self, v: Self::V) -> Self::V;
    /// `v * 2^n` for integral `n` in -126..=127.
    fn scale(self, v: Self::V, n: Self::V) -> Self::V;
    /// The sum of all lanes.
    fn sum(self, v: Self::V) -> f32;
    /// The sum of all lanes of each.
    fn sums(self, v: [Self::V; 4]) -> [f32; 4];
    /// The largest lane.
    fn largest(self, v: Self::V) -> f32;
    /// Transposes the `LANES` by `LANES` values of `rows`.
    fn transpose(self, rows: &mut [Self::V]);

    /// The first `LANES` little-endian f32 values of `from`.
    fn f32(self, from: &[u8]) -> Self::V;
    /// The first `LANES` half-precision values of `from`.
    fn f16(self, from: &[u8]) -> Self::V;
    /// The first `LANES` bfloat16 values of `from`.
    fn bf16(self, from: &[u8]) -> Self::V;
    /// The first `LANES` signed bytes of `from`.
    fn i8(self, from: &[u8]) -> Self::V;
    /// One half-precision value, in every lane.
    fn half(self, from: [u8; 2]) -> Self::V;
    /// `d * q + m`, where all lanes of d and of m are the same, for the 32 values q of a ggml block: the low nibbles of `nibbles`, then the high ones, each with
    /// its bit of `fifth` on top.
    fn block(self, nibbles: &[u8; 16], fifth: Option<u32>, d: Self::V, m: Self::V, out: &mut [f32; 32]);

    /// `TILE_ROWS` rows of a product: see [`crate::kernel::tile`].
    fn tile(self, a: &[f32], b: &[f32], out: &mut [f32], add: bool);
    /// `SHORT_ROWS` rows of a product: see [`crate::kernel::tile`].
    fn short_tile(self, a: &[f32], b: &[f32], out: &mut [f32], add: bool);
}
