use xdna_ops::{Attention, Backend, CacheRow, DecodeAttention, Rows};

use crate::{
    Check,
    reference::{Numbers, head, near},
};

pub const CHECKS: &[(&str, Check)] = &[
    (
        "attention_weighs_values_by_the_softmax_of_scores",
        attention_weighs_values_by_the_softmax_of_scores,
    ),
    (
        "attention_keeps_its_scores_where_asked",
        attention_keeps_its_scores_where_asked,
    ),
    ("attention_stands_extreme_scores", attention_stands_extreme_scores),
    ("attention_reads_rows_with_gaps", attention_reads_rows_with_gaps),
    (
        "decode_attention_sees_the_rows_it_is_told",
        decode_attention_sees_the_rows_it_is_told,
    ),
    (
        "attention_has_the_same_bits_with_any_number_of_threads",
        attention_has_the_same_bits_with_any_number_of_threads,
    ),
];

/// Output `[n, d]` and scores `[heads, n, m]` in double precision.
fn expected(a: &Attention<'_>) -> (Vec<f64>, Vec<f64>) {
    let (n, d) = (a.q.rows, a.q.cols);
    let size = d / a.heads;
    let (mut out, mut scores) = (vec![0.0; n * d], Vec::new());
    for h in 0..a.heads {
        let part = h * size..(h + 1) * size;
        let rows = |m: &Rows<'_>| {
            (0..m.rows)
                .map(|j| m.row(j)[part.clone()].to_vec())
                .collect::<Vec<_>>()
        };
        let (k, v) = (rows(&a.k), rows(&a.v));
        let (k, v): (Vec<&[f32]>, Vec<&[f32]>) = (
            k.iter().map(|r| &r[..]).collect(),
            v.iter().map(|r| &r[..]).collect(),
        );
        for i in 0..n {
            let (s, o) = head(&a.q.row(i)[part.clone()], &k, &v);
            scores.extend(s);
            out[i * d + h * size..][..size].copy_from_slice(&o);
        }
    }
    (out, scores)
}

/// Queries, keys, heads, head size: of real models, and of none.
const SHAPES: [(usize, usize, usize, usize); 9] = [
    (1, 1500, 6, 64),
    (5, 1500, 8, 64),
    (3, 7, 2, 24),
    (8, 100, 1, 5),
    (9, 12, 2, 32),
    (40, 1, 3, 64),
    (65, 197, 4, 17),
    (100, 300, 2, 64),
    (33, 95, 1, 128),
];

fn attention_weighs_values_by_the_softmax_of_scores(cpu: &dyn Fn(usize) -> Box<dyn Backend>) {
    let cpu = cpu(2);
    let mut numbers = Numbers::new(11);
    for (n, m, heads, size) in SHAPES {
        let d = heads * size;
        let (q, k, v) = (numbers.many(n * d), numbers.many(m * d), numbers.many(m * d));
        let q: Vec<f32> = q.iter().map(|q| q * 8.0).collect();
        let a = Attention {
            q: Rows::dense(&q, d),
            k: Rows::dense(&k, d),
            v: Rows::dense(&v, d),
            heads,
        };
        let (out, _) = expected(&a);
        let mut found = vec![f32::NAN; n * d];
        cpu.attention(a, &mut found);
        near(&format!("{n} x {m} x {heads} x {size}"), &found, &out, 3e-6);
    }
}

fn attention_keeps_its_scores_where_asked(cpu: &dyn Fn(usize) -> Box<dyn Backend>) {
    let cpu = cpu(2);
    let mut numbers = Numbers::new(12);
    for (n, m, heads, size) in SHAPES {
        let d = heads * size;
        let (q, k, v) = (numbers.many(n * d), numbers.many(m * d), numbers.many(m * d));
        let a = Attention {
            q: Rows::dense(&q, d),
            k: Rows::dense(&k, d),
            v: Rows::dense(&v, d),
            heads,
        };
        let (out, scores) = expected(&a);
        let (mut found, mut kept) = (vec![f32::NAN; n * d], vec![f32::NAN; heads * n * m]);
        cpu.cross_attention(a, Some(&mut kept), &mut found);
        near(
            &format!("{n} x {m} x {heads} x {size}, scores"),
            &kept,
            &scores,
            3e-6,
        );
        near(&format!("{n} x {m} x {heads} x {size}"), &found, &out, 3e-6);
    }
}

