use super::math;
use crate::arch::{Kernel, Simd};

/// The largest value; negative infinity for none.
pub(crate) struct Largest<'a>(pub(crate) &'a [f32]);

impl Kernel for Largest<'_> {
    type Out = f32;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let mut largest = s.splat(f32::NEG_INFINITY);
        let chunks = self.0.chunks_exact(S::LANES);
        let rest = chunks.remainder();
        for v in chunks {
            largest = s.max(largest, s.load(v));
        }
        rest.iter().copied().fold(s.largest(largest), f32::max)
    }
}

/// The sum of e^(v - `largest`) over all values, none of which is larger than `largest`.
pub(crate) struct SumExp<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) largest: f32,
}

impl Kernel for SumExp<'_> {
    type Out = f32;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let largest = s.splat(self.largest);
        let mut sum = s.splat(0.0);
        let chunks = self.values.chunks_exact(S::LANES);
        let rest = chunks.remainder();
        for v in chunks {
            sum = s.add(sum, math::exp(s, s.sub(s.load(v), largest)));
        }
        s.sum(sum) + rest.iter().map(|v| (v - self.largest).exp()).sum::<f32>()
    }
}
