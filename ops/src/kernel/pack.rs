use crate::arch::Simd;

/// Transposes `rows` (at most `S::LANES`) rows of `k` values: `to[i * stride + r] = from[r * from_stride + i]`.
///
/// Writes `S::LANES` values for each i, in ascending order of i: those past `rows` are zero, and where `stride` is
/// less than `S::LANES` the next i overwrites them. `to` holds `(k - 1) * stride + S::LANES` values or more.
#[inline(always)]
pub(super) fn transpose<S: Simd>(
    s: S,
    from: &[f32],
    from_stride: usize,
    rows: usize,
    k: usize,
    to: &mut [f32],
    stride: usize,
) {
    let lanes = S::LANES;
    let whole = k - k % lanes;
    let mut square = [s.splat(0.0); 16];
    let square = &mut square[..lanes];
    for i in (0..whole).step_by(lanes) {
        for (r, v) in square.iter_mut().enumerate() {
            *v = if r < rows {
                s.load(&from[r * from_stride + i..])
            } else {
                s.splat(0.0)
            };
        }
        s.transpose(square);
        for (j, v) in square.iter().enumerate() {
            s.store(*v, &mut to[(i + j) * stride..]);
        }
    }
    for i in whole..k {
        for (r, to) in to[i * stride..][..lanes].iter_mut().enumerate() {
            *to = if r < rows { from[r * from_stride + i] } else { 0.0 };
        }
    }
}
