use std::arch::{is_x86_feature_detected, x86_64::*};

use crate::{
    arch::{Kernel, Simd},
    kernel::tile,
};

/// AVX-512. A value exists only where [`Avx512::detect`] found the features: every SAFETY argument below that
/// names "the token" rests on that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// `None` where the processor lacks one of the features that [`Simd::run`] compiles for.
    pub(crate) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        found.then_some(Self(()))
    }
}

const LANES: usize = 16;
type V = __m512;

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn run<K: Kernel>(s: Avx512, kernel: K) -> K::Out {
    kernel.run(s)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn transpose(r: &mut [V; 16]) {
    for i in (0..16).step_by(4) {
        let [a, b, c, d] = [r[i], r[i + 1], r[i + 2], r[i + 3]];
        let (ab, cd) = (_mm512_unpacklo_ps(a, b), _mm512_unpacklo_ps(c, d));
        let (ef, gh) = (_mm512_unpackhi_ps(a, b), _mm512_unpackhi_ps(c, d));
        r[i] = _mm512_shuffle_ps::<0x44>(ab, cd);
        r[i + 1] = _mm512_shuffle_ps::<0xee>(ab, cd);
        r[i + 2] = _mm512_shuffle_ps::<0x44>(ef, gh);
        r[i + 3] = _mm512_shuffle_ps::<0xee>(ef, gh);
    }
    // r[4 g + c] now holds column c, c + 4, c + 8, c + 12 of rows 4 g .. 4 g + 3, one in each quarter
    for c in 0..4 {
        let (p, q) = (
            _mm512_shuffle_f32x4::<0x88>(r[c], r[c + 4]),
            _mm512_shuffle_f32x4::<0x88>(r[c + 8], r[c + 12]),
        );
        let (s, t) = (
            _mm512_shuffle_f32x4::<0xdd>(r[c], r[c + 4]),
            _mm512_shuffle_f32x4::<0xdd>(r[c + 8], r[c + 12]),
        );
        r[c] = _mm512_shuffle_f32x4::<0x88>(p, q);
        r[c + 4] = _mm512_shuffle_f32x4::<0x88>(s, t);
        r[c + 8] = _mm512_shuffle_f32x4::<0xdd>(p, q);
        r[c + 12] = _mm512_shuffle_f32x4::<0xdd>(s, t);
    }
}

/// Adds neighbours of all four until each has one sum left in each quarter, then the quarters.
#[target_feature(enable = "avx512f")]
#[inline]
fn sums(v: [V; 4]) -> __m128 {
    let ab = _mm512_add_ps(_mm512_unpacklo_ps(v[0], v[1]), _mm512_unpackhi_ps(v[0], v[1]));
    let cd = _mm512_add_ps(_mm512_unpacklo_ps(v[2], v[3]), _mm512_unpackhi_ps(v[2], v[3]));
    let all = _mm512_add_ps(
        _mm512_shuffle_ps::<0x44>(ab, cd),
        _mm512_shuffle_ps::<0xee>(ab, cd),
    );
    let all = _mm512_add_ps(all, _mm512_shuffle_f32x4::<0x4e>(all, all));
    let all = _mm512_add_ps(all, _mm512_shuffle_f32x4::<0xb1>(all, all));
    _mm512_castps512_ps128(all)
}

/// The five (four) bits of a value select one of 32 (16) results: no conversion of integers.
#[target_feature(enable = "avx512f")]
#[inline]
fn block(q: __m128i, fifth: Option<u32>, d: V, m: V) -> (V, V) {
    let low = _mm512_setr_ps(
        0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0,
    );
    let table = _mm512_fmadd_ps(d, low, m);
    let q = _mm512_cvtepu8_epi32(q);
    let r = _mm512_srli_epi32::<4>(q);
    let Some(fifth) = fifth else {
        return (_mm512_permutexvar_ps(q, table), _mm512_permutexvar_ps(r, table));
    };
    let upper = _mm512_fmadd_ps(d, _mm512_add_ps(low, _mm512_set1_ps(16.0)), m);
    let (q, bit) = (_mm512_and_si512(q, _mm512_set1_epi32(15)), _mm512_set1_epi32(16));
    let q = _mm512_mask_or_epi32(q, fifth as u16, q, bit);
    let r = _mm512_mask_or_epi32(r, (fifth >> 16) as u16, r, bit);
    (
        _mm512_permutex2var_ps(table, q, upper),
        _mm512_permutex2var_ps(table, r, upper),
    )
}

macro_rules! arithmetic {
    ($($name:ident($($arg:ident),+) = $intrinsic:expr;)+) => {$(
        #[inline(always)]
        fn $name(self, $($arg: V),+) -> V {
            // SAFETY: the token proves avx512f; nothing else is asked of the caller.
            unsafe { $intrinsic }
        }
    )+};
}

impl Simd for Avx512 {
    type V = V;
    const LANES: usize = LANES;
    const TILE_ROWS: usize = 12;
    const SHORT_ROWS: usize = 8;

    #[inline]
    fn run<K: Kernel>(self, kernel: K) -> K::Out {
        // SAFETY: the token proves the features that `run` is compiled for.
        unsafe { run(self, kernel) }
    }

    arithmetic! {
        add(a, b) = _mm512_add_ps(a, b);
        sub(a, b) = _mm512_sub_ps(a, b);
        mul(a, b) = _mm512_mul_ps(a, b);
        div(a, b) = _mm512_div_ps(a, b);
        fma(a, b, c) = _mm512_fmadd_ps(a, b, c);
        max(a, b) = _mm512_max_ps(a, b);
        min(a, b) = _mm512_min_ps(a, b);
        round(v) = _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT }>(v);
        scale(v, n) = _mm512_scalef_ps(v, n);
    }

    #[inline(always)]
    fn splat(self, x: f32) -> V {
        // SAFETY: the token proves avx512f.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> V {
        let from = from[..LANES].as_ptr();
        // SAFETY: the token proves avx512f; the slice one line up is LANES values long.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    fn store(self, v: V, to: &mut [f32]) {
        let to = to[..LANES].as_mut_ptr();
        // SAFETY: the token proves avx512f; the slice one line up is LANES values long.
        unsafe { _mm512_storeu_ps(to, v) }
    }

    #[inline(always)]
    fn sum(self, v: V) -> f32 {
        // SAFETY: the token proves avx512f.
        unsafe { _mm512_reduce_add_ps(v) }
    }

    #[inline(always)]
    fn sums(self, v: [V; 4]) -> [f32; 4] {
        // SAFETY: the token proves avx512f.
        let sums = unsafe { sums(v) };
        let mut out = [0.0; 4];
        // SAFETY: sse is part of x86-64; the array is four values long.
        unsafe { _mm_storeu_ps(out.as_mut_ptr(), sums) };
        out
    }

    #[inline(always)]
    fn largest(self, v: V) -> f32 {
        // SAFETY: the token proves avx512f.
        unsafe { _mm512_reduce_max_ps(v) }
    }

    #[inline(always)]
    fn transpose(self, rows: &mut [V]) {
        let (rows, _) = rows.as_chunks_mut::<LANES>();
        // SAFETY: the token proves avx512f.
        unsafe { transpose(&mut rows[0]) }
    }

    #[inline(always)]
    fn f32(self, from: &[u8]) -> V {
        let from = from[..4 * LANES].as_ptr().cast();
        // SAFETY: the token proves avx512f; the slice one line up is LANES values long.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    fn f16(self, from: &[u8]) -> V {
        let from = from[..2 * LANES].as_ptr().cast();
        // SAFETY: the token proves avx512f, which includes avx; the slice one line up is 32 bytes long.
        let halves = unsafe { _mm256_loadu_si256(from) };
        // SAFETY: the token proves avx512f.
        unsafe { _mm512_cvtph_ps(halves) }
    }

    #[inline(always)]
    fn bf16(self, from: &[u8]) -> V {
        let from = from[..2 * LANES].as_ptr().cast();
        // SAFETY: the token proves avx512f, which includes avx; the slice one line up is 32 bytes long.
        let words = unsafe { _mm256_loadu_si256(from) };
        // SAFETY: the token proves avx512f.
        let wide = unsafe { _mm512_cvtepu16_epi32(words) };
        // SAFETY: the token proves avx512f.
        let bits = unsafe { _mm512_slli_epi32::<16>(wide) };
        // SAFETY: the token proves avx512f.
        unsafe { _mm512_castsi512_ps(bits) }
    }

    #[inline(always)]
    fn i8(self, from: &[u8]) -> V {
        let from = from[..LANES].as_ptr().cast();
        // SAFETY: sse2 is part of x86-64; the slice one line up is 16 bytes long.
        let bytes = unsafe { _mm_loadu_si128(from) };
        // SAFETY: the token proves avx512f.
        let wide = unsafe { _mm512_cvtepi8_epi32(bytes) };
        // SAFETY: the token proves avx512f.
        unsafe { _mm512_cvtepi32_ps(wide) }
    }

    #[inline(always)]
    fn half(self, from: [u8; 2]) -> V {
        // SAFETY: the token proves avx512f, which includes avx.
        let halves = unsafe { _mm256_set1_epi16(i16::from_le_bytes(from)) };
        // SAFETY: the token proves avx512f.
        unsafe { _mm512_cvtph_ps(halves) }
    }

    #[inline(always)]
    fn block(self, nibbles: &[u8; 16], fifth: Option<u32>, d: V, m: V, out: &mut [f32; 32]) {
        // SAFETY: sse2 is part of x86-64; the array is 16 bytes long.
        let q = unsafe { _mm_loadu_si128(nibbles.as_ptr().cast()) };
        // SAFETY: the token proves avx512f.
        let (low, high) = unsafe { block(q, fifth, d, m) };
        self.store(low, &mut out[..LANES]);
        self.store(high, &mut out[LANES..]);
    }

    #[inline(always)]
    fn tile(self, a: &[f32], b: &[f32], out: &mut [f32], add: bool) {
        tile::<Self, 12>(self, a, b, out, add);
    }

    #[inline(always)]
    fn short_tile(self, a: &[f32], b: &[f32], out: &mut [f32], add: bool) {
        tile::<Self, 8>(self, a, b, out, add);
    }
}
