//! How fast is a linear layer of a decoder, for one token or a few beams? Bytes are those of the weights.
mod common;
#[path = "common/weight.rs"]
mod weight;

use common::{cpu, values};
use divan::{Bencher, counter::BytesCount};
use weight::weight;
use xdna_ops::{Backend, DType, Epilogue, Rows};

fn main() {
    divan::main();
}

/// Rows, inputs, outputs: layers of tiny and base; their logits, for one token and for five beams.
const SHAPES: [(usize, usize, usize); 8] = [
    (1, 384, 384),
    (1, 384, 1536),
    (1, 1536, 384),
    (1, 512, 2048),
    (1, 384, 51864),
    (1, 512, 51865),
    (5, 512, 2048),
    (5, 512, 51865),
];

/// All products of one token, as they follow each other: layers and width of tiny and base.
#[divan::bench(args = [(4, 384), (6, 512)], consts = [1, 2], sample_count = 50)]
fn token<const THREADS: usize>(bencher: Bencher<'_, '_>, (layers, d): (usize, usize)) {
    let cpu = cpu(THREADS);
    let weights: Vec<_> = (0..layers)
        .map(|_| {
            (
                [(); 6].map(|()| weight(DType::F16, d, d)),
                weight(DType::F16, 4 * d, d),
                weight(DType::F16, d, 4 * d),
            )
        })
        .collect();
    let logits = weight(DType::F16, 51_865, d);
    let (x, wide) = (values(d), values(4 * d));
    let (mut narrow_out, mut wide_out, mut logits_out) = (vec![0.0; d], vec![0.0; 4 * d], vec![0.0; 51_865]);
    let bytes = layers * 14 * d * d * 2 + logits.bytes().len();
    bencher.counter(BytesCount::new(bytes)).bench_local(|| {
        for (squares, up, down) in &weights {
            for w in squares {
                cpu.linear(Rows::dense(&x, d), w, None, Epilogue::Add, &mut narrow_out);
            }
            cpu.linear(Rows::dense(&x, d), up, None, Epilogue::Gelu, &mut wide_out);
            cpu.linear(
                Rows::dense(&wide, 4 * d),
                down,
                None,
                Epilogue::Add,
                &mut narrow_out,
            );
        }
        cpu.linear(
            Rows::dense(&x, d),
            &logits,
            None,
            Epilogue::Store,
            &mut logits_out,
        );
    });
}

macro_rules! dtypes {
    ($($name:ident $dtype:ident,)+) => {$(
        #[divan::bench(args = SHAPES, consts = [1, 2])]
        fn $name<const THREADS: usize>(bencher: Bencher<'_, '_>, shape: (usize, usize, usize)) {
            linear(bencher, DType::$dtype, shape, THREADS);
        }
    )+};
}

dtypes! {
    f32 F32,
    f16 F16,
    q5_1 Q5_1,
    q8_0 Q8_0,
    int8 I8,
}

fn linear(bencher: Bencher<'_, '_>, dtype: DType, (m, k, n): (usize, usize, usize), threads: usize) {
    let (cpu, w, x, bias) = (cpu(threads), weight(dtype, n, k), values(m * k), values(n));
    let mut out = vec![0.0; m * n];
    bencher
        .counter(BytesCount::new(w.bytes().len()))
        .bench_local(|| cpu.linear(Rows::dense(&x, k), &w, Some(&bias), Epilogue::Store, &mut out));
}
