//! How fast is attention? Items are floating-point operations of its two products.
mod common;
#[path = "common/peak.rs"]
mod peak;

use common::{cpu, values};
use divan::{Bencher, counter::ItemsCount};
use xdna_ops::{Attention, Backend, CacheRow, DecodeAttention, Rows};

fn main() {
    divan::main();
}

#[divan::bench(args = [1, 2], sample_count = 10)]
fn multiply_adds(bencher: Bencher<'_, '_>, threads: usize) {
    peak::peak(bencher, threads);
}

/// Queries and heads of 64: encoders of tiny and base, cross-attention of a token, of beams, of a prompt.
#[divan::bench(args = [(1500, 6), (1500, 8), (1, 6), (1, 8), (5, 8), (224, 8)], consts = [1, 2], sample_count = 30)]
fn audio<const THREADS: usize>(bencher: Bencher<'_, '_>, (n, heads): (usize, usize)) {
    let (cpu, m, d) = (cpu(THREADS), 1500, 64 * heads);
    let (q, k, v) = (values(n * d), values(m * d), values(m * d));
    let a = Attention {
        q: Rows::dense(&q, d),
        k: Rows::dense(&k, d),
        v: Rows::dense(&v, d),
        heads,
    };
    let mut out = vec![0.0; n * d];
    bencher
        .counter(ItemsCount::new(4 * n * m * d))
        .bench_local(|| cpu.attention(a, &mut out));
}

/// Sequences and their length so far.
#[divan::bench(args = [(1, 16), (1, 224), (5, 224)], consts = [1, 2])]
fn cached<const THREADS: usize>(bencher: Bencher<'_, '_>, (n, length): (usize, usize)) {
    let (cpu, heads, d) = (cpu(THREADS), 8, 512);
    let (q, k, v) = (values(n * d), values(n * length * d), values(n * length * d));
    let rows: Vec<CacheRow> = (0..(n * length) as CacheRow).collect();
    let seen: Vec<&[CacheRow]> = rows.chunks(length).collect();
    let mut out = vec![0.0; n * d];
    bencher
        .counter(ItemsCount::new(4 * n * length * d))
        .bench_local(|| {
            cpu.decode_attention(
                DecodeAttention {
                    q: Rows::dense(&q, d),
                    k: &k,
                    v: &v,
                    seen: &seen,
                    heads,
                },
                &mut out,
            );
        });
}
