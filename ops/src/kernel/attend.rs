use crate::{
    Rows,
    arch::{Kernel, Simd, Tiles},
    kernel::{math::exp, pack::transpose},
};

/// Keys whose weights are exponentiated and used while they are in the first cache.
const CHUNK: usize = 96;

/// Packs `S::TILE_ROWS` keys of one head for [`Attend`].
pub(crate) struct PackKeys<'a> {
    pub(crate) k: Rows<'a>,
    /// First key.
    pub(crate) first: usize,
    /// First column of the head.
    pub(crate) col: usize,
    /// Columns of the head.
    pub(crate) size: usize,
    /// `[size, S::TILE_ROWS]` and [`SLACK`] values; zeros where there are no more keys.
    pub(crate) panel: &'a mut [f32],
}

/// Values that packing writes past the end of a panel.
pub(crate) const SLACK: usize = 16;

impl Kernel for PackKeys<'_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let rows = S::TILE_ROWS.min(self.k.rows - self.first);
        let from = &self.k.data[self.first * self.k.stride + self.col..];
        transpose(s, from, self.k.stride, rows, self.size, self.panel, S::TILE_ROWS);
    }
}

/// Packs `width` columns of all values for [`Attend`]: `[keys, width]`, zeros past column `end`.
pub(crate) fn pack_values(v: Rows<'_>, col: usize, end: usize, width: usize, panel: &mut [f32]) {
    for (j, to) in panel.chunks_exact_mut(width).enumerate() {
        let from = &v.row(j)[col..end.min(col + width)];
        let (to, rest) = to.split_at_mut(from.len());
        to.copy_from_slice(from);
        rest.fill(0.0);
    }
}

/// Attention of up to `S::TILE_COLS` queries, all heads. Queries are lanes: each has its own column of scores.
pub(crate) struct Attend<'a, 's> {
    pub(crate) q: Rows<'a>,
    /// First query.
    pub(crate) first: usize,
    pub(crate) heads: usize,
    /// Number of keys.
    pub(crate) keys: usize,
    /// Panels of [`PackKeys`], head by head.
    pub(crate) packed_keys: &'a [f32],
    /// Panels of [`pack_values`] of `S::SHORT_ROWS` columns, head by head.
    pub(crate) packed_values: &'a [f32],
    /// Where given, takes for each head the scaled scores `[queries, keys]`.
    pub(crate) scores: Option<&'a mut [&'s mut [f32]]>,
    /// `[queries, d]`
    pub(crate) out: &'a mut [f32],
    /// [`Attend::scratch`] values to work with.
    pub(crate) scratch: &'a mut [f32],
}

impl Attend<'_, '_> {
    /// Values that a block of queries works with; `tiles` are those of the instruction set.
    pub(crate) fn scratch(size: usize, keys: usize, tiles: Tiles) -> usize {
        (2 * size.next_multiple_of(16) + keys.next_multiple_of(tiles.rows)) * tiles.cols
    }
}

impl Kernel for Attend<'_, '_> {
    type Out = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let (d, width) = (self.q.cols, S::TILE_COLS);
        let size = d / self.heads;
        let queries = self.out.len() / d;
        let scale = s.splat(1.0 / (size as f32).sqrt());
        let padded = size.next_multiple_of(16) * width;
        let (q, rest) = self.scratch.split_at_mut(padded);
        let (o, scores) = rest.split_at_mut(padded);
        let key_panel = size * S::TILE_ROWS + SLACK;
        let key_panels = self.keys.div_ceil(S::TILE_ROWS) * key_panel;
        let value_panel = self.keys * S::SHORT_ROWS;
        let value_panels = size.div_ceil(S::SHORT_ROWS) * value_panel;
        for h in 0..self.heads {
            for half in 0..2 {
                let first = self.first + half * S::LANES;
                let rows = (self.first + queries).saturating_sub(first).min(S::LANES);
                let from = self.q.data.get(first * self.q.stride + h * size..).unwrap_or(&[]);
                transpose(
                    s,
                    from,
                    self.q.stride,
                    rows,
                    size,
                    &mut q[half * S::LANES..],
                    width,
                );
            }
            for v in q[..size * width].chunks_exact_mut(S::LANES) {
                s.store(s.mul(s.load(v), scale), v);
            }
            let panels = self.packed_keys[h * key_panels..][..key_panels].chunks_exact(key_panel);
            for (panel, scores) in panels.zip(scores.chunks_exact_mut(S::TILE_ROWS * width)) {
                s.tile(&panel[..size * S::TILE_ROWS], &q[..size * width], scores, false);
            }
            let scores = &mut scores[..self.keys * width];
            if let Some(keep) = &mut self.scores {
                untangle(scores, width, queries, keep[h]);
            }
            let sums = weigh(
                s,
                scores,
                &self.packed_values[h * value_panels..][..value_panels],
                value_panel,
                o,
            );
            for (half, sum) in sums.into_iter().enumerate() {
                let scale = s.div(s.splat(1.0), sum);
                for v in o[..size * width].chunks_exact_mut(width) {
                    let v = &mut v[half * S::LANES..];
                    s.store(s.mul(s.load(v), scale), v);
                }
            }
            for (i, out) in self.out.chunks_exact_mut(d).enumerate() {
                for (e, out) in out[h * size..][..size].iter_mut().enumerate() {
                    *out = o[e * width + i];
                }
            }
        }
    }
}

/// Softmax weights of `scores` `[keys, S::TILE_COLS]` in their place, times `values`; returns the weights' sums,
/// by which the caller divides.
#[inline(always)]
fn weigh<S: Simd>(s: S, scores: &mut [f32], values: &[f32], panel: usize, o: &mut [f32]) -> [S::V; 2] {
    let (lanes, width) = (S::LANES, S::TILE_COLS);
    let mut largest = [s.splat(f32::NEG_INFINITY); 2];
    for v in scores.chunks_exact(width) {
        largest[0] = s.max(largest[0], s.load(&v[..lanes]));
        largest[1] = s.max(largest[1], s.load(&v[lanes..]));
    }
    let mut sums = [s.splat(0.0); 2];
    for (c, scores) in scores.chunks_mut(CHUNK * width).enumerate() {
        for v in scores.chunks_exact_mut(width) {
            let left = exp(s, s.sub(s.load(&v[..lanes]), largest[0]));
            let right = exp(s, s.sub(s.load(&v[lanes..]), largest[1]));
            sums = [s.add(sums[0], left), s.add(sums[1], right)];
            s.store(left, &mut v[..lanes]);
            s.store(right, &mut v[lanes..]);
        }
        let part = scores.len() / width * S::SHORT_ROWS;
        let tiles = o.chunks_exact_mut(S::SHORT_ROWS * width);
        for (values, o) in values.chunks_exact(panel).zip(tiles) {
            let values = &values[c * CHUNK * S::SHORT_ROWS..][..part];
            s.short_tile(values, scores, o, c > 0);
        }
    }
    sums
}

/// `[keys, width]` to `[queries, keys]`.
fn untangle(scores: &[f32], width: usize, queries: usize, to: &mut [f32]) {
    let keys = scores.len() / width;
    for (i, to) in to.chunks_exact_mut(keys).take(queries).enumerate() {
        for (to, scores) in to.iter_mut().zip(scores.chunks_exact(width)) {
            *to = scores[i];
        }
    }
}
