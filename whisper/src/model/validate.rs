//! Whether a checkpoint is a whole model: every weight there, of the right shape, finite, and the vocabulary its own.
use xdna_ops::DType;

use super::{Checkpoint, ModelError, Tensor};

pub(super) fn check(c: &Checkpoint) -> Result<(), ModelError> {
    c.dims.check()?;
    let (found, expected) = (c.vocabulary.len(), c.dims.ordinary_tokens());
    if found != expected {
        return Err(ModelError::Vocabulary {
            found,
            n_vocab: c.dims.n_vocab,
            expected,
        });
    }
    let (layers, heads) = (c.dims.n_text_layer, c.dims.n_text_head);
    for &(layer, head) in c.alignment_heads.iter().flatten() {
        if layer >= layers || head >= heads {
            return Err(ModelError::AlignmentHead {
                layer,
                head,
                layers,
                heads,
            });
        }
    }
    let expected = c.dims.tensors();
    for (name, shape) in &expected {
        let tensor = c.get(name, shape)?;
        check_storage(name, tensor)?;
        if let Some((index, value)) = not_finite(tensor) {
            return Err(ModelError::NotFinite {
                name: name.clone(),
                shape: shape.clone(),
                index,
                value,
            });
        }
    }
    if c.tensors.len() > expected.len() {
        let known = |name: &str| expected.iter().any(|(n, _)| n == name);
        if let Some((name, tensor)) = c.tensors.iter().find(|(name, _)| !known(name)) {
            return Err(ModelError::Unexpected {
                name: name.clone(),
                found: tensor.shape.clone(),
            });
        }
    }
    Ok(())
}

fn check_storage(name: &str, t: &Tensor) -> Result<(), ModelError> {
    let cols: usize = t.shape.last().copied().unwrap_or(1);
    let rows: usize = t.shape.iter().rev().skip(1).product();
    let storage = |source| ModelError::Storage {
        name: name.to_owned(),
        source,
    };
    let (block, _) = t.dtype.block();
    let row = t.dtype.row_bytes(cols).ok_or(xdna_ops::Error::Block {
        dtype: t.dtype,
        block,
        cols,
    });
    let (expected, found) = (
        rows.saturating_mul(row.map_err(storage)?),
        t.bytes.as_slice().len(),
    );
    if expected != found {
        return Err(storage(xdna_ops::Error::Length {
            dtype: t.dtype,
            rows,
            cols,
            expected,
            found,
        }));
    }
    let outputs = t.shape.first().copied().unwrap_or(1);
    let scales = if t.dtype == DType::I8 { outputs } else { 0 };
    if t.scales.len() != scales {
        return Err(storage(xdna_ops::Error::Scales {
            rows: outputs,
            found: t.scales.len(),
        }));
    }
    Ok(())
}

/// Position and value of the first value, block scale or row scale that is no finite number.
fn not_finite(t: &Tensor) -> Option<(usize, f32)> {
    let bytes = t.bytes.as_slice();
    let (values, block) = t.dtype.block();
    let half = |b: &[u8; 2]| half::f16::from_le_bytes(*b).to_f32();
    match t.dtype {
        DType::F32 => first(bytes.as_chunks().0, exponent_full_32, |b| f32::from_le_bytes(*b)),
        DType::F16 => first(bytes.as_chunks().0, |b| b[1] & 0x7c == 0x7c, half),
        DType::BF16 => first(
            bytes.as_chunks().0,
            |b| u16::from_le_bytes(*b) & 0x7f80 == 0x7f80,
            |b| half::bf16::from_le_bytes(*b).to_f32(),
        ),
        DType::I8 => {
            let index = t.scales.iter().position(|s| !s.is_finite())?;
            Some((index * (bytes.len() / t.scales.len()), t.scales[index]))
        }
        DType::Q4_1 | DType::Q5_1 => blocks(bytes, block, values, 2),
        _ => blocks(bytes, block, values, 1),
    }
}

fn exponent_full_32(b: &[u8; 4]) -> bool {
    u32::from_le_bytes(*b) & 0x7f80_0000 == 0x7f80_0000
}

/// Finds the first value with `bad`, whole chunks at a time so that the search runs at the speed of memory.
fn first<const N: usize>(
    values: &[[u8; N]],
    bad: impl Fn(&[u8; N]) -> bool,
    value: impl Fn(&[u8; N]) -> f32,
) -> Option<(usize, f32)> {
    const CHUNK: usize = 4096;
    let chunk = values
        .chunks(CHUNK)
        .position(|chunk| chunk.iter().fold(false, |any, v| any | bad(v)))?;
    let within = values[chunk * CHUNK..].iter().position(&bad)?;
    let index = chunk * CHUNK + within;
    Some((index, value(&values[index])))
}

/// The same for the `n` half-precision numbers that begin each block.
fn blocks(bytes: &[u8], block: usize, values: usize, n: usize) -> Option<(usize, f32)> {
    bytes.chunks_exact(block).enumerate().find_map(|(i, b)| {
        let (numbers, _) = b[..2 * n].as_chunks::<2>();
        let mut numbers = numbers.iter().map(|b| half::f16::from_le_bytes(*b).to_f32());
        numbers.find(|v| !v.is_finite()).map(|v| (i * values, v))
    })
}
