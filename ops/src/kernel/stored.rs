use crate::arch::Simd;

/// How 32 consecutive values of a weight row are stored.
pub(super) trait Stored {
    /// Bytes that 32 values take.
    const BYTES: usize;
    /// Bytes that one value takes; 0 where rows are whole blocks of 32.
    const EACH: usize;

    /// Widens 32 values.
    fn widen<S: Simd>(s: S, bytes: &[u8], out: &mut [f32; 32]);
}

macro_rules! plain {
    ($($name:ident, $each:literal, $s:ident, $from:ident => $load:expr;)+) => {$(
        pub(super) struct $name;

        impl Stored for $name {
            const BYTES: usize = 32 * $each;
            const EACH: usize = $each;

            #[inline(always)]
            fn widen<S: Simd>($s: S, bytes: &[u8], out: &mut [f32; 32]) {
                let bytes = &bytes[..Self::BYTES];
                for i in 0..32 / S::LANES {
                    let $from = &bytes[i * S::LANES * $each..];
                    $s.store($load, &mut out[i * S::LANES..]);
                }
            }
        }
    )+};
}

plain! {
    F32, 4, s, from => s.f32(from);
    F16, 2, s, from => s.f16(from);
    BF16, 2, s, from => s.bf16(from);
    I8, 1, s, from => s.i8(from);
}

/// `q8_0`
pub(super) struct Q8;

impl Stored for Q8 {
    const BYTES: usize = 34;
    const EACH: usize = 0;

    #[inline(always)]
    fn widen<S: Simd>(s: S, bytes: &[u8], out: &mut [f32; 32]) {
        let bytes = &bytes[..Self::BYTES];
        let d = s.half([bytes[0], bytes[1]]);
        for i in 0..32 / S::LANES {
            let q = s.i8(&bytes[2 + i * S::LANES..]);
            s.store(s.mul(d, q), &mut out[i * S::LANES..]);
        }
    }
}

/// `q4_0`, `q4_1`, `q5_0` and `q5_1`: a scale, perhaps a minimum, perhaps a fifth bit of each value, nibbles.
pub(super) struct Nibbles<const FIVE: bool, const MINIMUM: bool>;

impl<const FIVE: bool, const MINIMUM: bool> Stored for Nibbles<FIVE, MINIMUM> {
    const BYTES: usize = 18 + 4 * FIVE as usize + 2 * MINIMUM as usize;
    const EACH: usize = 0;

    #[inline(always)]
    fn widen<S: Simd>(s: S, bytes: &[u8], out: &mut [f32; 32]) {
        let bytes = &bytes[..Self::BYTES];
        let d = s.half([bytes[0], bytes[1]]);
        let m = match (MINIMUM, FIVE) {
            (true, _) => s.half([bytes[2], bytes[3]]),
            (false, true) => s.mul(s.splat(-16.0), d),
            (false, false) => s.mul(s.splat(-8.0), d),
        };
        let at = if MINIMUM { 4 } else { 2 };
        let fifth =
            FIVE.then(|| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]));
        let (nibbles, _) = bytes[Self::BYTES - 16..].as_chunks::<16>();
        s.block(&nibbles[0], fifth, d, m, out);
    }
}

/// Widens `out.len()` values of a row that starts with `bytes`.
#[inline(always)]
pub(super) fn widen<S: Simd, D: Stored>(s: S, bytes: &[u8], out: &mut [f32]) {
    let (blocks, rest) = out.as_chunks_mut::<32>();
    let (whole, tail) = bytes.split_at(blocks.len() * D::BYTES);
    for (bytes, out) in whole.chunks_exact(D::BYTES).zip(blocks) {
        D::widen(s, bytes, out);
    }
    if !rest.is_empty() {
        rest.copy_from_slice(&last::<S, D>(s, tail, rest.len())[..rest.len()]);
    }
}

/// The last, fewer than 32, values of a row; zeros after them.
#[inline(always)]
pub(super) fn last<S: Simd, D: Stored>(s: S, bytes: &[u8], values: usize) -> [f32; 32] {
    let (mut padded, mut out) = ([0; 128], [0.0; 32]);
    padded[..values * D::EACH].copy_from_slice(&bytes[..values * D::EACH]);
    D::widen(s, &padded, &mut out);
    out
}

/// Calls a generic function with the [`Stored`] of a dtype.
macro_rules! with_stored {
    ($dtype:expr, $D:ident => $call:expr) => {{
        use $crate::{DType, kernel::stored};
        match $dtype {
            DType::F32 => {
                type $D = stored::F32;
                $call
            }
            DType::F16 => {
                type $D = stored::F16;
                $call
            }
            DType::BF16 => {
                type $D = stored::BF16;
                $call
            }
            DType::I8 => {
                type $D = stored::I8;
                $call
            }
            DType::Q8_0 => {
                type $D = stored::Q8;
                $call
            }
            DType::Q4_0 => {
                type $D = stored::Nibbles<false, false>;
                $call
            }
            DType::Q4_1 => {
                type $D = stored::Nibbles<false, true>;
                $call
            }
            DType::Q5_0 => {
                type $D = stored::Nibbles<true, false>;
                $call
            }
            DType::Q5_1 => {
                type $D = stored::Nibbles<true, true>;
                $call
            }
        }
    }};
}
pub(super) use with_stored;
