use crate::{
    arch::{Kernel, Simd},
    kernel::math::softmax,
};

/// Attention of a few queries of one head over keys and values where they lie.
pub(crate) struct Recall<'a, F> {
    /// The head's part of each query.
    pub(crate) q: &'a [&'a [f32]],
    pub(crate) k: &'a [f32],
    pub(crate) v: &'a [f32],
    /// Number of keys.
    pub(crate) keys: usize,
    /// Where the head's part of a key starts in `k`, and that of its value in `v`.
    pub(crate) at: F,
    /// Where given, takes the scaled scores: `[queries, keys]`.
    pub(crate) keep: Option<&'a mut [f32]>,
    /// `[queries, size of the head]`
    pub(crate) out: &'a mut [f32],
    /// For each query one value a key, rounded up to 16, to work with.
    pub(crate) scratch: &'a mut [f32],
}

impl<F: Fn(usize) -> (usize, usize)> Kernel for Recall<'_, F> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let mut first = 0;
        while first < self.q.len() {
            first += match self.q.len() - first {
                1 => self.group::<S, 1>(s, first),
                2 => self.group::<S, 2>(s, first),
                3 | 6 => self.group::<S, 3>(s, first),
                5 => self.group::<S, 5>(s, first),
                _ => self.group::<S, 4>(s, first),
            };
        }
    }
}

impl<F: Fn(usize) -> (usize, usize)> Recall<'_, F> {
    /// `G` queries from `first` on share what is read; returns `G`.
    #[inline(always)]
    fn group<S: Simd, const G: usize>(&mut self, s: S, first: usize) -> usize {
        let (keys, size) = (self.keys, self.q[first].len());
        let whole = size - size % S::LANES;
        let row = keys.next_multiple_of(S::LANES);
        let mut q = [self.q[first]; G];
        q.copy_from_slice(&self.q[first..first + G]);
        let scores = &mut self.scratch[..G * row];

        let scale = 1.0 / (size as f32).sqrt();
        for j in (0..keys).step_by(4) {
            let mut k = [&self.k[..0]; 4];
            for (i, k) in k.iter_mut().enumerate() {
                *k = &self.k[(self.at)((j + i).min(keys - 1)).0..][..size];
            }
            let sums = products::<S, G>(s, q, k, whole);
            for g in 0..G {
                let n = 4.min(keys - j);
                for (score, sum) in scores[g * row + j..][..n].iter_mut().zip(sums[g]) {
                    *score = sum * scale;
                }
            }
        }
        for (g, scores) in scores.chunks_exact_mut(row).enumerate() {
            if let Some(keep) = &mut self.keep {
                keep[(first + g) * keys..][..keys].copy_from_slice(&scores[..keys]);
            }
            scores[keys..].fill(f32::NEG_INFINITY);
            softmax(s, scores);
        }

        let out = &mut self.out[first * size..][..G * size];
        let mut i = 0;
        while i + 4 * S::LANES <= whole {
            mix::<S, F, 4, G>(s, &self.at, keys, &self.v[i..], scores, &mut out[i..], size);
            i += 4 * S::LANES;
        }
        while i < whole {
            mix::<S, F, 1, G>(s, &self.at, keys, &self.v[i..], scores, &mut out[i..], size);
            i += S::LANES;
        }
        for i in whole..size {
            for g in 0..G {
                let weights = scores[g * row..][..keys].iter().enumerate();
                out[g * size + i] = weights.map(|(j, p)| p * self.v[(self.at)(j).1 + i]).sum();
            }
        }
        G
    }
}

/// Products of `G` queries with four keys, each `whole` values and what follows.
#[inline(always)]
fn products<S: Simd, const G: usize>(s: S, q: [&[f32]; G], k: [&[f32]; 4], whole: usize) -> [[f32; 4]; G] {
    let mut sums = [[s.splat(0.0); 4]; G];
    for i in (0..whole).step_by(S::LANES) {
        let mut keys = [s.splat(0.0); 4];
        for r in 0..4 {
            keys[r] = s.load(&k[r][i..]);
        }
        for g in 0..G {
            let q = s.load(&q[g][i..]);
            for r in 0..4 {
                sums[g][r] = s.fma(q, keys[r], sums[g][r]);
            }
        }
    }
    let mut out = [[0.0; 4]; G];
    for g in 0..G {
        out[g] = s.sums(sums[g]);
        for r in 0..4 {
            for (q, k) in q[g][whole..].iter().zip(&k[r][whole..]) {
                out[g][r] += q * k;
            }
        }
    }
    out
}

/// Weighted sums of `N` vectors of all values for `G` queries; rows of `out` are `size` apart.
#[inline(always)]
fn mix<S: Simd, F: Fn(usize) -> (usize, usize), const N: usize, const G: usize>(
    s: S,
    at: &F,
    keys: usize,
    v: &[f32],
    weights: &[f32],
    out: &mut [f32],
    size: usize,
) {
    let row = weights.len() / G;
    let mut sums = [[s.splat(0.0); N]; G];
    for j in 0..keys {
        let v = &v[at(j).1..][..N * S::LANES];
        let mut values = [s.splat(0.0); N];
        for i in 0..N {
            values[i] = s.load(&v[i * S::LANES..]);
        }
        for g in 0..G {
            let p = s.splat(weights[g * row + j]);
            for i in 0..N {
                sums[g][i] = s.fma(p, values[i], sums[g][i]);
            }
        }
    }
    for g in 0..G {
        for i in 0..N {
            s.store(sums[g][i], &mut out[g * size + i * S::LANES..]);
        }
    }
}
