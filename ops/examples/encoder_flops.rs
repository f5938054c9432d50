//! How much of the processor's multiply-add rate the operators of a Whisper encoder reach, one by one and together.
//!
//! `cargo run --release -p xdna-ops --example encoder_flops -- [THREADS [PORTABLE|AVX2|AVX512]]`
#![allow(clippy::print_stdout)] // a program

use std::{
    error::Error,
    time::{Duration, Instant},
};

use xdna_ops::{Attention, Backend, Bytes, Cpu, DType, Epilogue, Isa, Matrix, Rows};

/// Rows of an encoder's input (mel frames) and of its layers.
const FRAMES: usize = 3000;
const ROWS: usize = 1500;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let threads = args.next().map_or(Ok(0), |n| n.parse())?;
    let isa = args.next().map_or_else(Isa::detect, |name| {
        let name = name.to_lowercase();
        Isa::ALL
            .into_iter()
            .find(|isa| isa.to_string() == name)
            .unwrap_or_else(Isa::detect)
    });
    let cpu = Cpu::with_isa(threads, isa)?;
    println!("{}", cpu.name());
    for (name, layers, d) in [("tiny", 4, 384), ("base", 6, 512)] {
        encoder(&cpu, name, layers, d);
    }
    Ok(())
}

/// Half-precision weights of no meaning.
fn weight(rows: usize, cols: usize) -> Matrix {
    let bytes: Vec<u8> = (0..rows * cols)
        .flat_map(|i| [(i * 37) as u8, 0x20 | (i >> 3 & 0x83) as u8])
        .collect();
    Matrix::new(DType::F16, rows, cols, Bytes::from(bytes)).expect("as many bytes as values need")
}

fn values(n: usize) -> Vec<f32> {
    (0..n)
        .map(|i| ((i * 7919) % 1009) as f32 / 1009.0 - 0.5)
        .collect()
}

/// One operator: its name, floating-point operations, how often an encoder does it, and itself.
type Step<'a> = (&'static str, usize, usize, Box<dyn FnMut() + 'a>);

fn encoder(cpu: &Cpu, name: &str, layers: usize, d: usize) {
    let (mel, x) = (values((FRAMES + 2) * 80), values((FRAMES + 2) * d));
    let wide = values(ROWS * 4 * d);
    let (conv1, conv2) = (weight(d, 240), weight(d, 3 * d));
    let (square, up, down) = (weight(d, d), weight(4 * d, d), weight(d, 4 * d));
    let bias = values(4 * d);
    let mut outs: Vec<Vec<f32>> = [
        FRAMES * d,
        ROWS * d,
        ROWS * d,
        ROWS * d,
        ROWS * 4 * d,
        ROWS * d,
        ROWS * d,
    ]
    .map(|n| vec![0.0; n])
    .into();
    let mut outs = outs.iter_mut();
    let mut out = || outs.next().expect("one an operator");
    let linear = |x: Rows<'_>, w: &Matrix, e: Epilogue, out: &mut [f32]| {
        cpu.linear(x, w, Some(&bias[..w.rows()]), e, out)
    };
    let in1 = Rows {
        data: &mel,
        rows: FRAMES,
        cols: 240,
        stride: 80,
    };
    let in2 = Rows {
        data: &x,
        rows: ROWS,
        cols: 3 * d,
        stride: 2 * d,
    };
    let rows = Rows::dense(&x[..ROWS * d], d);
    let attention = Attention {
        q: rows,
        k: rows,
        v: rows,
        heads: d / 64,
    };
    let (o1, o2, o3, o4, o5, o6, o7) = (out(), out(), out(), out(), out(), out(), out());
    let steps: [Step<'_>; 7] = [
        (
            "convolution 1",
            2 * FRAMES * 240 * d,
            1,
            Box::new(|| linear(in1, &conv1, Epilogue::Gelu, o1)),
        ),
        (
            "convolution 2",
            2 * ROWS * 3 * d * d,
            1,
            Box::new(|| linear(in2, &conv2, Epilogue::Gelu, o2)),
        ),
        (
            "q, k, v, out",
            2 * ROWS * d * d,
            4 * layers,
            Box::new(|| linear(rows, &square, Epilogue::Store, o3)),
        ),
        (
            "attention",
            4 * ROWS * ROWS * d,
            layers,
            Box::new(|| cpu.attention(attention, o4)),
        ),
        (
            "up, gelu",
            8 * ROWS * d * d,
            layers,
            Box::new(|| linear(rows, &up, Epilogue::Gelu, o5)),
        ),
        (
            "down, add",
            8 * ROWS * d * d,
            layers,
            Box::new(|| linear(Rows::dense(&wide, 4 * d), &down, Epilogue::Add, o6)),
        ),
        (
            "layer norm",
            0,
            2 * layers + 1,
            Box::new(|| cpu.layer_norm(rows, &bias[..d], &bias[..d], o7)),
        ),
    ];
    let (mut total, mut flops) = (Duration::ZERO, 0);
    let mut peak = 0.0_f64;
    for (what, operations, times, mut run) in steps {
        // taken before and after each operator: clocks change
        let before = cpu.peak(Duration::from_millis(50));
        let mut taken: Vec<Duration> = (0..15)
            .map(|_| {
                let start = Instant::now();
                run();
                start.elapsed()
            })
            .collect();
        taken.sort();
        let median = taken[taken.len() / 2];
        let at_hand = before.max(cpu.peak(Duration::from_millis(50)));
        peak = peak.max(at_hand);
        let rate = operations as f64 / median.as_secs_f64();
        println!(
            "{name:5} {what:14} x {times:2}: {:8.3} ms (best {:8.3}) {:7.1} GFLOP/s, {:4.1} % of {:.1}",
            median.as_secs_f64() * 1e3,
            taken[0].as_secs_f64() * 1e3,
            rate / 1e9,
            100.0 * rate / at_hand,
            at_hand / 1e9,
        );
        total += median * times as u32;
        flops += operations * times;
    }
    let rate = flops as f64 / total.as_secs_f64();
    println!(
        "{name:5} encoder: {:.1} ms, {:.1} GFLOP/s, {:.1} % of the peak {:.1}",
        total.as_secs_f64() * 1e3,
        rate / 1e9,
        100.0 * rate / peak,
        peak / 1e9
    );
}
