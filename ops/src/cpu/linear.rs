//! Which thread computes which part of a linear layer: rows where there are many, columns where there are few.
use super::{Cpu, scratch};
use crate::{
    Epilogue, Matrix, Rows,
    arch::Tiles,
    kernel::{
        dot::Few,
        product::{Finish, Multiply, PackWeights},
    },
};

/// Rows up to which weights are read as they are stored, without packing: where both ways take as long, measured
/// with `cargo bench -p xdna-ops` on two cores of a Zen 5 server. The number of threads has no say: the two ways sum
/// in different orders.
const FEW: usize = 16;

/// Values of packed weights that exist at a time: 4 MiB, a part of the last cache.
const PACKED: usize = 1 << 20;

/// Inputs that are summed in one go: a tile of both operands fits the first two caches.
const DEPTH: usize = 2048;

/// Tiles that a thread takes at a time: enough to use a packed panel several times while it is near.
const TILES: usize = 3;

pub(super) fn linear(
    cpu: &Cpu,
    x: Rows<'_>,
    w: &Matrix,
    bias: Option<&[f32]>,
    epilogue: Epilogue,
    out: &mut [f32],
) {
    let (n, k) = (w.rows(), w.cols());
    assert!(
        x.cols == k && out.len() == x.rows * n && bias.is_none_or(|b| b.len() == n),
        "{} x {} times {n} x {k} into {}",
        x.rows,
        x.cols,
        out.len()
    );
    if out.is_empty() {
    } else if x.rows <= FEW {
        few(cpu, x, w, Finish::of(epilogue, bias, true, true), out);
    } else {
        many(cpu, x, w, bias, epilogue, out);
    }
}

fn few(cpu: &Cpu, x: Rows<'_>, w: &Matrix, finish: Finish<'_>, out: &mut [f32]) {
    let (n, work) = (w.rows(), x.rows * w.rows() * w.cols());
    // parts for each thread to take in turn: cores differ
    let parts = match cpu.pool.worth(work) {
        1 => 1,
        threads => 4 * threads,
    };
    let cols = n.div_ceil(parts).next_multiple_of(4);
    let mut parts: Vec<Vec<&mut [f32]>> = Vec::new();
    parts.resize_with(n.div_ceil(cols), || Vec::with_capacity(x.rows));
    for out in out.chunks_exact_mut(n) {
        for (part, out) in parts.iter_mut().zip(out.chunks_mut(cols)) {
            part.push(out);
        }
    }
    cpu.pool.chunks(&mut parts, 1, work, |p, parts| {
        for out in parts {
            let cols = p * cols..n.min((p + 1) * cols);
            scratch::with(Few::scratch(x.rows, w.cols()), |scratch| {
                cpu.arch.run(Few {
                    x,
                    w,
                    cols,
                    finish,
                    out,
                    scratch,
                });
            });
        }
    });
}

fn many(cpu: &Cpu, x: Rows<'_>, w: &Matrix, bias: Option<&[f32]>, epilogue: Epilogue, out: &mut [f32]) {
    let (n, k) = (w.rows(), w.cols());
    let Tiles {
        rows: tile_rows,
        cols: tile_cols,
        ..
    } = cpu.arch.tiles();
    let depth = k.div_ceil(k.div_ceil(DEPTH)).next_multiple_of(32);
    let cols = (PACKED / depth.min(k) / tile_cols).max(1) * tile_cols;
    let share = x.rows.div_ceil(tile_rows).div_ceil(4 * cpu.threads());
    let rows = share.clamp(1, TILES) * tile_rows;
    for first in (0..n).step_by(cols) {
        let cols = first..n.min(first + cols);
        for start in (0..k).step_by(depth) {
            let depth = start..k.min(start + depth);
            let finish = Finish::of(epilogue, bias, depth.start == 0, depth.end == k);
            let panel = depth.len() * tile_cols;
            let work = cols.len() * depth.len();
            scratch::with(cols.len().div_ceil(tile_cols) * panel, |panels| {
                cpu.pool.chunks(panels, panel, work, |p, panel| {
                    let (row, depth) = (cols.start + p * tile_cols, depth.clone());
                    scratch::with(16 * depth.len(), |scratch| {
                        cpu.arch.run(PackWeights {
                            w,
                            row,
                            depth,
                            panel,
                            scratch,
                        });
                    });
                });
                let panels = &*panels;
                cpu.pool.chunks(out, rows * n, work * x.rows, |i, out| {
                    let rows = i * rows..i * rows + out.len() / n;
                    let len = rows.len().next_multiple_of(tile_rows) * depth.len() + 16;
                    scratch::with(len, |scratch| {
                        cpu.arch.run(Multiply {
                            x,
                            rows,
                            depth: depth.clone(),
                            panels,
                            cols: cols.clone(),
                            finish,
                            out,
                            n,
                            scratch,
                        });
                    });
                });
            });
        }
    }
}
