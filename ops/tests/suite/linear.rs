use xdna_ops::{Backend, DType, Epilogue, Matrix, Rows};

use crate::{
    Check,
    reference::{DTYPES, Numbers, gelu, near, weight},
};

pub const CHECKS: &[(&str, Check)] = &[
    (
        "weights_widen_to_the_values_of_their_format",
        weights_widen_to_the_values_of_their_format,
    ),
    (
        "linear_is_the_product_of_rows_and_weights",
        linear_is_the_product_of_rows_and_weights,
    ),
    (
        "linear_ends_as_its_epilogue_says",
        linear_ends_as_its_epilogue_says,
    ),
    ("linear_reads_overlapping_rows", linear_reads_overlapping_rows),
    ("linear_sums_deep_rows_in_parts", linear_sums_deep_rows_in_parts),
    ("linear_of_no_rows_is_nothing", linear_of_no_rows_is_nothing),
    (
        "few_rows_do_not_change_each_other",
        few_rows_do_not_change_each_other,
    ),
    ("gelu_is_the_form_with_erf", gelu_is_the_form_with_erf),
    (
        "linear_has_the_same_bits_with_any_number_of_threads",
        linear_has_the_same_bits_with_any_number_of_threads,
    ),
];

/// In double precision.
fn product(x: Rows<'_>, w: &[f64], n: usize, bias: Option<&[f32]>) -> Vec<f64> {
    let mut out = Vec::with_capacity(x.rows * n);
    for i in 0..x.rows {
        for j in 0..n {
            let w = &w[j * x.cols..(j + 1) * x.cols];
            let sum: f64 = x.row(i).iter().zip(w).map(|(x, w)| f64::from(*x) * w).sum();
            out.push(sum + bias.map_or(0.0, |b| f64::from(b[j])));
        }
    }
    out
}

/// Rounding of a sum of `k` products of this size: far less than any other mistake would make.
fn tolerance(w: &[f64], k: usize) -> f64 {
    let largest = w.iter().fold(1.0_f64, |a, b| a.max(b.abs()));
    (2e-5 + 3e-8 * k as f64) * largest
}

/// A column of the identity picks out one stored value, exactly.
fn weights_widen_to_the_values_of_their_format(cpu: &dyn Fn(usize) -> Box<dyn Backend>) {
    let cpu = cpu(1);
    for dtype in DTYPES {
        let (n, k) = (37, 96);
        let (w, values) = weight(dtype, n, k, &mut Numbers::new(1));
        let mut row = vec![0.0; k];
        for j in 0..n {
            w.row_into(j, &mut row);
            let expected: Vec<f32> = values[j * k..(j + 1) * k].iter().map(|v| *v as f32).collect();
            assert_eq!(row, expected, "{dtype} row {j}");
        }
        let identity: Vec<f32> = (0..k * k)
            .map(|i| if i % (k + 1) == 0 { 1.0 } else { 0.0 })
            .collect();
        for rows in [1, 2, 3, 4, 8, 96] {
            for x in identity.chunks(rows * k) {
                let first = x.iter().position(|v| *v == 1.0).expect("a one");
                let mut out = vec![f32::NAN; rows * n];
                cpu.linear(Rows::dense(x, k), &w, None, Epilogue::Store, &mut out);
                for i in 0..rows {
                    for j in 0..n {
                        let expected = values[j * k + first + i] as f32;
                        assert_eq!(
                            out[i * n + j],
                            expected,
                            "{dtype} {rows} rows: [{j}, {}]",
                            first + i
                        );
                    }
                }
            }
        }
    }
}

