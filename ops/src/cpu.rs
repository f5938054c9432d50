//! The CPU: portable implementation.
use crate::{Attention, Backend, DecodeAttention, Epilogue, Error, Matrix, Rows};

/// Operators on the CPU, on a thread pool of their own.
#[derive(Debug)]
pub struct Cpu {
    pool: rayon::ThreadPool,
}

impl Cpu {
    /// A pool of `threads` threads (0: one a core).
    ///
    /// # Errors
    /// [`Error::Threads`] where the system refuses the threads.
    pub fn new(threads: usize) -> Result<Self, Error> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("xdna-cpu-{i}"));
        pool.build()
            .map(|pool| Self { pool })
            .map_err(|e| Error::Threads {
                threads,
                reason: e.to_string(),
            })
    }

    /// Threads in the pool.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Numerator and denominator, in powers of x^2, of erf(x / sqrt 2) / x on |x| <= 5.3: a minimax fit, error 1.2e-8.
const ERF_P: [f32; 6] = [
    0.797_884_2,
    0.067_793_51,
    0.009_375_45,
    0.000_340_734_12,
    1.293_635_8e-5,
    4.677_472e-8,
];
const ERF_Q: [f32; 6] = [
    1.0,
    0.251_631_4,
    0.028_691_58,
    0.001_892_487,
    7.469_943e-5,
    1.224_647_2e-6,
];

/// GELU, exact form: x times the normal distribution function of x.
fn gelu(x: f32) -> f32 {
    let poly = |c: &[f32; 6], u: f32| c.iter().rev().fold(0.0, |p, c| p * u + c);
    let c = x.clamp(-5.3, 5.3);
    let erf = c * poly(&ERF_P, c * c) / poly(&ERF_Q, c * c);
    0.5 * x * (1.0 + erf.clamp(-1.0, 1.0))
}

fn softmax(row: &mut [f32]) {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for v in row.iter_mut() {
        *v = (*v - max).exp();
        sum += *v;
    }
    row.iter_mut().for_each(|v| *v /= sum);
}

fn one_query<'a>(q: &[f32], keys: impl Iterator<Item = &'a [f32]>, scores: &mut Vec<f32>) {
    let scale = 1.0 / (q.len() as f32).sqrt();
    scores.clear();
    scores.extend(keys.map(|k| dot(q, k) * scale));
}

impl Backend for Cpu {
    fn name(&self) -> String {
        format!("cpu ({} threads)", self.threads())
    }

    fn linear(&self, x: Rows<'_>, w: &Matrix, bias: Option<&[f32]>, epilogue: Epilogue, out: &mut [f32]) {
        let n = w.rows();
        let mut row = vec![0.0; w.cols()];
        for j in 0..n {
            w.row_into(j, &mut row);
            for i in 0..x.rows {
                let y = dot(x.row(i), &row) + bias.map_or(0.0, |b| b[j]);
                let o = &mut out[i * n + j];
                match epilogue {
                    Epilogue::Store => *o = y,
                    Epilogue::Gelu => *o = gelu(y),
                    Epilogue::Add => *o += y,
                }
            }
        }
    }

    fn layer_norm(&self, x: Rows<'_>, gain: &[f32], bias: &[f32], out: &mut [f32]) {
        for (i, out) in out.chunks_exact_mut(x.cols).enumerate() {
            let row = x.row(i);
            let n = row.len() as f32;
            let mean = row.iter().sum::<f32>() / n;
            let var = row.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / n;
            let inv = 1.0 / (var + 1e-5).sqrt();
            for (j, o) in out.iter_mut().enumerate() {
                *o = (row[j] - mean) * inv * gain[j] + bias[j];
            }
        }
    }

    fn attention(&self, a: Attention<'_>, out: &mut [f32]) {
        self.cross_attention(a, None, out);
    }

    fn decode_attention(&self, a: DecodeAttention<'_>, out: &mut [f32]) {
        let (d, mut scores) = (a.q.cols, Vec::new());
        let size = d / a.heads;
        for (i, out) in out.chunks_exact_mut(d).enumerate() {
            for (h, out) in out.chunks_exact_mut(size).enumerate() {
                let at = |m: &'_ [f32], r: u32| {
                    r as usize * d + h * size..r as usize * d + h * size + m.len().min(size)
                };
                one_query(
                    &a.q.row(i)[h * size..][..size],
                    a.seen[i].iter().map(|&r| &a.k[at(a.k, r)]),
                    &mut scores,
                );
                softmax(&mut scores);
                out.fill(0.0);
                for (&r, p) in a.seen[i].iter().zip(&scores) {
                    out.iter_mut()
                        .zip(&a.v[at(a.v, r)])
                        .for_each(|(o, v)| *o += p * v);
                }
            }
        }
    }

    fn cross_attention(&self, a: Attention<'_>, mut keep: Option<&mut [f32]>, out: &mut [f32]) {
        let (d, m, mut scores) = (a.q.cols, a.k.rows, Vec::new());
        let size = d / a.heads;
        for (i, out) in out.chunks_exact_mut(d).enumerate() {
            for (h, out) in out.chunks_exact_mut(size).enumerate() {
                let part = h * size..(h + 1) * size;
                one_query(
                    &a.q.row(i)[part.clone()],
                    (0..m).map(|j| &a.k.row(j)[part.clone()]),
                    &mut scores,
                );
                if let Some(keep) = keep.as_deref_mut() {
                    keep[(h * a.q.rows + i) * m..][..m].copy_from_slice(&scores);
                }
                softmax(&mut scores);
                out.fill(0.0);
                for (j, p) in scores.iter().enumerate() {
                    out.iter_mut()
                        .zip(&a.v.row(j)[part.clone()])
                        .for_each(|(o, v)| *o += p * v);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::gelu;

    #[test]
    fn gelu_is_the_form_with_erf() {
        // 0.5 x (1 + erf(x / sqrt 2)) in double precision
        let known = [
            (-8.0, -4.885e-15),
            (-3.0, -0.004_049_694),
            (-1.0, -0.158_655_26),
            (-0.1, -0.046_017_216),
            (0.0, 0.0),
            (0.5, 0.345_731_23),
            (1.0, 0.841_344_8),
            (2.0, 1.954_499_7),
            (4.2, 4.199_944),
            (20.0, 20.0),
        ];
        for (x, y) in known {
            assert!((gelu(x) - y).abs() < 1e-6, "gelu({x}) = {}, not {y}", gelu(x));
        }
    }
}
