use std::ops::Range;

use crate::{
    Matrix, Rows,
    arch::{Kernel, Simd},
    kernel::{
        math::gelu,
        product::Finish,
        stored::{Stored, last, with_stored},
    },
};

/// A few rows of x times weight rows as they are stored.
///
/// Every output is summed in the same order, whatever the number of rows of x.
pub(crate) struct Few<'a, 'o> {
    /// One row or more; made for at most a few dozen.
    pub(crate) x: Rows<'a>,
    pub(crate) w: &'a Matrix,
    /// Weight rows.
    pub(crate) cols: Range<usize>,
    pub(crate) finish: Finish<'a>,
    /// For each row of x, its outputs `cols`.
    pub(crate) out: &'a mut [&'o mut [f32]],
    /// [`Few::scratch`] values to work with.
    pub(crate) scratch: &'a mut [f32],
}

/// Two rows or more in parts of two to six, which are multiplied together.
fn parts(rows: usize) -> impl Iterator<Item = Range<usize>> {
    let mut next = 0;
    std::iter::from_fn(move || {
        let first = next;
        next += match rows - first {
            few @ 0..=6 => few,
            7 | 8 => 4,
            _ => 6,
        };
        (next > first).then_some(first..next)
    })
}

impl Few<'_, '_> {
    /// Values that `rows` rows of `cols` columns work with.
    pub(crate) fn scratch(rows: usize, cols: usize) -> usize {
        (rows + 4) * cols.next_multiple_of(32)
    }
}

impl Kernel for Few<'_, '_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let n = self.cols.len();
        let mut job = Job {
            x: self.x,
            scales: self.w.scales(),
            bytes: self.w.bytes(),
            row_bytes: self.w.bytes().len() / self.w.rows(),
            first: self.cols.start,
            finish: self.finish,
            out: self.out,
        };
        let dtype = self.w.dtype();
        let (scratch, _) = self.scratch.as_chunks_mut::<32>();
        if self.x.rows == 1 {
            with_stored!(dtype, D => job.one::<S, D>(s, n));
        } else {
            let blocks = self.x.cols.div_ceil(32);
            let group = if self.x.rows <= 3 { 4 } else { 2 };
            let (wide, x) = scratch.split_at_mut(group * blocks);
            for part in parts(self.x.rows) {
                let to = &mut x[part.start * blocks..part.end * blocks];
                interleave(self.x, part, to);
            }
            for j in (0..n).step_by(group) {
                let rows = group.min(n - j);
                with_stored!(dtype, D => job.widen::<S, D>(s, j..j + rows, group, wide));
                for part in parts(self.x.rows) {
                    let x = &x[part.start * blocks..part.end * blocks];
                    let first = part.start;
                    match (group, part.len()) {
                        (4, 2) => job.some::<S, 4, 2>(s, first, j, rows, wide, x),
                        (4, _) => job.some::<S, 4, 3>(s, first, j, rows, wide, x),
                        (_, 3) => job.some::<S, 2, 3>(s, first, j, rows, wide, x),
                        (_, 4) => job.some::<S, 2, 4>(s, first, j, rows, wide, x),
                        (_, 5) => job.some::<S, 2, 5>(s, first, j, rows, wide, x),
                        _ => job.some::<S, 2, 6>(s, first, j, rows, wide, x),
                    }
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

/// Blocks of 32 values, each of all rows before the next; zeros after the last column.
fn interleave(x: Rows<'_>, rows: Range<usize>, to: &mut [[f32; 32]]) {
    let m = rows.len();
    for (r, i) in rows.enumerate() {
        let (blocks, rest) = x.row(i).as_chunks::<32>();
        for (b, from) in blocks.iter().enumerate() {
            to[b * m + r] = *from;
        }
        if !rest.is_empty() {
            let to = &mut to[blocks.len() * m + r];
            to.fill(0.0);
            to[..rest.len()].copy_from_slice(rest);
        }
    }
}

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
    scales: &'a [f32],
    bytes: &'a [u8],
    row_bytes: usize,
    first: usize,
    finish: Finish<'a>,
    out: &'s mut [&'o mut [f32]],
}

impl<'a> Job<'a, '_, '_> {
    #[inline(always)]
    fn bytes(&self, j: usize) -> &'a [u8] {
        &self.bytes[(self.first + j) * self.row_bytes..][..self.row_bytes]
    }

    /// Ends output `j` of row `i` but for the activation.
    #[inline(always)]
    fn put(&mut self, i: usize, j: usize, sum: f32) {
        let col = self.first + j;
        let mut y = self.scales.get(col).map_or(sum, |scale| sum * scale);
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
            let sums = four::<S, D>(
                s,
                [
                    self.bytes(j),
                    self.bytes(j + 1),
                    self.bytes(j + 2),
                    self.bytes(j + 3),
                ],
                x,
            );
            for (r, sum) in sums.into_iter().enumerate() {
                self.put(0, j + r, sum);
            }
            j += 4;
        }
        for j in j..n {
            let row = self.bytes(j);
            let [sum, ..] = four::<S, D>(s, [row; 4], x);
            self.put(0, j, sum);
        }
    }

    /// Widens some weight rows: blocks of 32 values, each of `group` rows before the next.
    #[inline(always)]
    fn widen<S: Simd, D: Stored>(&self, s: S, rows: Range<usize>, group: usize, wide: &mut [[f32; 32]]) {
        let whole = self.x.cols / 32;
        for (r, j) in rows.enumerate() {
            let bytes = self.bytes(j);
            let to = wide.chunks_exact_mut(group);
            for (bytes, to) in bytes.chunks_exact(D::BYTES).zip(to).take(whole) {
                D::widen(s, bytes, &mut to[r]);
            }
            if whole * 32 < self.x.cols {
                wide[whole * group + r] = last::<S, D>(s, &bytes[whole * D::BYTES..], self.x.cols % 32);
            }
        }
    }

    /// `M` rows of x from `first` on times `rows` (of `R`) widened weight rows from `j` on.
    #[inline(always)]
    fn some<S: Simd, const R: usize, const M: usize>(
        &mut self,
        s: S,
        first: usize,
        j: usize,
        rows: usize,
        wide: &[[f32; 32]],
        x: &[[f32; 32]],
    ) {
        let mut sums = [[[s.splat(0.0); 2]; M]; R];
        for (w, x) in wide.as_chunks::<R>().0.iter().zip(x.as_chunks::<M>().0) {
            for h in 0..32 / S::LANES {
                let mut v = [s.splat(0.0); R];
                for r in 0..R {
                    v[r] = s.load(&w[r][h * S::LANES..]);
                }
                for i in 0..M {
                    let x = s.load(&x[i][h * S::LANES..]);
                    for r in 0..R {
                        sums[r][i][h % 2] = s.fma(v[r], x, sums[r][i][h % 2]);
                    }
                }
            }
        }
        // at most 12 sums: four at a time
        let mut halves = [s.splat(0.0); 12];
        for r in 0..R {
            for i in 0..M {
                halves[r * M + i] = s.add(sums[r][i][0], sums[r][i][1]);
            }
        }
        for at in (0..R * M).step_by(4) {
            let four = s.sums([halves[at], halves[at + 1], halves[at + 2], halves[at + 3]]);
            for (sum, at) in four.into_iter().zip(at..(rows * M).min(at + 4)) {
                self.put(first + at % M, j + at / M, sum);
            }
        }
    }
}