fn linear_is_the_product_of_rows_and_weights(cpu: &dyn Fn(usize) -> Box<dyn Backend>) {
    let cpu = cpu(2);
    let mut numbers = Numbers::new(2);
    for dtype in DTYPES {
        for (n, k) in [(1, 32), (33, 64), (384, 384), (70, 416)] {
            let (w, values) = weight(dtype, n, k, &mut numbers);
            let bias = numbers.many(n);
            for m in [1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 17, 100] {
                let x = numbers.many(m * k);
                let mut out = vec![f32::NAN; m * n];
                cpu.linear(Rows::dense(&x, k), &w, Some(&bias), Epilogue::Store, &mut out);
                let expected = product(Rows::dense(&x, k), &values, n, Some(&bias));
                near(
                    &format!("{dtype} {m} x {k} x {n}"),
                    &out,
                    &expected,
                    tolerance(&values, k),
                );
            }
        }
    }
    // widths that are no whole number of vectors or blocks
    for dtype in [DType::F32, DType::F16, DType::BF16, DType::I8] {
        for (m, n, k) in [
            (1, 5, 1),
            (2, 7, 17),
            (9, 31, 33),
            (13, 65, 241),
            (8, 3, 47),
            (1500, 35, 19),
        ] {
            let (w, values) = weight(dtype, n, k, &mut numbers);
            let x = numbers.many(m * k);
            let mut out = vec![f32::NAN; m * n];
            cpu.linear(Rows::dense(&x, k), &w, None, Epilogue::Store, &mut out);
            let expected = product(Rows::dense(&x, k), &values, n, None);
            near(
                &format!("{dtype} {m} x {k} x {n}"),
                &out,
                &expected,
                tolerance(&values, k),
            );
        }
    }
}

fn linear_ends_as_its_epilogue_says(cpu: &dyn Fn(usize) -> Box<dyn Backend>) {
    let cpu = cpu(1);
    let mut numbers = Numbers::new(3);
    let (n, k) = (75, 64);
    let (w, values) = weight(DType::F16, n, k, &mut numbers);
    let bias = numbers.many(n);
    for m in [1, 4, 50] {
        let (x, before) = (numbers.many(m * k), numbers.many(m * n));
        let y = product(Rows::dense(&x, k), &values, n, Some(&bias));
        let mut out = vec![f32::NAN; m * n];
        cpu.linear(Rows::dense(&x, k), &w, Some(&bias), Epilogue::Gelu, &mut out);
        let activated: Vec<f64> = y.iter().map(|y| gelu(*y)).collect();
        near(
            &format!("{m} rows, gelu"),
            &out,
            &activated,
            tolerance(&values, k),
        );
        let mut out = before.clone();
        cpu.linear(Rows::dense(&x, k), &w, Some(&bias), Epilogue::Add, &mut out);
        let added: Vec<f64> = y.iter().zip(&before).map(|(y, b)| y + f64::from(*b)).collect();
        near(&format!("{m} rows, add"), &out, &added, tolerance(&values, k));
    }
}

/// As a convolution of width 3 does, with both of Whisper's strides.
fn linear_reads_overlapping_rows(cpu: &dyn Fn(usize) -> Box<dyn Backend>) {
    let cpu = cpu(2);
    let mut numbers = Numbers::new(4);
    let (width, n) = (80, 96);
    let (w, values) = weight(DType::F16, n, 3 * width, &mut numbers);
    for (rows, step) in [(3, width), (200, width), (101, 2 * width)] {
        let data = numbers.many((rows - 1) * step + 3 * width);
        let x = Rows {
            data: &data,
            rows,
            cols: 3 * width,
            stride: step,
        };
        let mut out = vec![f32::NAN; rows * n];
        cpu.linear(x, &w, None, Epilogue::Store, &mut out);
        let expected = product(x, &values, n, None);
        near(
            &format!("{rows} rows"),
            &out,
            &expected,
            tolerance(&values, 3 * width),
        );
    }
}

fn linear_sums_deep_rows_in_parts(cpu: &dyn Fn(usize) -> Box<dyn Backend>) {
    let cpu = cpu(2);
    let mut numbers = Numbers::new(5);
    for (dtype, k) in [(DType::Q5_1, 5120), (DType::F16, 4099), (DType::I8, 3000)] {
        let (m, n) = (14, 40);
        let (w, values) = weight(dtype, n, k, &mut numbers);
        let (x, bias, before) = (numbers.many(m * k), numbers.many(n), numbers.many(m * n));
        let y = product(Rows::dense(&x, k), &values, n, Some(&bias));
        let mut out = vec![f32::NAN; m * n];
        cpu.linear(Rows::dense(&x, k), &w, Some(&bias), Epilogue::Store, &mut out);
        near(&format!("{dtype} store"), &out, &y, tolerance(&values, k));
        let activated: Vec<f64> = y.iter().map(|y| gelu(*y)).collect();
        cpu.linear(Rows::dense(&x, k), &w, Some(&bias), Epilogue::Gelu, &mut out);
        near(&format!("{dtype} gelu"), &out, &activated, tolerance(&values, k));
        let mut out = before.clone();
        cpu.linear(Rows::dense(&x, k), &w, Some(&bias), Epilogue::Add, &mut out);
        let added: Vec<f64> = y.iter().zip(&before).map(|(y, b)| y + f64::from(*b)).collect();
        near(&format!("{dtype} add"), &out, &added, tolerance(&values, k));
    }
    // more columns than are packed at a time
    let (m, n, k) = (9, 4000, 600);
    let (w, values) = weight(DType::F16, n, k, &mut numbers);
    let x = numbers.many(m * k);
    let mut out = vec![f32::NAN; m * n];
    cpu.linear(Rows::dense(&x, k), &w, None, Epilogue::Store, &mut out);
    near(
        "wide",
        &out,
        &product(Rows::dense(&x, k), &values, n, None),
        tolerance(&values, k),
    );
}

