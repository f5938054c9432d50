use crate::arch::Simd;

/// Numerator and denominator, in powers of x^2, of erf(x / sqrt 2) / x on |x| <= 5.3: a minimax fit, error 1.2e-8.
const ERF_P: [f32; 6] = [
    0.797_884_2,
    0.067_793_51,
    0.009_375_45,
    0.000_340_734_1,
    1.293_635_8e-5,
    4.677_472e-8,
];
const ERF_Q: [f32; 6] = [
    1.0,
    0.251_631_4,
    0.028_691_58,
    0.001_892_487,
    7.469_943e-5,
    1.224_647_2e-6,
];

/// (e^r - 1 - r) / r^2 in powers of r on |r| <= ln(2) / 2: the polynomial of the Cephes library's `expf`.
const EXP: [f32; 6] = [
    0.5,
    0.166_666_65,
    0.041_665_796,
    0.008_333_452,
    0.001_398_199_9,
    0.000_198_756_91,
];

#[inline(always)]
fn polynomial<S: Simd>(s: S, coefficients: &[f32; 6], x: S::V) -> S::V {
    let mut sum = s.splat(coefficients[5]);
    for i in (0..5).rev() {
        sum = s.fma(sum, x, s.splat(coefficients[i]));
    }
    sum
}

/// GELU, exact form: x times the normal distribution function of x; within 1.2e-6.
#[inline(always)]
pub(super) fn gelu<S: Simd>(s: S, x: S::V) -> S::V {
    let clamped = s.max(s.splat(-5.3), s.min(s.splat(5.3), x));
    let square = s.mul(clamped, clamped);
    let (p, q) = (polynomial(s, &ERF_P, square), polynomial(s, &ERF_Q, square));
    let erf = s.div(s.mul(clamped, p), q);
    // beyond the fit the error function is one, exactly
    let erf = s.add(erf, s.sub(x, clamped));
    let erf = s.max(s.splat(-1.0), s.min(s.splat(1.0), erf));
    let half = s.mul(s.splat(0.5), x);
    s.fma(half, erf, half)
}

/// e^x for x <= 88, relative error 2e-7; what is below -87 counts as -87.
#[inline(always)]
pub(super) fn exp<S: Simd>(s: S, x: S::V) -> S::V {
    let x = s.max(s.splat(-87.0), x);
    let n = s.round(s.mul(x, s.splat(std::f32::consts::LOG2_E)));
    // ln 2 in two parts, the first with few enough bits that its product with n is exact
    let r = s.fma(n, s.splat(-0.693_359_4), x);
    let r = s.fma(n, s.splat(2.121_944_4e-4), r);
    let rest = polynomial(s, &EXP, r);
    let sum = s.fma(rest, s.mul(r, r), s.add(r, s.splat(1.0)));
    s.scale(sum, n)
}

/// Softmax of `row`, whose length is a multiple of `S::LANES`; pad with [`f32::NEG_INFINITY`].
#[inline(always)]
pub(super) fn softmax<S: Simd>(s: S, row: &mut [f32]) {
    let mut largest = s.splat(f32::NEG_INFINITY);
    for v in row.chunks_exact(S::LANES) {
        largest = s.max(largest, s.load(v));
    }
    let largest = s.splat(s.largest(largest));
    let mut sum = s.splat(0.0);
    for v in row.chunks_exact_mut(S::LANES) {
        let e = exp(s, s.sub(s.load(v), largest));
        sum = s.add(sum, e);
        s.store(e, v);
    }
    let scale = s.splat(1.0 / s.sum(sum));
    for v in row.chunks_exact_mut(S::LANES) {
        s.store(s.mul(s.load(v), scale), v);
    }
}
