//! Writing weights in a storage type, as ggml's reference functions do (`quantize_row_*_ref` of `ggml-quants.c`).
use half::{bf16, f16};

use crate::DType;

/// Values a block of ggml's formats.
const BLOCK: usize = 32;
const HALF: usize = BLOCK / 2;

/// Appends `values`, one row or several whole ones, to `out` in the storage type `dtype`.
///
/// Block formats take blocks of 32 values; rows are multiples of that, so rows may be given together. Half precision
/// rounds to nearest even. The bytes are those that ggml makes of the same values.
///
/// # Panics
/// Where `values` is no whole number of blocks, or `dtype` is [`DType::I8`], whose scales lie outside the bytes.
pub fn quantize(dtype: DType, values: &[f32], out: &mut Vec<u8>) {
    let (blocks, rest) = values.as_chunks::<BLOCK>();
    let (block, bytes) = dtype.block();
    assert!(
        block == 1 || rest.is_empty(),
        "{} values are no whole number of blocks of {block}",
        values.len()
    );
    out.reserve(values.len() / block * bytes);
    match dtype {
        DType::F32 => out.extend(values.iter().flat_map(|v| v.to_le_bytes())),
        DType::F16 => out.extend(values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes())),
        DType::BF16 => out.extend(values.iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes())),
        DType::Q4_0 => blocks.iter().for_each(|b| symmetric::<4>(b, out)),
        DType::Q5_0 => blocks.iter().for_each(|b| symmetric::<5>(b, out)),
        DType::Q4_1 => blocks.iter().for_each(|b| from_minimum::<4>(b, out)),
        DType::Q5_1 => blocks.iter().for_each(|b| from_minimum::<5>(b, out)),
        DType::Q8_0 => blocks.iter().for_each(|b| bytes_of(b, out)),
        DType::I8 => panic!("int8 rows carry their scale outside the bytes"),
    }
}

fn inverse(d: f32) -> f32 {
    if d == 0.0 { 0.0 } else { 1.0 / d }
}

fn half(out: &mut Vec<u8>, v: f32) {
    out.extend(f16::from_f32(v).to_le_bytes());
}

/// Scale only: the value of the largest magnitude becomes the lowest number, so that it is met exactly.
fn symmetric<const BITS: u32>(x: &[f32; BLOCK], out: &mut Vec<u8>) {
    let zero = 1_u32 << (BITS - 1);
    let largest = |max: f32, v: &f32| if max.abs() < v.abs() { *v } else { max };
    let d = x.iter().fold(0.0, largest) / -(zero as f32);
    let id = inverse(d);
    half(out, d);
    // Truncation after adding a half: a float-to-integer cast saturates, so a damaged input stays defined.
    let number = |v: f32| ((v * id + (zero as f32 + 0.5)) as i8).min((2 * zero - 1) as i8) as u8;
    pack::<BITS>(&x.map(number), out);
}

/// Scale and minimum: the smallest value becomes 0.
fn from_minimum<const BITS: u32>(x: &[f32; BLOCK], out: &mut Vec<u8>) {
    let top = (1_u32 << BITS) - 1;
    let min = x.iter().copied().fold(f32::MAX, |a, b| if b < a { b } else { a });
    let max = x.iter().copied().fold(f32::MIN, |a, b| if b > a { b } else { a });
    let d = (max - min) / top as f32;
    let id = inverse(d);
    half(out, d);
    half(out, min);
    let number = |v: f32| (((v - min) * id + 0.5) as u8).min(top as u8);
    pack::<BITS>(&x.map(number), out);
}

/// Low four bits of values `i` and `i + 16` in byte `i`; before them, of five bits, the fifth ones as a mask.
fn pack<const BITS: u32>(q: &[u8; BLOCK], out: &mut Vec<u8>) {
    if BITS == 5 {
        let bits = q.iter().enumerate().map(|(i, q)| u32::from(q >> 4 & 1) << i);
        out.extend(bits.fold(0, |a, b| a | b).to_le_bytes());
    }
    let (low, high) = q.split_at(HALF);
    out.extend(low.iter().zip(high).map(|(l, h)| l & 15 | (h & 15) << 4));
}

