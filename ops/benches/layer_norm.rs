//! How fast is layer normalisation? Bytes are those read and written.
mod common;

use common::{cpu, values};
use divan::{Bencher, counter::BytesCount};
use xdna_ops::{Backend, Rows};

fn main() {
    divan::main();
}

/// Rows and columns: encoders of tiny and base, a token of base.
#[divan::bench(args = [(1500, 384), (1500, 512), (1, 512)], consts = [1, 2])]
fn layer_norm<const THREADS: usize>(bencher: Bencher<'_, '_>, (m, n): (usize, usize)) {
    let (cpu, x, gain, bias) = (cpu(THREADS), values(m * n), values(n), values(n));
    let mut out = vec![0.0; m * n];
    bencher
        .counter(BytesCount::new(8 * m * n))
        .bench_local(|| cpu.layer_norm(Rows::dense(&x, n), &gain, &bias, &mut out));
}
