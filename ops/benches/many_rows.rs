//! How fast is a linear layer of an encoder, or of a prompt? Items are floating-point operations.
mod common;
#[path = "common/peak.rs"]
mod peak;
#[path = "common/weight.rs"]
mod weight;

use common::{cpu, values};
use divan::{Bencher, counter::ItemsCount};
use weight::weight;
use xdna_ops::{Backend, DType, Epilogue, Rows};

fn main() {
    divan::main();
}

#[divan::bench(args = [1, 2], sample_count = 10)]
fn multiply_adds(bencher: Bencher<'_, '_>, threads: usize) {
    peak::peak(bencher, threads);
}

/// Rows, inputs, outputs: attention and multi-layer perceptron of tiny, base and large; a prompt of base.
const SHAPES: [(usize, usize, usize); 9] = [
    (1500, 384, 384),
    (1500, 384, 1536),
    (1500, 1536, 384),
    (1500, 512, 2048),
    (1500, 2048, 512),
    (1500, 1280, 5120),
    (9, 512, 512),
    (24, 512, 512),
    (224, 512, 2048),
];

#[divan::bench(args = SHAPES, consts = [1, 2], sample_count = 30)]
fn f16<const THREADS: usize>(bencher: Bencher<'_, '_>, shape: (usize, usize, usize)) {
    linear(bencher, DType::F16, shape, THREADS);
}

#[divan::bench(args = SHAPES, consts = [2], sample_count = 30)]
fn q5_1<const THREADS: usize>(bencher: Bencher<'_, '_>, shape: (usize, usize, usize)) {
    linear(bencher, DType::Q5_1, shape, THREADS);
}

fn linear(bencher: Bencher<'_, '_>, dtype: DType, (m, k, n): (usize, usize, usize), threads: usize) {
    let (cpu, w, x, bias) = (cpu(threads), weight(dtype, n, k), values(m * k), values(n));
    let mut out = vec![0.0; m * n];
    bencher
        .counter(ItemsCount::new(2 * m * k * n))
        .bench_local(|| cpu.linear(Rows::dense(&x, k), &w, Some(&bias), Epilogue::Store, &mut out));
}
