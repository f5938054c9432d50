//! Which thread computes which part of attention: blocks of queries where there are many, heads where there are few.
use super::{Cpu, scratch};
use crate::{
    Attention, DecodeAttention,
    kernel::{
        attend::{Attend, PackKeys, SLACK, pack_values},
        recall::Recall,
    },
};

/// Queries up to which keys and values are read where they lie.
pub(super) const FEW: usize = 8;

/// Attention of many queries, in blocks that each see packed keys and values.
pub(super) fn many(cpu: &Cpu, a: Attention<'_>, scores: Option<&mut [f32]>, out: &mut [f32]) {
    let (d, keys) = (a.q.cols, a.k.rows);
    let size = d / a.heads;
    let tiles = cpu.arch.tiles();
    let short = tiles.short_rows;
    let key_panel = size * tiles.rows + SLACK;
    let key_panels = keys.div_ceil(tiles.rows);
    let value_panel = keys * short;
    let value_panels = size.div_ceil(short);
    let mut kept = blocks_of_scores(scores, &a, tiles.cols);
    let work = a.q.rows * keys * d * 2;
    scratch::with(a.heads * key_panels * key_panel, |packed_keys| {
        scratch::with(a.heads * value_panels * value_panel, |packed_values| {
            cpu.pool.chunks(packed_keys, key_panel, keys * d, |i, panel| {
                let (head, first) = (i / key_panels, i % key_panels * tiles.rows);
                let (k, col) = (a.k, head * size);
                cpu.arch.run(PackKeys {
                    k,
                    first,
                    col,
                    size,
                    panel,
                });
            });
            cpu.pool.chunks(packed_values, value_panel, keys * d, |i, panel| {
                let start = i / value_panels * size;
                pack_values(a.v, start + i % value_panels * short, start + size, short, panel);
            });
            let (packed_keys, packed_values) = (&*packed_keys, &*packed_values);
            let mut blocks: Vec<_> = out.chunks_mut(tiles.cols * d).zip(&mut kept).collect();
            cpu.pool.chunks(&mut blocks, 1, work, |i, blocks| {
                for (out, kept) in blocks {
                    scratch::with(Attend::scratch(size, keys, tiles), |scratch| {
                        cpu.arch.run(Attend {
                            q: a.q,
                            first: i * tiles.cols,
                            heads: a.heads,
                            keys,
                            packed_keys,
                            packed_values,
                            scores: (!kept.is_empty()).then_some(kept),
                            out,
                            scratch,
                        });
                    });
                }
            });
        });
    });
}

/// For each block of queries, the scores of each head; nothing for a block where none are wanted.
fn blocks_of_scores<'s>(
    scores: Option<&'s mut [f32]>,
    a: &Attention<'_>,
    width: usize,
) -> Vec<Vec<&'s mut [f32]>> {
    let (n, m) = (a.q.rows, a.k.rows);
    let mut blocks = Vec::new();
    blocks.resize_with(n.div_ceil(width), Vec::new);
    if let Some(scores) = scores {
        for head in scores.chunks_exact_mut(n * m) {
            for (block, part) in blocks.iter_mut().zip(head.chunks_mut(width * m)) {
                block.push(part);
            }
        }
    }
    blocks
}

/// Attention of a few queries.
pub(super) fn few(cpu: &Cpu, a: Attention<'_>, scores: Option<&mut [f32]>, out: &mut [f32]) {
    let (n, d, keys) = (a.q.rows, a.q.cols, a.k.rows);
    let size = d / a.heads;
    let mut kept: Vec<&mut [f32]> = scores.map_or_else(Vec::new, |s| s.chunks_exact_mut(n * keys).collect());
    kept.resize_with(a.heads, Default::default);
    scratch::with(n * d, |by_head| {
        let mut heads: Vec<_> = by_head.chunks_exact_mut(n * size).zip(&mut kept).collect();
        cpu.pool.chunks(&mut heads, 1, 2 * n * keys * d, |h, heads| {
            for (out, kept) in heads {
                let col = h * size;
                let mut q = [&a.q.data[..0]; FEW];
                for (i, q) in q.iter_mut().enumerate().take(n) {
                    *q = &a.q.row(i)[col..][..size];
                }
                scratch::with(n * keys.next_multiple_of(16), |scratch| {
                    cpu.arch.run(Recall {
                        q: &q[..n],
                        k: a.k.data,
                        v: a.v.data,
                        keys,
                        at: |j| (j * a.k.stride + col, j * a.v.stride + col),
                        keep: (!kept.is_empty()).then_some(kept),
                        out,
                        scratch,
                    });
                });
            }
        });
        for (h, head) in by_head.chunks_exact(n * size).enumerate() {
            for (from, to) in head.chunks_exact(size).zip(out.chunks_exact_mut(d)) {
                to[h * size..][..size].copy_from_slice(from);
            }
        }
    });
}

/// Attention over cached rows.
pub(super) fn cached(cpu: &Cpu, a: DecodeAttention<'_>, out: &mut [f32]) {
    let d = a.q.cols;
    let size = d / a.heads;
    let seen: usize = a.seen.iter().map(|rows| rows.len()).sum();
    cpu.pool.chunks(out, size, 2 * seen * d, |part, out| {
        let (i, col) = (part / a.heads, part % a.heads * size);
        let seen = a.seen[i];
        scratch::with(seen.len().next_multiple_of(16), |scratch| {
            cpu.arch.run(Recall {
                q: &[&a.q.row(i)[col..][..size]],
                k: a.k,
                v: a.v,
                keys: seen.len(),
                at: |j| (seen[j] as usize * d + col, seen[j] as usize * d + col),
                keep: None,
                out,
                scratch,
            });
        });
    });
}
