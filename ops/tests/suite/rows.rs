use xdna_ops::{Backend, Rows};

use crate::{
    Check,
    reference::{Numbers, near},
};

pub const CHECKS: &[(&str, Check)] = &[
    (
        "layer_norm_centres_and_scales_rows",
        layer_norm_centres_and_scales_rows,
    ),
    (
        "name_says_instructions_and_threads",
        name_says_instructions_and_threads,
    ),
];

fn layer_norm_centres_and_scales_rows(cpu: &dyn Fn(usize) -> Box<dyn Backend>) {
    let cpu = cpu(2);
    let mut numbers = Numbers::new(21);
    for (m, n) in [(0, 16), (1, 384), (3, 17), (1500, 384), (40, 1280), (2, 3)] {
        let x: Vec<f32> = numbers.many(m * n).iter().map(|x| x * 5.0 + 100.0).collect();
        let (gain, bias) = (numbers.many(n), numbers.many(n));
        let mut expected = Vec::new();
        for row in x.chunks(n) {
            let row: Vec<f64> = row.iter().map(|x| f64::from(*x)).collect();
            let mean = row.iter().sum::<f64>() / n as f64;
            let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64;
            let scaled = row.iter().map(|x| (x - mean) / (variance + 1e-5).sqrt());
            expected.extend(
                scaled
                    .zip(gain.iter().zip(&bias))
                    .map(|(x, (g, b))| x * f64::from(*g) + f64::from(*b)),
            );
        }
        let mut found = vec![f32::NAN; m * n];
        cpu.layer_norm(Rows::dense(&x, n), &gain, &bias, &mut found);
        near(&format!("{m} x {n}"), &found, &expected, 2e-5);
    }
}

fn name_says_instructions_and_threads(cpu: &dyn Fn(usize) -> Box<dyn Backend>) {
    let (one, two) = (cpu(1).name(), cpu(2).name());
    assert!(one.starts_with("cpu (") && one.ends_with(", 1 thread)"), "{one}");
    assert!(two.ends_with(", 2 threads)"), "{two}");
}
