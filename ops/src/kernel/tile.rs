use crate::arch::Simd;

/// A tile of a product of two packed operands: `out[r][c] (+)= sum over k of a[k][r] * b[k][c]`.
///
/// `a` is `[k, ROWS]`, `b` `[k, S::TILE_COLS]`, `out` `[ROWS, S::TILE_COLS]`; `add` keeps what `out` holds.
#[inline(always)]
pub(crate) fn tile<S: Simd, const ROWS: usize>(s: S, a: &[f32], b: &[f32], out: &mut [f32], add: bool) {
    let lanes = S::LANES;
    let mut sums = [[s.splat(0.0); 2]; ROWS];
    let (a, _) = a.as_chunks::<ROWS>();
    for (a, b) in a.iter().zip(b.chunks_exact(S::TILE_COLS)) {
        let (left, right) = (s.load(&b[..lanes]), s.load(&b[lanes..]));
        for r in 0..ROWS {
            let x = s.splat(a[r]);
            sums[r][0] = s.fma(x, left, sums[r][0]);
            sums[r][1] = s.fma(x, right, sums[r][1]);
        }
    }
    let out = &mut out[..ROWS * S::TILE_COLS];
    for r in 0..ROWS {
        let out = &mut out[r * S::TILE_COLS..][..S::TILE_COLS];
        if add {
            sums[r][0] = s.add(s.load(&out[..lanes]), sums[r][0]);
            sums[r][1] = s.add(s.load(&out[lanes..]), sums[r][1]);
        }
        s.store(sums[r][0], &mut out[..lanes]);
        s.store(sums[r][1], &mut out[lanes..]);
    }
}
