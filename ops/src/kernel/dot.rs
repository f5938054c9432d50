use std::ops::Range;

use crate::{
    Matrix, Rows,
    arch::{Kernel, Simd},
    kernel::{
        math::gelu,
        product::Finish,
        stored::{Stored, last, widen, with_stored},
    },
};

/// A few rows of x times weight rows as they are stored.
///
/// Every output is summed in the same order, whatever the number of rows of x.
pub(crate) struct Few<'a, 'o> {
    /// One to eight rows.
    pub(crate) x: Rows<'a>,
    pub(crate) w: &'a Matrix,
    /// Weight rows.
    pub(crate) cols: Range<usize>,
    pub(crate) finish: Finish<'a>,
    /// For each row of x, its outputs `cols`.
    pub(crate) out: &'a mut [&'o mut [f32]],
    /// [`GROUP`] times `x.cols` values to work with.
    pub(crate) scratch: &'a mut [f32],
}

impl Kernel for Few<'_, '_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let n = self.cols.len();
        let mut job = Job {
            x: self.x,
            w: self.w,
            row_bytes: self.w.bytes().len() / self.w.rows(),
            first: self.cols.start,
            finish: self.finish,
            out: self.out,
        };
        if self.x.rows == 1 {
            with_stored!(self.w.dtype(), D => job.one::<S, D>(s, n));
        } else {
            for j in (0..n).step_by(GROUP) {
                let wide = &mut self.scratch[..GROUP * self.x.cols];
                let rows = GROUP.min(n - j);
                with_stored!(self.w.dtype(), D => job.widen::<S, D>(s, j..j + rows, wide));
                match self.x.rows {
                    2 => job.some::<S, 4, 2>(s, j, rows, wide),
                    3 => job.some::<S, 2, 3>(s, j, rows, wide),
                    4 => job.some::<S, 2, 4>(s, j, rows, wide),
                    5 => job.some::<S, 1, 5>(s, j, rows, wide),
                    6 => job.some::<S, 1, 6>(s, j, rows, wide),
                    7 => job.some::<S, 1, 7>(s, j, rows, wide),
                    _ => job.some::<S, 1, 8>(s, j, rows, wide),
                }
            }
        }
        if self.finish.gelu {
            for out in job.out.iter_mut() {
                activate(s, out);
            }
        }
    }
}

/// Weight rows that are widened at a time.
pub(crate) const GROUP: usize = 4;

#[inline(always)]
fn activate<S: Simd>(s: S, out: &mut [f32]) {
    let mut whole = out.chunks_exact_mut(S::LANES);
    for v in &mut whole {
        s.store(gelu(s, s.load(v)), v);
    }
    let rest = whole.into_remainder();
    let mut padded = [0.0; 16];
    padded[..rest.len()].copy_from_slice(rest);
    s.store(gelu(s, s.load(&padded)), &mut padded);
    rest.copy_from_slice(&padded[..rest.len()]);
}

struct Job<'a, 'o, 's> {
    x: Rows<'a>,
    w: &'a Matrix,
    row_bytes: usize,
    first: usize,
    finish: Finish<'a>,
    out: &'s mut [&'o mut [f32]],
}