/// Sums of four weight rows times x.
#[inline(always)]
fn four<S: Simd, D: Stored>(s: S, rows: [&[u8]; 4], x: &[f32]) -> [f32; 4] {
    let mut sums = [[s.splat(0.0); 2]; 4];
    let (blocks, rest) = x.as_chunks::<32>();
    let [a, b, c, d] = rows.map(|row| row.chunks_exact(D::BYTES));
    for ((((a, b), c), d), x) in a.zip(b).zip(c).zip(d).zip(blocks) {
        step::<S, D>(s, a, x, &mut sums[0]);
        step::<S, D>(s, b, x, &mut sums[1]);
        step::<S, D>(s, c, x, &mut sums[2]);
        step::<S, D>(s, d, x, &mut sums[3]);
    }
    if !rest.is_empty() {
        let mut x = [0.0; 32];
        x[..rest.len()].copy_from_slice(rest);
        for r in 0..4 {
            let wide = last::<S, D>(s, &rows[r][blocks.len() * D::BYTES..], rest.len());
            accumulate(s, &wide, &x, &mut sums[r]);
        }
    }
    let mut halves = [s.splat(0.0); 4];
    for r in 0..4 {
        halves[r] = s.add(sums[r][0], sums[r][1]);
    }
    s.sums(halves)
}

#[inline(always)]
fn step<S: Simd, D: Stored>(s: S, w: &[u8], x: &[f32; 32], sums: &mut [S::V; 2]) {
    let mut wide = [0.0; 32];
    D::widen(s, w, &mut wide);
    accumulate(s, &wide, x, sums);
}

#[inline(always)]
fn accumulate<S: Simd>(s: S, w: &[f32; 32], x: &[f32; 32], sums: &mut [S::V; 2]) {
    for h in 0..32 / S::LANES {
        let (w, x) = (s.load(&w[h * S::LANES..]), s.load(&x[h * S::LANES..]));
        sums[h % 2] = s.fma(w, x, sums[h % 2]);
    }
}
