use std::io::Write;

use serde_json::{Map, Value, json};
use xdna_ops::{DType, quantize};

use super::ConvertError;
use crate::model::{Checkpoint, names};

/// The header is padded with spaces so that the arrays begin at a multiple of this, as the format asks.
const ALIGNMENT: usize = 8;

/// Writes the weights as safetensors, under the names that transformers gives them.
///
/// # Errors
/// Where `dtype` is none of F32, F16 and BF16, or `out` fails.
pub fn write_safetensors(c: &Checkpoint, dtype: DType, out: &mut impl Write) -> Result<(), ConvertError> {
    let dtype_name = match dtype {
        DType::F32 => "F32",
        DType::F16 => "F16",
        DType::BF16 => "BF16",
        _ => {
            return Err(ConvertError::Type {
                format: "a Hugging Face directory",
                dtype,
                possible: "f32, f16 and bf16",
            });
        }
    };
    let tensors = c.dims.tensors();
    let mut header = Map::from_iter([("__metadata__".to_owned(), json!({"format": "pt"}))]);
    let mut at = 0;
    for (name, shape) in &tensors {
        let end = at + shape.iter().product::<usize>() * dtype.block().1;
        let entry = json!({"dtype": dtype_name, "shape": shape, "data_offsets": [at, end]});
        header.insert(format!("model.{}", names::huggingface(name)), entry);
        at = end;
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(&header)?;

    let mut bytes = Vec::new();
    for (name, shape) in &tensors {
        if shape.len() < 2 {
            bytes.clear();
            quantize(dtype, &c.values(name, shape)?, &mut bytes);
            out.write_all(&bytes)?;
            continue;
        }
        let matrix = c.matrix(name, shape)?;
        if matrix.dtype() == dtype {
            out.write_all(matrix.bytes())?;
            continue;
        }
        let mut row = vec![0.0; matrix.cols()];
        for i in 0..matrix.rows() {
            matrix.row_into(i, &mut row);
            bytes.clear();
            quantize(dtype, &row, &mut bytes);
            out.write_all(&bytes)?;
        }
    }
    Ok(())
}
