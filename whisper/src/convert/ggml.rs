use std::io::Write;

use xdna_ops::{DType, quantize};

use super::ConvertError;
use crate::{
    mel,
    model::{
        Checkpoint, ModelError,
        ggml::{MAGIC, MEL_BINS, QUANTISATION, QUANTISATION_FACTOR, type_number},
    },
};

/// Writes `c` as whisper.cpp's `quantize` writes it: matrices in `dtype`, convolutions in half precision, biases,
/// norms and positions in single precision.
///
/// [`DType::F32`] is refused: whisper.cpp 1.8 loads such a file and aborts at the first convolution.
///
/// # Errors
/// Where `dtype` is no type of such files, the model's width is no multiple of its blocks, or `out` fails.
pub fn write_ggml(c: &Checkpoint, dtype: DType, out: &mut impl Write) -> Result<(), ConvertError> {
    let file_type = file_type(dtype).ok_or(ConvertError::Type {
        format: "a whisper.cpp file",
        dtype,
        possible: "f16, q4_0, q4_1, q5_0, q5_1 and q8_0",
    })?;
    header(c, file_type, out)?;
    for (name, shape) in c.dims.tensors() {
        let stored = match shape.len() {
            _ if name.ends_with("positional_embedding") => DType::F32,
            2 => dtype,
            3 => DType::F16,
            _ => DType::F32,
        };
        tensor(c, &name, &shape, stored, out)?;
    }
    Ok(())
}

/// The header's number of a file of mostly this type (`enum ggml_ftype`).
fn file_type(dtype: DType) -> Option<u32> {
    let plain = match dtype {
        DType::F16 => return Some(1),
        DType::Q4_0 => 2,
        DType::Q4_1 => 3,
        DType::Q8_0 => 7,
        DType::Q5_0 => 8,
        DType::Q5_1 => 9,
        _ => return None,
    };
    Some(QUANTISATION * QUANTISATION_FACTOR + plain)
}

fn header(c: &Checkpoint, file_type: u32, out: &mut impl Write) -> Result<(), ConvertError> {
    let d = &c.dims;
    number(MAGIC as usize, out)?;
    for n in [
        d.n_vocab,
        d.n_audio_ctx,
        d.n_audio_state,
        d.n_audio_head,
        d.n_audio_layer,
        d.n_text_ctx,
        d.n_text_state,
        d.n_text_head,
        d.n_text_layer,
        d.n_mels,
        file_type as usize,
        d.n_mels,
        MEL_BINS as usize,
    ] {
        number(n, out)?;
    }
    let filters: Vec<u8> = mel::filterbank(d.n_mels)
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    out.write_all(&filters)?;
    number(c.vocabulary.len(), out)?;
    for id in 0..c.vocabulary.len() {
        let token = c.vocabulary.bytes(id as u32);
        number(token.len(), out)?;
        out.write_all(token)?;
    }
    Ok(())
}

fn tensor(
    c: &Checkpoint,
    name: &str,
    shape: &[usize],
    dtype: DType,
    out: &mut impl Write,
) -> Result<(), ConvertError> {
    // whisper.cpp adds the biases of the convolutions as columns.
    let column = matches!(name, "encoder.conv1.bias" | "encoder.conv2.bias").then_some(1);
    let extents = shape.iter().chain(&column);
    number(extents.clone().count(), out)?;
    number(name.len(), out)?;
    number(type_number(dtype).unwrap_or(0) as usize, out)?;
    for extent in extents.rev() {
        number(*extent, out)?;
    }
    out.write_all(name.as_bytes())?;

    let cols = *shape.last().unwrap_or(&1);
    if dtype.row_bytes(cols).is_none() {
        let block = dtype.block().0;
        return Err(ConvertError::Model(ModelError::Storage {
            name: name.to_owned(),
            source: xdna_ops::Error::Block { dtype, block, cols },
        }));
    }
    let mut bytes = Vec::new();
    if shape.len() < 2 {
        quantize(dtype, &c.values(name, shape)?, &mut bytes);
        out.write_all(&bytes)?;
        return Ok(());
    }
    let matrix = c.matrix(name, shape)?;
    if matrix.dtype() == dtype {
        out.write_all(matrix.bytes())?;
        return Ok(());
    }
    let mut row = vec![0.0; matrix.cols()];
    for i in 0..matrix.rows() {
        matrix.row_into(i, &mut row);
        bytes.clear();
        quantize(dtype, &row, &mut bytes);
        out.write_all(&bytes)?;
    }
    Ok(())
}

fn number(n: usize, out: &mut impl Write) -> Result<(), ConvertError> {
    // Every count of a checked model is far below 2^31.
    Ok(out.write_all(&(n as u32).to_le_bytes())?)
}