fn bytes_of(x: &[f32; BLOCK], out: &mut Vec<u8>) {
    let d = x.iter().fold(0.0, |a: f32, v| a.max(v.abs())) / 127.0;
    let id = inverse(d);
    half(out, d);
    out.extend(x.iter().map(|v| ((v * id).round() as i8).cast_unsigned()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bytes, Matrix};

    /// 64 values in [-0.5, 0.5) and, from the second block on, in [0.1875, 0.3125).
    fn values() -> Vec<f32> {
        let value = |i: u64| ((i * 2_654_435_761 % (1 << 32)) >> 8) as f32 / (1 << 24) as f32 - 0.5;
        (0..64)
            .map(value)
            .enumerate()
            .map(|(i, v)| if i < 32 { v } else { v * 0.125 + 0.25 })
            .collect()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    #[test]
    fn blocks_are_those_of_ggml() {
        // Made of the same values by `quantize_row_*_ref` of libggml-base 0.13.1; gguf's `quants.py` agrees.
        let expected = [
            (
                DType::Q4_0,
                "002ce08a24ce68f1ab35df7913bd57f19a34fca811220321321022031122002133112203",
            ),
            (
                DType::Q4_1,
                "2d2c00b8e08924bd67f19b35de7913bc56e18a242d200d32ac46e08924bd67f19b35de7913bc56e1",
            ),
            (
                DType::Q5_0,
                "00284a4b6b69c004488bcff3377abee2266aade11559fca40000000021541632552143062254103365214406",
            ),
            (
                DType::Q5_1,
                "0b2800b84a4b6b69c004478bbff3367aaee22669add115590b1c0d32292dada5589cc004478bbff3367aaee22669add1",
            ),
            (
                DType::Q8_0,
                "081c811ebd5af99835d47110af4ceb8a27c66302a13edd7a19b855f4922fce6b0aa9\
                 061974614d6d59796552715e7d6a5676624f6e5b7a675373607f6c58786451705d7c",
            ),
        ];
        for (dtype, expected) in expected {
            let mut out = Vec::new();
            quantize(dtype, &values(), &mut out);
            assert_eq!(hex(&out), expected, "{dtype}");
        }
    }

    #[test]
    fn widening_gives_back_what_the_bits_can_hold() {
        let values = values();
        for (dtype, steps) in [
            (DType::F32, f32::INFINITY),
            (DType::F16, 1024.0),
            (DType::BF16, 128.0),
            (DType::Q4_0, 7.9),
            (DType::Q4_1, 14.9),
            (DType::Q5_0, 15.8),
            (DType::Q5_1, 30.7),
            (DType::Q8_0, 126.5),
        ] {
            let mut bytes = Vec::new();
            quantize(dtype, &values, &mut bytes);
            let matrix = Matrix::new(dtype, 2, 32, Bytes::from(bytes)).unwrap();
            let mut row = [0.0; 32];
            for (i, values) in values.chunks(32).enumerate() {
                matrix.row_into(i, &mut row);
                let worst = values
                    .iter()
                    .zip(&row)
                    .map(|(a, b)| (a - b).abs())
                    .fold(0.0, f32::max);
                assert!(worst <= 0.5 / steps, "{dtype} row {i}: {worst}");
            }
        }
    }

    #[test]
    fn a_block_of_zeros_stays_zero() {
        for dtype in [DType::Q4_0, DType::Q4_1, DType::Q5_0, DType::Q5_1, DType::Q8_0] {
            let mut bytes = Vec::new();
            quantize(dtype, &[0.0; 32], &mut bytes);
            let matrix = Matrix::new(dtype, 1, 32, Bytes::from(bytes)).unwrap();
            let mut row = [1.0; 32];
            matrix.row_into(0, &mut row);
            assert_eq!(row, [0.0; 32], "{dtype}");
        }
    }

    #[test]
    #[should_panic(expected = "no whole number of blocks")]
    fn half_a_block_is_refused() {
        quantize(DType::Q8_0, &[0.0; 16], &mut Vec::new());
    }
}
