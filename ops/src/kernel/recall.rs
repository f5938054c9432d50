use crate::arch::{Kernel, Simd};
use crate::kernel::math::softmax;

/// Attention of one query of one head over keys and values that lie anywhere.
pub(crate) struct Recall<'a, I> {
    /// The head's part of the query.
    pub(crate) q: &'a [f32],
    pub(crate) k: &'a [f32],
    pub(crate) v: &'a [f32],
    /// Where the head's part of each key starts in `k`, and that of its value in `v`.
    pub(crate) rows: I,
    /// Where given, takes the scaled scores.
    pub(crate) keep: Option<&'a mut [f32]>,
    /// As long as `q`.
    pub(crate) out: &'a mut [f32],
    /// One value a key, rounded up to 16, to work with.
    pub(crate) scores: &'a mut [f32],
}

impl<I: ExactSizeIterator<Item = (usize, usize)> + Clone> Kernel for Recall<'_, I> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let size = self.q.len();
        let whole = size - size % S::LANES;
        let scale = 1.0 / (size as f32).sqrt();
        let count = self.rows.len();
        let scores = &mut self.scores[..count.next_multiple_of(S::LANES)];
        for (score, at) in scores.iter_mut().zip(self.rows.clone()) {
            let k = &self.k[at.0..][..size];
            let mut sums = [s.splat(0.0); 2];
            for (h, i) in (0..whole).step_by(S::LANES).enumerate() {
                sums[h % 2] = s.fma(s.load(&k[i..]), s.load(&self.q[i..]), sums[h % 2]);
            }
            let mut sum = s.sum(s.add(sums[0], sums[1]));
            for (k, q) in k[whole..].iter().zip(&self.q[whole..]) {
                sum += k * q;
            }
            *score = sum * scale;
        }
        if let Some(keep) = self.keep {
            keep.copy_from_slice(&scores[..count]);
        }
        scores[count..].fill(f32::NEG_INFINITY);
        softmax(s, scores);
        self.out.fill(0.0);
        let mut i = 0;
        while i + 4 * S::LANES <= whole {
            gather::<S, I, 4>(s, &self.rows, &self.v[i..], scores, &mut self.out[i..]);
            i += 4 * S::LANES;
        }
        while i < whole {
            gather::<S, I, 1>(s, &self.rows, &self.v[i..], scores, &mut self.out[i..]);
            i += S::LANES;
        }
        for ((_, at), p) in self.rows.clone().zip(&*scores) {
            for i in whole..size {
                self.out[i] += p * self.v[at + i];
            }
        }
    }
}

/// Sums of `N` vectors of values, weighted; every other one in a sum of its own.
#[inline(always)]
fn gather<S: Simd, I: ExactSizeIterator<Item = (usize, usize)> + Clone, const N: usize>(
    s: S,
    rows: &I,
    v: &[f32],
    weights: &[f32],
    out: &mut [f32],
) {
    let mut sums = [[s.splat(0.0); N]; 2];
    for (j, ((_, at), p)) in rows.clone().zip(weights).enumerate() {
        let (v, p) = (&v[at..][..N * S::LANES], s.splat(*p));
        for i in 0..N {
            sums[j % 2][i] = s.fma(p, s.load(&v[i * S::LANES..]), sums[j % 2][i]);
        }
    }
    for i in 0..N {
        s.store(s.add(sums[0][i], sums[1][i]), &mut out[i * S::LANES..]);
    }
}
