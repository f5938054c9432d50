use std::{collections::BTreeMap, sync::Arc};

use xdna_ops::{Bytes, DType, Matrix};

use super::{Dims, ModelError};
use crate::tokenizer::Vocabulary;

/// A named array as the file stores it, row-major, innermost dimension last (PyTorch's order).
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Extent of each dimension, outermost first.
    pub shape: Vec<usize>,
    /// Storage type.
    pub dtype: DType,
    /// The stored bytes.
    pub bytes: Bytes,
    /// Multiplier of each row, for [`DType::I8`]; else empty.
    pub scales: Vec<f32>,
}

/// A model as loaded: dimensions, weights under openai-whisper's names, vocabulary.
///
/// Weight names are those of openai-whisper's `state_dict` (`encoder.blocks.0.attn.query.weight`,
/// `decoder.token_embedding.weight`, ...), whatever the file calls them; Linear weights are `[out, in]`, convolutions
/// `[out, in, 3]`.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// Dimensions.
    pub dims: Dims,
    /// Weights.
    pub tensors: BTreeMap<String, Tensor>,
    /// Vocabulary.
    pub vocabulary: Arc<Vocabulary>,
    /// (layer, head) pairs whose cross-attention aligns words with time, where the files say.
    pub alignment_heads: Option<Vec<(usize, usize)>>,
    /// Where it came from, for messages: `"whisper.cpp file ggml-base.bin"`.
    pub origin: String,
}

impl Checkpoint {
    pub(super) fn get(&self, name: &str, expected: &[usize]) -> Result<&Tensor, ModelError> {
        let missing = || ModelError::Missing {
            name: name.to_owned(),
            expected: expected.to_vec(),
        };
        let tensor = self.tensors.get(name).ok_or_else(missing)?;
        if tensor.shape != expected {
            let found = tensor.shape.clone();
            return Err(ModelError::Shape {
                name: name.to_owned(),
                expected: expected.to_vec(),
                found,
            });
        }
        Ok(tensor)
    }

    /// The weight `name` as a matrix; a third dimension is folded into the columns.
    ///
    /// # Errors
    /// Where it is missing or has another shape.
    pub fn matrix(&self, name: &str, shape: &[usize]) -> Result<Matrix, ModelError> {
        let t = self.get(name, shape)?;
        let (rows, cols) = (shape[0], shape[1..].iter().product());
        match t.dtype {
            DType::I8 => Matrix::int8(rows, cols, t.bytes.clone(), t.scales.clone()),
            dtype => Matrix::new(dtype, rows, cols, t.bytes.clone()),
        }
        .map_err(|source| ModelError::Storage {
            name: name.to_owned(),
            source,
        })
    }

    /// The weight `name`, widened.
    ///
    /// # Errors
    /// As [`Checkpoint::matrix`].
    pub fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, ModelError> {
        let flat = [1, shape.iter().product()];
        let t = self.get(name, shape)?;
        let matrix = if t.dtype == DType::I8 {
            self.matrix(name, shape)?
        } else {
            Matrix::new(t.dtype, flat[0], flat[1], t.bytes.clone()).map_err(|source| ModelError::Storage {
                name: name.to_owned(),
                source,
            })?
        };
        let mut out = vec![0.0; flat[1]];
        out.chunks_exact_mut(matrix.cols())
            .enumerate()
            .for_each(|(i, row)| matrix.row_into(i, row));
        Ok(out)
    }
}
