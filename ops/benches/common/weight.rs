use xdna_ops::{DType, Matrix};

use crate::common::values;

/// A weight of small numbers.
pub fn weight(dtype: DType, rows: usize, cols: usize) -> Matrix {
    let len = rows * dtype.row_bytes(cols).expect("whole blocks");
    // every 16 bits of it are a number in half precision, and in bfloat16
    let bytes: Vec<u8> = (0..len)
        .map(|i| {
            if i % 2 == 0 {
                (i * 37) as u8
            } else {
                0x20 | ((i >> 3) & 0x83) as u8
            }
        })
        .collect();
    if dtype == DType::I8 {
        Matrix::int8(rows, cols, bytes.into(), values(rows)).expect("a matrix")
    } else {
        Matrix::new(dtype, rows, cols, bytes.into()).expect("a matrix")
    }
}
