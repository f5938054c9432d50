//! The operators in double precision, as plainly as they can be written, and data to feed them.
use half::{bf16, f16};
use xdna_ops::{DType, Matrix};

/// Every dtype.
pub const DTYPES: [DType; 9] = [
    DType::F32,
    DType::F16,
    DType::BF16,
    DType::Q4_0,
    DType::Q4_1,
    DType::Q5_0,
    DType::Q5_1,
    DType::Q8_0,
    DType::I8,
];

/// Reproducible numbers.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(1))
    }

    fn next(&mut self) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as u32
    }

    pub fn byte(&mut self) -> u8 {
        (self.next() >> 7) as u8
    }

    /// In [-1, 1).
    pub fn one(&mut self) -> f32 {
        self.next() as f32 / (1_u32 << 30) as f32 - 1.0
    }

    pub fn many(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.one()).collect()
    }
}

/// A weight of random bytes, and the values that ggml's definitions (CTranslate2's for int8) give them.
pub fn weight(dtype: DType, rows: usize, cols: usize, numbers: &mut Numbers) -> (Matrix, Vec<f64>) {
    let (mut bytes, mut values) = (Vec::new(), Vec::new());
    let half = |n: &mut Numbers, bytes: &mut Vec<u8>| {
        let v = f16::from_f32(n.one() / 16.0);
        bytes.extend(v.to_le_bytes());
        f64::from(v.to_f32())
    };
    match dtype {
        DType::F32 => {
            for _ in 0..rows * cols {
                let v = numbers.one();
                bytes.extend(v.to_le_bytes());
                values.push(f64::from(v));
            }
        }
        DType::F16 => {
            for _ in 0..rows * cols {
                values.push(half(numbers, &mut bytes));
            }
        }
        DType::BF16 => {
            for _ in 0..rows * cols {
                let v = bf16::from_f32(numbers.one());
                bytes.extend(v.to_le_bytes());
                values.push(f64::from(v.to_f32()));
            }
        }
        DType::I8 => {
            let scales: Vec<f32> = (0..rows).map(|_| numbers.one() / 100.0).collect();
            for scale in &scales {
                for _ in 0..cols {
                    let b = numbers.byte();
                    bytes.push(b);
                    values.push(f64::from(b.cast_signed()) * f64::from(*scale));
                }
            }
            let matrix = Matrix::int8(rows, cols, bytes.into(), scales).expect("a matrix");
            return (matrix, values);
        }
        DType::Q8_0 => {
            for _ in 0..rows * cols / 32 {
                let d = half(numbers, &mut bytes);
                for _ in 0..32 {
                    let q = numbers.byte();
                    bytes.push(q);
                    values.push(d * f64::from(q.cast_signed()));
                }
            }
        }
        _ => {
            let minimum = matches!(dtype, DType::Q4_1 | DType::Q5_1);
            let five = matches!(dtype, DType::Q5_0 | DType::Q5_1);
            for _ in 0..rows * cols / 32 {
                let d = half(numbers, &mut bytes);
                let m = if minimum { half(numbers, &mut bytes) } else { 0.0 };
                let high: [u8; 4] = std::array::from_fn(|_| if five { numbers.byte() } else { 0 });
                if five {
                    bytes.extend(high);
                }
                let low: [u8; 16] = std::array::from_fn(|_| numbers.byte());
                bytes.extend(low);
                for i in 0..32 {
                    let nibble = if i < 16 { low[i] & 15 } else { low[i - 16] >> 4 };
                    let bit = (high[i / 8] >> (i % 8)) & 1;
                    let q = f64::from(nibble + 16 * bit);
                    values.push(match (minimum, five) {
                        (true, _) => d * q + m,
                        (false, true) => d * (q - 16.0),
                        (false, false) => d * (q - 8.0),
                    });
                }
            }
        }
    }
    (
        Matrix::new(dtype, rows, cols, bytes.into()).expect("a matrix"),
        values,
    )
}

/// erf by its series below 3, by the continued fraction of erfc above.
fn erf(x: f64) -> f64 {
    let z = x.abs();
    let y = if z < 3.0 {
        let (mut term, mut sum, mut n) = (z, z, 0.0);
        while term.abs() > 1e-18 {
            n += 1.0;
            term *= -z * z / n;
            sum += term / (2.0 * n + 1.0);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    } else {
        let fraction = (1..60).rev().fold(z, |f, n| z + f64::from(n) / 2.0 / f);
        1.0 - (-z * z).exp() / fraction / std::f64::consts::PI.sqrt()
    };
    y.copysign(x)
}

pub fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2))
}

/// Scaled scores of one head's query over some keys, and the weighted sum of their values.
pub fn head(q: &[f32], keys: &[&[f32]], values: &[&[f32]]) -> (Vec<f64>, Vec<f64>) {
    let product = |k: &[f32]| {
        q.iter()
            .zip(k)
            .map(|(q, k)| f64::from(*q) * f64::from(*k))
            .sum::<f64>()
    };
    let scale = (q.len() as f64).sqrt();
    let scores: Vec<f64> = keys.iter().map(|k| product(k) / scale).collect();
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = scores.iter().map(|s| (s - largest).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let mut out = vec![0.0; q.len()];
    for (w, v) in weights.iter().zip(values) {
        out.iter_mut()
            .zip(*v)
            .for_each(|(o, v)| *o += w / sum * f64::from(*v));
    }
    (scores, out)
}

/// Asserts that every value is within `tolerance`.
pub fn near(what: &str, found: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}: lengths");
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        let off = (f64::from(*f) - e).abs();
        assert!(
            off <= tolerance,
            "{what}: value {i} is {f}, not {e}: off by {off:e}, allowed {tolerance:e}"
        );
    }
}