fn linear_of_no_rows_is_nothing(cpu: &dyn Fn(usize) -> Box<dyn Backend>) {
    let (w, _) = weight(DType::F32, 8, 32, &mut Numbers::new(6));
    let mut out: [f32; 0] = [];
    cpu(2).linear(Rows::dense(&[], 32), &w, None, Epilogue::Gelu, &mut out);
    let empty = Matrix::from_f32(0, 32, &[]).expect("a matrix");
    cpu(2).linear(
        Rows::dense(&[0.0; 64], 32),
        &empty,
        None,
        Epilogue::Store,
        &mut out,
    );
    assert!(out.is_empty());
}

/// Beams are computed together, and must be what they are alone.
fn few_rows_do_not_change_each_other(cpu: &dyn Fn(usize) -> Box<dyn Backend>) {
    let cpu = cpu(2);
    let mut numbers = Numbers::new(7);
    for dtype in DTYPES {
        let (n, k) = (45, 160);
        let (w, _) = weight(dtype, n, k, &mut numbers);
        let x = numbers.many(16 * k);
        let mut alone = vec![f32::NAN; 16 * n];
        for (x, out) in x.chunks(k).zip(alone.chunks_mut(n)) {
            cpu.linear(Rows::dense(x, k), &w, None, Epilogue::Store, out);
        }
        for m in 2..=16 {
            let mut out = vec![f32::NAN; m * n];
            cpu.linear(Rows::dense(&x[..m * k], k), &w, None, Epilogue::Store, &mut out);
            assert_eq!(out, alone[..m * n], "{dtype} {m} rows");
        }
    }
}

fn gelu_is_the_form_with_erf(cpu: &dyn Fn(usize) -> Box<dyn Backend>) {
    let one = Matrix::from_f32(1, 1, &[1.0]).expect("a matrix");
    let x: Vec<f32> = (-40_000..=40_000).map(|i| i as f32 / 4000.0).collect();
    let mut out = vec![f32::NAN; x.len()];
    cpu(1).linear(Rows::dense(&x, 1), &one, None, Epilogue::Gelu, &mut out);
    let expected: Vec<f64> = x.iter().map(|x| gelu(f64::from(*x))).collect();
    near("gelu", &out, &expected, 1.2e-6);
    let mut ends = [0.0; 3];
    cpu(1).linear(
        Rows::dense(&[-1e30, 1e30, f32::NAN], 1),
        &one,
        None,
        Epilogue::Gelu,
        &mut ends,
    );
    assert_eq!(ends[..2], [0.0, 1e30]);
    assert!(ends[2].is_nan(), "what is not a number stays that");
}

fn linear_has_the_same_bits_with_any_number_of_threads(cpu: &dyn Fn(usize) -> Box<dyn Backend>) {
    let cpus = [cpu(1), cpu(2), cpu(3)];
    let mut numbers = Numbers::new(8);
    for (m, n, k) in [(1500, 384, 384), (37, 1536, 384), (5, 2048, 512), (1, 20_000, 64)] {
        let (w, _) = weight(DType::Q5_1, n, k, &mut numbers);
        let (x, bias) = (numbers.many(m * k), numbers.many(n));
        let mut all = cpus.iter().map(|cpu| {
            let mut out = vec![f32::NAN; m * n];
            cpu.linear(Rows::dense(&x, k), &w, Some(&bias), Epilogue::Gelu, &mut out);
            out
        });
        let first = all.next().expect("three");
        assert!(all.all(|out| out == first), "{m} x {k} x {n}");
    }
}
