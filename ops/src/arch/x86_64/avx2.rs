use std::arch::{is_x86_feature_detected, x86_64::*};

use crate::{
    arch::{Kernel, Simd},
    kernel::tile,
};

/// AVX2 with FMA and F16C. A value exists only where [`Avx2::detect`] found the features: every SAFETY argument
/// below that names "the token" rests on that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// `None` where the processor lacks one of the features that [`Simd::run`] compiles for.
    pub(crate) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c");
        found.then_some(Self(()))
    }
}

const LANES: usize = 8;
type V = __m256;

#[target_feature(enable = "avx2,fma,f16c")]
fn run<K: Kernel>(s: Avx2, kernel: K) -> K::Out {
    kernel.run(s)
}

#[target_feature(enable = "avx2")]
#[inline]
fn transpose(r: &mut [V; 8]) {
    for i in [0, 4] {
        let [a, b, c, d] = [r[i], r[i + 1], r[i + 2], r[i + 3]];
        let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
        let (ef, gh) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
        r[i] = _mm256_shuffle_ps::<0x44>(ab, cd);
        r[i + 1] = _mm256_shuffle_ps::<0xee>(ab, cd);
        r[i + 2] = _mm256_shuffle_ps::<0x44>(ef, gh);
        r[i + 3] = _mm256_shuffle_ps::<0xee>(ef, gh);
    }
    for i in 0..4 {
        let (a, b) = (r[i], r[i + 4]);
        r[i] = _mm256_permute2f128_ps::<0x20>(a, b);
        r[i + 4] = _mm256_permute2f128_ps::<0x31>(a, b);
    }
}

#[target_feature(enable = "avx2,fma")]
#[inline]
fn block(q: __m128i, fifth: Option<u32>, d: V, m: V) -> [V; 4] {
    let first = _mm256_cvtepu8_epi32(q);
    let second = _mm256_cvtepu8_epi32(_mm_unpackhi_epi64(q, q));
    let mask = _mm256_set1_epi32(15);
    let mut q = [
        _mm256_and_si256(first, mask),
        _mm256_and_si256(second, mask),
        _mm256_srli_epi32::<4>(first),
        _mm256_srli_epi32::<4>(second),
    ];
    if let Some(fifth) = fifth {
        let shifts = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        let bit = _mm256_set1_epi32(16);
        for (i, q) in q.iter_mut().enumerate() {
            let bits = _mm256_set1_epi32((fifth >> (8 * i)).cast_signed());
            let bits = _mm256_slli_epi32::<4>(_mm256_srlv_epi32(bits, shifts));
            *q = _mm256_or_si256(*q, _mm256_and_si256(bits, bit));
        }
    }
    [
        _mm256_fmadd_ps(d, _mm256_cvtepi32_ps(q[0]), m),
        _mm256_fmadd_ps(d, _mm256_cvtepi32_ps(q[1]), m),
        _mm256_fmadd_ps(d, _mm256_cvtepi32_ps(q[2]), m),
        _mm256_fmadd_ps(d, _mm256_cvtepi32_ps(q[3]), m),
    ]
}

#[target_feature(enable = "avx2")]
#[inline]
fn sum(v: V) -> f32 {
    let v = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
    let v = _mm_add_ps(v, _mm_movehl_ps(v, v));
    _mm_cvtss_f32(_mm_add_ss(v, _mm_shuffle_ps::<1>(v, v)))
}

/// Adds neighbours of all four until each has one sum left in each half, then the halves.
#[target_feature(enable = "avx2")]
#[inline]
fn sums(v: [V; 4]) -> __m128 {
    let ab = _mm256_add_ps(_mm256_unpacklo_ps(v[0], v[1]), _mm256_unpackhi_ps(v[0], v[1]));
    let cd = _mm256_add_ps(_mm256_unpacklo_ps(v[2], v[3]), _mm256_unpackhi_ps(v[2], v[3]));
    let all = _mm256_add_ps(
        _mm256_shuffle_ps::<0x44>(ab, cd),
        _mm256_shuffle_ps::<0xee>(ab, cd),
    );
    _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps::<1>(all))
}

#[target_feature(enable = "avx2")]
#[inline]
fn largest(v: V) -> f32 {
    let v = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
    let v = _mm_max_ps(v, _mm_movehl_ps(v, v));
    _mm_cvtss_f32(_mm_max_ss(v, _mm_shuffle_ps::<1>(v, v)))
}

#[target_feature(enable = "avx2")]
#[inline]
fn power_of_two(n: V) -> V {
    let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))
}

macro_rules! arithmetic {
    ($($name:ident($($arg:ident),+) = $intrinsic:expr;)+) => {$(
        #[inline(always)]
        fn $name(self, $($arg: V),+) -> V {
            // SAFETY: the token proves avx2 and fma; nothing else is asked of the caller.
            unsafe { $intrinsic }
        }
    )+};
}

impl Simd for Avx2 {
    type V = V;
    const LANES: usize = LANES;
    const TILE_ROWS: usize = 6;
    const SHORT_ROWS: usize = 4;

    #[inline]
    fn run<K: Kernel>(self, kernel: K) -> K::Out {
        // SAFETY: the token proves the features that `run` is compiled for.
        unsafe { run(self, kernel) }
    }

