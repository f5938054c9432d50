use half::{bf16, f16};

use super::{Kernel, Simd};
use crate::kernel::tile;

/// Plain Rust; the compiler makes vectors of it where the target has some.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable;

const LANES: usize = 4;
type V = [f32; LANES];

#[inline(always)]
fn zip(a: V, b: V, f: impl Fn(f32, f32) -> f32) -> V {
    std::array::from_fn(|i| f(a[i], b[i]))
}

impl Simd for Portable {
    type V = V;
    const LANES: usize = LANES;
    const TILE_ROWS: usize = 4;
    const SHORT_ROWS: usize = 4;

    #[inline]
    fn run<K: Kernel>(self, kernel: K) -> K::Out {
        kernel.run(self)
    }

    #[inline(always)]
    fn splat(self, x: f32) -> V {
        [x; LANES]
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> V {
        std::array::from_fn(|i| from[..LANES][i])
    }

    #[inline(always)]
    fn store(self, v: V, to: &mut [f32]) {
        to[..LANES].copy_from_slice(&v);
    }

    #[inline(always)]
    fn add(self, a: V, b: V) -> V {
        zip(a, b, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, a: V, b: V) -> V {
        zip(a, b, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, a: V, b: V) -> V {
        zip(a, b, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, a: V, b: V) -> V {
        zip(a, b, |a, b| a / b)
    }

    #[inline(always)]
    fn fma(self, a: V, b: V, c: V) -> V {
        // not mul_add: without the instruction that is a function call
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }

    #[inline(always)]
    fn max(self, a: V, b: V) -> V {
        zip(a, b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn min(self, a: V, b: V) -> V {
        zip(a, b, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    fn round(self, v: V) -> V {
        // adding and taking away 1.5 * 2^23 leaves the nearest integer of anything below 2^22
        v.map(|x| (x + 12_582_912.0) - 12_582_912.0)
    }

    #[inline(always)]
    fn scale(self, v: V, n: V) -> V {
        zip(v, n, |v, n| v * f32::from_bits(((n as i32 + 127) as u32) << 23))
    }

    #[inline(always)]
    fn sum(self, v: V) -> f32 {
        (v[0] + v[2]) + (v[1] + v[3])
    }

    #[inline(always)]
    fn sums(self, v: [V; 4]) -> [f32; 4] {
        v.map(|v| self.sum(v))
    }

    #[inline(always)]
    fn largest(self, v: V) -> f32 {
        v[0].max(v[1]).max(v[2].max(v[3]))
    }

    #[inline(always)]
    fn transpose(self, rows: &mut [V]) {
        let (from, _) = rows.as_chunks_mut::<LANES>();
        let copy = from[0];
        from[0] = std::array::from_fn(|i| std::array::from_fn(|j| copy[j][i]));
    }

    #[inline(always)]
    fn f32(self, from: &[u8]) -> V {
        let (words, _) = from.as_chunks::<4>();
        std::array::from_fn(|i| f32::from_le_bytes(words[..LANES][i]))
    }

    #[inline(always)]
    fn f16(self, from: &[u8]) -> V {
        let (words, _) = from.as_chunks::<2>();
        std::array::from_fn(|i| f16::from_le_bytes(words[..LANES][i]).to_f32())
    }

    #[inline(always)]
    fn bf16(self, from: &[u8]) -> V {
        let (words, _) = from.as_chunks::<2>();
        std::array::from_fn(|i| bf16::from_le_bytes(words[..LANES][i]).to_f32())
    }

    #[inline(always)]
    fn i8(self, from: &[u8]) -> V {
        std::array::from_fn(|i| f32::from(from[..LANES][i].cast_signed()))
    }

    #[inline(always)]
    fn half(self, from: [u8; 2]) -> V {
        [f16::from_le_bytes(from).to_f32(); LANES]
    }

    #[inline(always)]
    fn block(self, nibbles: &[u8; 16], fifth: Option<u32>, d: V, m: V, out: &mut [f32; 32]) {
        let (d, m) = (d[0], m[0]);
        let fifth = fifth.unwrap_or(0);
        for (i, &q) in nibbles.iter().enumerate() {
            let bit = |n: usize| ((fifth >> n) & 1) << 4;
            out[i] = d * (u32::from(q & 15) | bit(i)) as f32 + m;
            out[i + 16] = d * (u32::from(q >> 4) | bit(i + 16)) as f32 + m;
        }
    }

    #[inline(always)]
    fn tile(self, a: &[f32], b: &[f32], out: &mut [f32], add: bool) {
        tile::<Self, 4>(self, a, b, out, add);
    }

    #[inline(always)]
    fn short_tile(self, a: &[f32], b: &[f32], out: &mut [f32], add: bool) {
        tile::<Self, 4>(self, a, b, out, add);
    }
}
