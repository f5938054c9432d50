use crate::{
    Rows,
    arch::{Kernel, Simd},
};

/// What is added to the variance before its root is taken: the default of PyTorch's `LayerNorm`, Whisper's too.
const EPSILON: f32 = 1e-5;

/// Layer normalisation of some rows.
pub(crate) struct LayerNorm<'a> {
    pub(crate) x: Rows<'a>,
    /// First row.
    pub(crate) first: usize,
    pub(crate) gain: &'a [f32],
    pub(crate) bias: &'a [f32],
    /// Whole rows.
    pub(crate) out: &'a mut [f32],
}

impl Kernel for LayerNorm<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let n = self.x.cols;
        let whole = n - n % S::LANES;
        for (i, out) in self.out.chunks_exact_mut(n).enumerate() {
            let row = self.x.row(self.first + i);
            let (body, rest) = row.split_at(whole);
            let mut sum = s.splat(0.0);
            for v in body.chunks_exact(S::LANES) {
                sum = s.add(sum, s.load(v));
            }
            let mean = (s.sum(sum) + rest.iter().sum::<f32>()) / n as f32;
            let center = s.splat(mean);
            let mut sum = s.splat(0.0);
            for v in body.chunks_exact(S::LANES) {
                let d = s.sub(s.load(v), center);
                sum = s.fma(d, d, sum);
            }
            let squares = rest.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>();
            let scale = 1.0 / ((s.sum(sum) + squares) / n as f32 + EPSILON).sqrt();
            for j in (0..whole).step_by(S::LANES) {
                let v = s.mul(s.sub(s.load(&row[j..]), center), s.splat(scale));
                let v = s.fma(v, s.load(&self.gain[j..]), s.load(&self.bias[j..]));
                s.store(v, &mut out[j..]);
            }
            for j in whole..n {
                out[j] = (row[j] - mean) * scale * self.gain[j] + self.bias[j];
            }
        }
    }
}