/// One key outweighs all others by more than an exponent holds.
fn attention_stands_extreme_scores(cpu: &dyn Fn(usize) -> Box<dyn Backend>) {
    let cpu = cpu(1);
    let (m, d) = (50, 64);
    let mut numbers = Numbers::new(13);
    let v = numbers.many(m * d);
    let mut k = vec![-30.0; m * d];
    k[7 * d..8 * d].fill(30.0);
    for n in [1, 20] {
        let q = vec![30.0; n * d];
        let a = Attention {
            q: Rows::dense(&q, d),
            k: Rows::dense(&k, d),
            v: Rows::dense(&v, d),
            heads: 1,
        };
        let mut found = vec![f32::NAN; n * d];
        cpu.attention(a, &mut found);
        for out in found.chunks(d) {
            assert_eq!(out, &v[7 * d..8 * d], "{n} queries");
        }
    }
}

/// Queries, keys and values side by side in one product.
fn attention_reads_rows_with_gaps(cpu: &dyn Fn(usize) -> Box<dyn Backend>) {
    let cpu = cpu(1);
    let (d, heads) = (128, 2);
    let mut numbers = Numbers::new(14);
    for n in [4, 70] {
        let all = numbers.many(n * 3 * d);
        let part = |i: usize| Rows {
            data: &all[i * d..],
            rows: n,
            cols: d,
            stride: 3 * d,
        };
        let a = Attention {
            q: part(0),
            k: part(1),
            v: part(2),
            heads,
        };
        let (out, _) = expected(&a);
        let mut found = vec![f32::NAN; n * d];
        cpu.attention(a, &mut found);
        near(&format!("{n} rows"), &found, &out, 3e-6);
    }
}

fn decode_attention_sees_the_rows_it_is_told(cpu: &dyn Fn(usize) -> Box<dyn Backend>) {
    let cpu = cpu(2);
    let mut numbers = Numbers::new(15);
    for (heads, size) in [(6, 64), (2, 32), (3, 20)] {
        let (d, cached) = (heads * size, 900);
        let (k, v) = (numbers.many(cached * d), numbers.many(cached * d));
        let lengths = [1, 2, 16, 17, 448];
        let seen: Vec<Vec<CacheRow>> = lengths
            .iter()
            .map(|&n| (0..n).map(|j| ((j * 7 + n) % cached) as CacheRow).collect())
            .collect();
        let seen: Vec<&[CacheRow]> = seen.iter().map(|s| &s[..]).collect();
        let q = numbers.many(seen.len() * d);
        let mut expected = vec![0.0; q.len()];
        for (i, seen) in seen.iter().enumerate() {
            for h in 0..heads {
                let part = |m: &'_ [f32], r: CacheRow| m[r as usize * d + h * size..][..size].to_vec();
                let (k, v): (Vec<_>, Vec<_>) = seen.iter().map(|&r| (part(&k, r), part(&v, r))).unzip();
                let (k, v): (Vec<&[f32]>, Vec<&[f32]>) = (
                    k.iter().map(|r| &r[..]).collect(),
                    v.iter().map(|r| &r[..]).collect(),
                );
                let (_, out) = head(&q[i * d + h * size..][..size], &k, &v);
                expected[i * d + h * size..][..size].copy_from_slice(&out);
            }
        }
        let mut found = vec![f32::NAN; q.len()];
        cpu.decode_attention(
            DecodeAttention {
                q: Rows::dense(&q, d),
                k: &k,
                v: &v,
                seen: &seen,
                heads,
            },
            &mut found,
        );
        near(&format!("{heads} x {size}"), &found, &expected, 2e-6);
    }
}

fn attention_has_the_same_bits_with_any_number_of_threads(cpu: &dyn Fn(usize) -> Box<dyn Backend>) {
    let cpus = [cpu(1), cpu(2), cpu(3)];
    let mut numbers = Numbers::new(16);
    for (n, m, heads, size) in [(1, 1500, 6, 64), (300, 300, 6, 64)] {
        let d = heads * size;
        let (q, k, v) = (numbers.many(n * d), numbers.many(m * d), numbers.many(m * d));
        let a = Attention {
            q: Rows::dense(&q, d),
            k: Rows::dense(&k, d),
            v: Rows::dense(&v, d),
            heads,
        };
        let mut all = cpus.iter().map(|cpu| {
            let (mut out, mut kept) = (vec![f32::NAN; n * d], vec![f32::NAN; heads * n * m]);
            cpu.cross_attention(a, Some(&mut kept), &mut out);
            (out, kept)
        });
        let first = all.next().expect("three");
        assert!(all.all(|out| out == first), "{n} x {m}");
    }
}
