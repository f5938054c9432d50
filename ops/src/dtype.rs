use std::fmt;

/// How a weight is stored. Block formats are ggml's (`ggml-common.h`, blocks of 32 values along a row).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DType {
    /// IEEE single precision, little-endian.
    F32,
    /// IEEE half precision, little-endian.
    F16,
    /// bfloat16, little-endian.
    BF16,
    /// 4 bits, f16 scale: `d * (q - 8)`; 18 bytes a block.
    Q4_0,
    /// 4 bits, f16 scale and minimum: `d * q + m`; 20 bytes a block.
    Q4_1,
    /// 5 bits, f16 scale: `d * (q - 16)`; 22 bytes a block.
    Q5_0,
    /// 5 bits, f16 scale and minimum: `d * q + m`; 24 bytes a block.
    Q5_1,
    /// 8 bits, f16 scale: `d * q`; 34 bytes a block.
    Q8_0,
    /// 8 bits with one f32 multiplier a row, kept beside the bytes (CTranslate2's int8 once its scale is inverted).
    I8,
}

impl DType {
    /// Values a block, and bytes a block.
    pub const fn block(self) -> (usize, usize) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::BF16 => (1, 2),
            Self::Q4_0 => (32, 18),
            Self::Q4_1 => (32, 20),
            Self::Q5_0 => (32, 22),
            Self::Q5_1 => (32, 24),
            Self::Q8_0 => (32, 34),
            Self::I8 => (1, 1),
        }
    }

    /// Bytes a row of `cols` values takes; `None` where `cols` is no whole number of blocks or overflows.
    pub fn row_bytes(self, cols: usize) -> Option<usize> {
        let (values, bytes) = self.block();
        if !cols.is_multiple_of(values) {
            None
        } else {
            (cols / values).checked_mul(bytes)
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::BF16 => "bf16",
            Self::Q4_0 => "q4_0",
            Self::Q4_1 => "q4_1",
            Self::Q5_0 => "q5_0",
            Self::Q5_1 => "q5_1",
            Self::Q8_0 => "q8_0",
            Self::I8 => "int8",
        })
    }
}