    arithmetic! {
        add(a, b) = _mm256_add_ps(a, b);
        sub(a, b) = _mm256_sub_ps(a, b);
        mul(a, b) = _mm256_mul_ps(a, b);
        div(a, b) = _mm256_div_ps(a, b);
        fma(a, b, c) = _mm256_fmadd_ps(a, b, c);
        max(a, b) = _mm256_max_ps(a, b);
        min(a, b) = _mm256_min_ps(a, b);
        round(v) = _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(v);
    }

    #[inline(always)]
    fn scale(self, v: V, n: V) -> V {
        // SAFETY: the token proves avx2.
        let power = unsafe { power_of_two(n) };
        self.mul(v, power)
    }

    #[inline(always)]
    fn splat(self, x: f32) -> V {
        // SAFETY: the token proves avx2, which includes avx.
        unsafe { _mm256_set1_ps(x) }
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> V {
        let from = from[..LANES].as_ptr();
        // SAFETY: the token proves avx2; the slice one line up is LANES values long.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    fn store(self, v: V, to: &mut [f32]) {
        let to = to[..LANES].as_mut_ptr();
        // SAFETY: the token proves avx2; the slice one line up is LANES values long.
        unsafe { _mm256_storeu_ps(to, v) }
    }

    #[inline(always)]
    fn sum(self, v: V) -> f32 {
        // SAFETY: the token proves avx2.
        unsafe { sum(v) }
    }

    #[inline(always)]
    fn sums(self, v: [V; 4]) -> [f32; 4] {
        // SAFETY: the token proves avx2.
        let sums = unsafe { sums(v) };
        let mut out = [0.0; 4];
        // SAFETY: sse is part of x86-64; the array is four values long.
        unsafe { _mm_storeu_ps(out.as_mut_ptr(), sums) };
        out
    }

    #[inline(always)]
    fn largest(self, v: V) -> f32 {
        // SAFETY: the token proves avx2.
        unsafe { largest(v) }
    }

    #[inline(always)]
    fn transpose(self, rows: &mut [V]) {
        let (rows, _) = rows.as_chunks_mut::<LANES>();
        // SAFETY: the token proves avx2.
        unsafe { transpose(&mut rows[0]) }
    }

    #[inline(always)]
    fn f32(self, from: &[u8]) -> V {
        let from = from[..4 * LANES].as_ptr().cast();
        // SAFETY: the token proves avx2; the slice one line up is LANES values long.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    fn f16(self, from: &[u8]) -> V {
        let from = from[..2 * LANES].as_ptr().cast();
        // SAFETY: sse2 is part of x86-64; the slice one line up is 16 bytes long.
        let halves = unsafe { _mm_loadu_si128(from) };
        // SAFETY: the token proves f16c.
        unsafe { _mm256_cvtph_ps(halves) }
    }

    #[inline(always)]
    fn bf16(self, from: &[u8]) -> V {
        let from = from[..2 * LANES].as_ptr().cast();
        // SAFETY: sse2 is part of x86-64; the slice one line up is 16 bytes long.
        let words = unsafe { _mm_loadu_si128(from) };
        // SAFETY: the token proves avx2.
        let wide = unsafe { _mm256_cvtepu16_epi32(words) };
        // SAFETY: the token proves avx2.
        let bits = unsafe { _mm256_slli_epi32::<16>(wide) };
        // SAFETY: the token proves avx2.
        unsafe { _mm256_castsi256_ps(bits) }
    }

    #[inline(always)]
    fn i8(self, from: &[u8]) -> V {
        let from = from[..LANES].as_ptr().cast();
        // SAFETY: sse2 is part of x86-64; the slice one line up is 8 bytes long.
        let bytes = unsafe { _mm_loadl_epi64(from) };
        // SAFETY: the token proves avx2.
        let wide = unsafe { _mm256_cvtepi8_epi32(bytes) };
        // SAFETY: the token proves avx2.
        unsafe { _mm256_cvtepi32_ps(wide) }
    }

    #[inline(always)]
    fn half(self, from: [u8; 2]) -> V {
        // SAFETY: sse2 is part of x86-64.
        let halves = unsafe { _mm_set1_epi16(i16::from_le_bytes(from)) };
        // SAFETY: the token proves f16c.
        unsafe { _mm256_cvtph_ps(halves) }
    }

    #[inline(always)]
    fn block(self, nibbles: &[u8; 16], fifth: Option<u32>, d: V, m: V, out: &mut [f32; 32]) {
        // SAFETY: sse2 is part of x86-64; the array is 16 bytes long.
        let q = unsafe { _mm_loadu_si128(nibbles.as_ptr().cast()) };
        // SAFETY: the token proves avx2 and fma.
        let parts = unsafe { block(q, fifth, d, m) };
        for i in 0..4 {
            self.store(parts[i], &mut out[i * LANES..]);
        }
    }

    #[inline(always)]
    fn tile(self, a: &[f32], b: &[f32], out: &mut [f32], add: bool) {
        tile::<Self, 6>(self, a, b, out, add);
    }

    #[inline(always)]
    fn short_tile(self, a: &[f32], b: &[f32], out: &mut [f32], add: bool) {
        tile::<Self, 4>(self, a, b, out, add);
    }
}
