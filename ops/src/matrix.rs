use std::{fmt, ops::Range, sync::Arc};

use half::{bf16, f16};

use crate::{DType, Error};

/// Bytes of a weight: a range of something that stays where it is (a mapped file, the program itself, a `Vec`).
#[derive(Clone)]
pub struct Bytes {
    owner: Arc<dyn AsRef<[u8]> + Send + Sync>,
    range: Range<usize>,
}

impl Bytes {
    /// All of `owner`.
    pub fn new(owner: Arc<dyn AsRef<[u8]> + Send + Sync>) -> Self {
        let range = 0..(*owner).as_ref().len();
        Self { owner, range }
    }

    /// A part of these bytes, sharing the owner; `None` where `range` does not fit.
    pub fn slice(&self, range: Range<usize>) -> Option<Self> {
        let start = self.range.start.checked_add(range.start)?;
        let end = self.range.start.checked_add(range.end)?;
        (start <= end && end <= self.range.end).then(|| Self {
            owner: self.owner.clone(),
            range: start..end,
        })
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &(*self.owner).as_ref()[self.range.clone()]
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(Arc::new(bytes))
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes({:?})", self.range)
    }
}

/// A weight matrix `[rows, cols]`, row-major: `rows` outputs of `cols` inputs each, as Linear layers store it.
#[derive(Clone, Debug)]
pub struct Matrix {
    dtype: DType,
    rows: usize,
    cols: usize,
    data: Bytes,
    scales: Arc<[f32]>,
}

impl Matrix {
    /// A matrix over `data`.
    ///
    /// # Errors
    /// Where `data` is not exactly as long as `dtype` and shape need, or `dtype` is [`DType::I8`].
    pub fn new(dtype: DType, rows: usize, cols: usize, data: Bytes) -> Result<Self, Error> {
        Self::checked(dtype, rows, cols, data, Arc::new([]))
    }

    /// An int8 matrix with one multiplier a row: value = byte * scale.
    ///
    /// # Errors
    /// As [`Matrix::new`], and where there is not one scale a row.
    pub fn int8(rows: usize, cols: usize, data: Bytes, scales: Vec<f32>) -> Result<Self, Error> {
        Self::checked(DType::I8, rows, cols, data, scales.into())
    }

    /// A matrix of `f32` values, `values.len() == rows * cols`.
    ///
    /// # Errors
    /// As [`Matrix::new`].
    pub fn from_f32(rows: usize, cols: usize, values: &[f32]) -> Result<Self, Error> {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Self::new(DType::F32, rows, cols, bytes.into())
    }

    fn checked(
        dtype: DType,
        rows: usize,
        cols: usize,
        data: Bytes,
        scales: Arc<[f32]>,
    ) -> Result<Self, Error> {
        let row = dtype.row_bytes(cols).ok_or(Error::Block {
            dtype,
            block: dtype.block().0,
            cols,
        })?;
        let (expected, found) = (rows.saturating_mul(row), data.as_slice().len());
        if expected != found {
            return Err(Error::Length {
                dtype,
                rows,
                cols,
                expected,
                found,
            });
        }
        if (dtype == DType::I8 && scales.len() != rows) || (dtype != DType::I8 && !scales.is_empty()) {
            return Err(Error::Scales {
                rows,
                found: scales.len(),
            });
        }
        Ok(Self {
            dtype,
            rows,
            cols,
            data,
            scales,
        })
    }

    /// Storage type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Outputs.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Inputs.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The stored bytes, row after row.
    pub fn bytes(&self) -> &[u8] {
        self.data.as_slice()
    }

    /// The multiplier of each row; empty but for [`DType::I8`].
    pub fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// Widens row `row` into `out` (`cols` values).
    ///
    /// # Panics
    /// Where `row` or `out` do not fit.
    pub fn row_into(&self, row: usize, out: &mut [f32]) {
        assert!(
            row < self.rows && out.len() == self.cols,
            "row {row} of {} x {}",
            self.rows,
            self.cols
        );
        let len = self.bytes().len() / self.rows;
        let bytes = &self.bytes()[row * len..(row + 1) * len];
        let half = |b: &[u8]| f16::from_le_bytes([b[0], b[1]]).to_f32();
        match self.dtype {
            DType::F32 => {
                let (words, _) = bytes.as_chunks::<4>();
                out.iter_mut()
                    .zip(words)
                    .for_each(|(o, b)| *o = f32::from_le_bytes(*b));
            }
            DType::F16 => {
                let (words, _) = bytes.as_chunks::<2>();
                out.iter_mut()
                    .zip(words)
                    .for_each(|(o, b)| *o = f16::from_le_bytes(*b).to_f32());
            }
            DType::BF16 => {
                let (words, _) = bytes.as_chunks::<2>();
                out.iter_mut()
                    .zip(words)
                    .for_each(|(o, b)| *o = bf16::from_le_bytes(*b).to_f32());
            }
            DType::I8 => {
                let scale = self.scales[row];
                out.iter_mut()
                    .zip(bytes)
                    .for_each(|(o, b)| *o = f32::from(b.cast_signed()) * scale);
            }
            DType::Q8_0 => {
                for (o, b) in out.chunks_exact_mut(32).zip(bytes.chunks_exact(34)) {
                    let d = half(b);
                    o.iter_mut()
                        .zip(&b[2..])
                        .for_each(|(o, q)| *o = d * f32::from(q.cast_signed()));
                }
            }
            DType::Q4_0 | DType::Q4_1 | DType::Q5_0 | DType::Q5_1 => {
                let has_min = matches!(self.dtype, DType::Q4_1 | DType::Q5_1);
                let five = matches!(self.dtype, DType::Q5_0 | DType::Q5_1);
                let offset = if five { 16.0 } else { 8.0 };
                for (o, b) in out
                    .chunks_exact_mut(32)
                    .zip(bytes.chunks_exact(self.dtype.block().1))
                {
                    let d = half(b);
                    let m = if has_min { half(&b[2..]) } else { -offset * d };
                    let rest = &b[if has_min { 4 } else { 2 }..];
                    let (high, low) = if five {
                        (
                            u32::from_le_bytes([rest[0], rest[1], rest[2], rest[3]]),
                            &rest[4..],
                        )
                    } else {
                        (0, rest)
                    };
                    for i in 0..16 {
                        let bit = |n: usize| ((high >> n) & 1) << 4;
                        o[i] = d * (u32::from(low[i] & 15) | bit(i)) as f32 + m;
                        o[i + 16] = d * (u32::from(low[i] >> 4) | bit(i + 16)) as f32 + m;
                    }
                }
            }
        }
    }
}