impl<'a> Job<'a, '_, '_> {
    #[inline(always)]
    fn bytes(&self, j: usize) -> &'a [u8] {
        &self.w.bytes()[(self.first + j) * self.row_bytes..][..self.row_bytes]
    }

    /// Ends output `j` of row `i` but for the activation.
    #[inline(always)]
    fn put(&mut self, i: usize, j: usize, sum: f32) {
        let col = self.first + j;
        let mut y = self.w.scales().get(col).map_or(sum, |scale| sum * scale);
        if let Some(bias) = self.finish.bias {
            y += bias[col];
        }
        let out = &mut self.out[i][j];
        *out = if self.finish.add { *out + y } else { y };
    }

    /// One row of x: weights go from memory to registers.
    #[inline(always)]
    fn one<S: Simd, D: Stored>(&mut self, s: S, n: usize) {
        let x = self.x.row(0);
        let mut j = 0;
        while j + 4 <= n {
            let rows = [
                self.bytes(j),
                self.bytes(j + 1),
                self.bytes(j + 2),
                self.bytes(j + 3),
            ];
            let sums = stored::<S, D, 4>(s, rows, x);
            for (r, sum) in sums.into_iter().enumerate() {
                self.put(0, j + r, sum);
            }
            j += 4;
        }
        for j in j..n {
            let [sum] = stored::<S, D, 1>(s, [self.bytes(j)], x);
            self.put(0, j, sum);
        }
    }

    /// Widens some weight rows.
    #[inline(always)]
    fn widen<S: Simd, D: Stored>(&self, s: S, rows: Range<usize>, wide: &mut [f32]) {
        for (j, wide) in rows.zip(wide.chunks_exact_mut(self.x.cols)) {
            widen::<S, D>(s, self.bytes(j), wide);
        }
    }

    /// `M` rows of x times `rows` widened weight rows from `j` on, `R` at a time.
    #[inline(always)]
    fn some<S: Simd, const R: usize, const M: usize>(&mut self, s: S, j: usize, rows: usize, wide: &[f32]) {
        let mut x = [self.x.row(0); M];
        for (i, x) in x.iter_mut().enumerate() {
            *x = self.x.row(i);
        }
        for (g, wide) in wide.chunks_exact(R * self.x.cols).enumerate() {
            let sums = widened::<S, R, M>(s, wide, x);
            for (r, sums) in sums.into_iter().enumerate().take(rows.saturating_sub(g * R)) {
                for (i, sum) in sums.into_iter().enumerate() {
                    self.put(i, j + g * R + r, sum);
                }
            }
        }
    }
}

/// Sums of weight rows times x.
#[inline(always)]
fn stored<S: Simd, D: Stored, const R: usize>(s: S, rows: [&[u8]; R], x: &[f32]) -> [f32; R] {
    let mut sums = [[s.splat(0.0); 2]; R];
    let (blocks, rest) = x.as_chunks::<32>();
    let mut wide = [0.0; 32];
    for (b, x) in blocks.iter().enumerate() {
        for r in 0..R {
            D::widen(s, &rows[r][b * D::BYTES..(b + 1) * D::BYTES], &mut wide);
            step(s, &wide, x, &mut sums[r]);
        }
    }
    if !rest.is_empty() {
        let mut x = [0.0; 32];
        x[..rest.len()].copy_from_slice(rest);
        for r in 0..R {
            let wide = last::<S, D>(s, &rows[r][blocks.len() * D::BYTES..], rest.len());
            step(s, &wide, &x, &mut sums[r]);
        }
    }
    let mut out = [0.0; R];
    for r in 0..R {
        out[r] = s.sum(s.add(sums[r][0], sums[r][1]));
    }
    out
}

/// Sums of `R` widened rows times each x.
#[inline(always)]
fn widened<S: Simd, const R: usize, const M: usize>(s: S, w: &[f32], x: [&[f32]; M]) -> [[f32; M]; R] {
    let mut sums = [[[s.splat(0.0); 2]; M]; R];
    let k = w.len() / R;
    let whole = k - k % 32;
    for at in (0..whole).step_by(32) {
        for h in 0..32 / S::LANES {
            let mut v = [s.splat(0.0); M];
            for i in 0..M {
                v[i] = s.load(&x[i][at + h * S::LANES..]);
            }
            for r in 0..R {
                let w = s.load(&w[r * k + at + h * S::LANES..]);
                for i in 0..M {
                    sums[r][i][h % 2] = s.fma(w, v[i], sums[r][i][h % 2]);
                }
            }
        }
    }
    if whole < k {
        for r in 0..R {
            let mut wide = [0.0; 32];
            wide[..k - whole].copy_from_slice(&w[r * k + whole..][..k - whole]);
            for i in 0..M {
                let mut rest = [0.0; 32];
                rest[..k - whole].copy_from_slice(&x[i][whole..]);
                step(s, &wide, &rest, &mut sums[r][i]);
            }
        }
    }
    let mut out = [[0.0; M]; R];
    for r in 0..R {
        for i in 0..M {
            out[r][i] = s.sum(s.add(sums[r][i][0], sums[r][i][1]));
        }
    }
    out
}

#[inline(always)]
fn step<S: Simd>(s: S, w: &[f32; 32], x: &[f32; 32], sums: &mut [S::V; 2]) {
    for h in 0..32 / S::LANES {
        let (w, x) = (s.load(&w[h * S::LANES..]), s.load(&x[h * S::LANES..]));
        sums[h % 2] = s.fma(w, x, sums[h % 2]);
    }
}
