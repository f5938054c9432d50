use std::ops::Range;

use crate::{
    Epilogue, Matrix, Rows,
    arch::{Kernel, Simd},
    kernel::{
        math::gelu,
        pack::transpose,
        stored::{Stored, widen, with_stored},
    },
};

/// Widens and packs columns `depth` of up to `S::TILE_COLS` weight rows, for [`Multiply`].
pub(crate) struct PackWeights<'a> {
    pub(crate) w: &'a Matrix,
    /// First weight row.
    pub(crate) row: usize,
    /// Columns, in whole blocks of the dtype.
    pub(crate) depth: Range<usize>,
    /// `[depth, S::TILE_COLS]`; zeros where there are no more weight rows.
    pub(crate) panel: &'a mut [f32],
    /// `[S::LANES, depth]` values to work with.
    pub(crate) scratch: &'a mut [f32],
}

impl Kernel for PackWeights<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        with_stored!(self.w.dtype(), D => pack::<S, D>(s, self));
    }
}

#[inline(always)]
fn pack<S: Simd, D: Stored>(s: S, p: PackWeights<'_>) {
    let (lanes, k) = (S::LANES, p.depth.len());
    let row_bytes = p.w.bytes().len() / p.w.rows();
    let skip = p.depth.start / 32 * D::BYTES;
    for half in 0..2 {
        let first = p.row + half * lanes;
        let rows = p.w.rows().saturating_sub(first).min(lanes);
        for (r, wide) in p.scratch.chunks_exact_mut(k).take(rows).enumerate() {
            widen::<S, D>(s, &p.w.bytes()[(first + r) * row_bytes + skip..], wide);
            if let Some(&scale) = p.w.scales().get(first + r) {
                wide.iter_mut().for_each(|v| *v *= scale);
            }
        }
        transpose(
            s,
            p.scratch,
            k,
            rows,
            k,
            &mut p.panel[half * lanes..],
            S::TILE_COLS,
        );
    }
}

/// What becomes of a product: see [`Epilogue`].
#[derive(Clone, Copy)]
pub(crate) struct Finish<'a> {
    /// Added to each row.
    pub(crate) bias: Option<&'a [f32]>,
    /// Keep what is there already, and add to it.
    pub(crate) add: bool,
    /// Activate the result.
    pub(crate) gelu: bool,
}

impl<'a> Finish<'a> {
    /// For the part of the sum that is `first` (the one that is `last`) of those that `epilogue` ends.
    pub(crate) fn of(epilogue: Epilogue, bias: Option<&'a [f32]>, first: bool, last: bool) -> Self {
        Self {
            bias: bias.filter(|_| last),
            add: !first || epilogue == Epilogue::Add,
            gelu: last && epilogue == Epilogue::Gelu,
        }
    }

    #[inline(always)]
    fn apply<S: Simd>(self, s: S, sums: &[f32], bias: &[f32], out: &mut [f32]) {
        for i in (0..S::TILE_COLS).step_by(S::LANES) {
            let mut v = s.load(&sums[i..]);
            if self.bias.is_some() {
                v = s.add(v, s.load(&bias[i..]));
            }
            if self.add {
                v = s.add(v, s.load(&out[i..]));
            }
            if self.gelu {
                v = gelu(s, v);
            }
            s.store(v, &mut out[i..]);
        }
    }
}

/// Rows of x times packed weights.
pub(crate) struct Multiply<'a> {
    pub(crate) x: Rows<'a>,
    /// Rows of x, and of the output.
    pub(crate) rows: Range<usize>,
    /// Columns of x, as many as the panels are deep.
    pub(crate) depth: Range<usize>,
    /// Whole panels, as [`PackWeights`] makes them.
    pub(crate) panels: &'a [f32],
    /// Output columns that the panels stand for.
    pub(crate) cols: Range<usize>,
    pub(crate) finish: Finish<'a>,
    /// `rows` of the output, `n` values each.
    pub(crate) out: &'a mut [f32],
    pub(crate) n: usize,
    /// `rows` rounded up to whole tiles times `depth`, and 16 values, to work with.
    pub(crate) scratch: &'a mut [f32],
}

impl Kernel for Multiply<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (k, height, width) = (self.depth.len(), S::TILE_ROWS, S::TILE_COLS);
        let tiles = self.rows.len().div_ceil(height);
        for t in 0..tiles {
            let first = self.rows.start + t * height;
            let from = &self.x.data[first * self.x.stride + self.depth.start..];
            let rows = height.min(self.rows.end - first);
            transpose(
                s,
                from,
                self.x.stride,
                rows,
                k,
                &mut self.scratch[t * height * k..],
                height,
            );
        }
        let mut sums = [0.0; 16 * 32];
        for (p, panel) in self.panels.chunks_exact(k * width).enumerate() {
            let first = self.cols.start + p * width;
            let cols = first..self.cols.end.min(first + width);
            let mut bias = [0.0; 32];
            if let Some(given) = self.finish.bias {
                bias[..cols.len()].copy_from_slice(&given[cols.clone()]);
            }
            for t in 0..tiles {
                s.tile(
                    &self.scratch[t * height * k..][..height * k],
                    panel,
                    &mut sums,
                    false,
                );
                let rows = height.min(self.rows.len() - t * height);
                for (r, sums) in sums.chunks_exact(width).take(rows).enumerate() {
                    let out = &mut self.out[(t * height + r) * self.n..][cols.clone()];
                    if cols.len() == width {
                        self.finish.apply(s, sums, &bias, out);
                    } else {
                        let mut padded = [0.0; 32];
                        padded[..cols.len()].copy_from_slice(out);
                        self.finish.apply(s, sums, &bias, &mut padded);
                        out.copy_from_slice(&padded[..cols.len()]);
                    }
                }
            }
        }
    }
}
