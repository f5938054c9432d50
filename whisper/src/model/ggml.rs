//! whisper.cpp files (`ggml-*.bin`): dimensions, mel filters, vocabulary, tensors, one after the other.
use std::{collections::BTreeMap, sync::Arc};

use xdna_ops::{Bytes, DType};

use super::{Checkpoint, Dims, FormatError, ModelError, Tensor, alignment, cursor::Cursor, validate};
use crate::tokenizer::Vocabulary;

/// `"ggml"` as a little-endian number.
pub(crate) const MAGIC: u32 = 0x6767_6d6c;
/// Layout of quantised blocks: ggml's second, with half-precision scales, in use since May 2023.
pub(crate) const QUANTISATION: u32 = 2;
/// A header's type field is the quantisation's version times this, plus the type.
pub(crate) const QUANTISATION_FACTOR: u32 = 1000;
/// Bins of the mel filters: a Fourier transform of 400 real samples.
pub(crate) const MEL_BINS: u32 = 201;
/// Longer than any name.
const MAX_NAME: u32 = 1 << 10;

/// ggml's numbers of the storage types (`enum ggml_type`).
const TYPES: [(u32, DType); 7] = [
    (0, DType::F32),
    (1, DType::F16),
    (2, DType::Q4_0),
    (3, DType::Q4_1),
    (6, DType::Q5_0),
    (7, DType::Q5_1),
    (8, DType::Q8_0),
];

/// ggml's number of a storage type, if it has it.
pub(crate) fn type_number(dtype: DType) -> Option<u32> {
    TYPES.iter().find(|(_, t)| *t == dtype).map(|(n, _)| *n)
}

/// A whisper.cpp file's content.
#[derive(Clone, Debug)]
pub struct Model {
    /// Dimensions, as the header gives them.
    pub dims: Dims,
    /// Bytes of the tokens that are listed; special tokens mostly are not.
    pub tokens: Vec<Vec<u8>>,
    /// Weights, under openai-whisper's names.
    pub tensors: BTreeMap<String, Tensor>,
}

/// Reads a whisper.cpp file, sharing its bytes.
///
/// # Errors
/// Where the header is none, quantised blocks are of an older layout, or something leaves the file or is there twice.
pub fn parse(file: &Bytes) -> Result<Model, FormatError> {
    let mut c = Cursor::new(file);
    if c.u32("magic number")? != MAGIC {
        return Err(FormatError::Field {
            field: "magic number",
            found: format!("{:02x?}", &file.as_slice()[..4]),
            expected: "ggml",
        });
    }
    let dims = dims(&mut c)?;
    let version = c.count("type")? / QUANTISATION_FACTOR;
    filters(&mut c, &dims)?;
    let tokens = tokens(&mut c)?;
    let mut tensors = BTreeMap::new();
    while !c.is_at_end() {
        let (name, tensor) = tensor(&mut c)?;
        if tensor.dtype.block().0 > 1 && version != QUANTISATION {
            return Err(FormatError::Field {
                field: "version of the quantised blocks",
                found: version.to_string(),
                expected: "2",
            });
        }
        if tensors.insert(name.clone(), tensor).is_some() {
            return Err(FormatError::Twice { name });
        }
    }
    Ok(Model {
        dims,
        tokens,
        tensors,
    })
}

/// The file as a checkpoint; `origin` is the path or what else it is, for messages.
pub(super) fn load(file: &Bytes, origin: &str) -> Result<Checkpoint, ModelError> {
    let format = |source| ModelError::Format {
        origin: origin.to_owned(),
        source,
    };
    let model = parse(file).map_err(format)?;
    model.dims.check()?;
    let vocabulary = Vocabulary::from_bytes(model.tokens).map_err(|source| ModelError::Tokenizer {
        path: origin.into(),
        source,
    })?;
    let checkpoint = Checkpoint {
        dims: model.dims,
        tensors: model.tensors,
        vocabulary: Arc::new(vocabulary),
        alignment_heads: alignment::released(&model.dims, origin).map(<[_]>::to_vec),
        origin: format!("whisper.cpp file {origin}"),
    };
    validate::check(&checkpoint)?;
    Ok(checkpoint)
}

fn dims(c: &mut Cursor<'_>) -> Result<Dims, FormatError> {
    let mut next = |what| c.count(what).map(|n| n as usize);
    let n_vocab = next("n_vocab")?;
    Ok(Dims {
        n_audio_ctx: next("n_audio_ctx")?,
        n_audio_state: next("n_audio_state")?,
        n_audio_head: next("n_audio_head")?,
        n_audio_layer: next("n_audio_layer")?,
        n_text_ctx: next("n_text_ctx")?,
        n_text_state: next("n_text_state")?,
        n_text_head: next("n_text_head")?,
        n_text_layer: next("n_text_layer")?,
        n_mels: next("n_mels")?,
        n_vocab,
    })
}

/// Steps over the mel filters: they are computed, not read.
fn filters(c: &mut Cursor<'_>, dims: &Dims) -> Result<(), FormatError> {
    let (mels, bins) = (c.count("mel filters")?, c.count("mel filters")?);
    if mels as usize != dims.n_mels || bins != MEL_BINS {
        return Err(FormatError::Field {
            field: "shape of the mel filters",
            found: format!("{mels} x {bins}, with n_mels = {}", dims.n_mels),
            expected: "n_mels x 201",
        });
    }
    let len = u64::from(mels) * u64::from(bins) * 4;
    c.take(len, "mel filters").map(drop)
}

fn tokens(c: &mut Cursor<'_>) -> Result<Vec<Vec<u8>>, FormatError> {
    let n = c.count("number of tokens")?;
    let mut tokens = Vec::new();
    for _ in 0..n {
        let len = c.count("length of a token")?;
        tokens.push(c.take(u64::from(len), "token")?.as_slice().to_vec());
    }
    Ok(tokens)
}

fn tensor(c: &mut Cursor<'_>) -> Result<(String, Tensor), FormatError> {
    let (rank, name_len, kind) = (
        c.count("rank of a tensor")?,
        c.count("length of a tensor's name")?,
        c.count("type of a tensor")?,
    );
    if !(1..=4).contains(&rank) || name_len > MAX_NAME {
        return Err(FormatError::Field {
            field: "header of a tensor",
            found: format!("rank {rank}, name of {name_len} bytes"),
            expected: "rank 1 to 4, name of up to 1024 bytes",
        });
    }
    let mut shape = (0..rank)
        .map(|_| c.count("extent of a tensor").map(|n| n as usize))
        .collect::<Result<Vec<_>, _>>()?;
    shape.reverse(); // innermost first in the file
    let name = c.take(u64::from(name_len), "name of a tensor")?;
    let name = String::from_utf8_lossy(name.as_slice()).into_owned();
    let Some((_, dtype)) = TYPES.iter().find(|(n, _)| *n == kind) else {
        return Err(FormatError::DType {
            name,
            found: format!("ggml type {kind}"),
        });
    };
    let (cols, rows) = (shape[shape.len() - 1], &shape[..shape.len() - 1]);
    let row = dtype.row_bytes(cols).map(|n| n as u64);
    let len = row.and_then(|row| rows.iter().try_fold(row, |n, d| n.checked_mul(*d as u64)));
    let Some(len) = len else {
        return Err(FormatError::DType {
            name,
            found: format!("{dtype} {shape:?}, which is no whole number of blocks"),
        });
    };
    let bytes = c.take(len, &name)?;
    // The biases of the convolutions are stored as columns.
    if shape.len() == 2 && cols == 1 && name.ends_with(".bias") {
        shape.pop();
    }
    let tensor = Tensor {
        shape,
        dtype: *dtype,
        bytes,
        scales: Vec::new(),
    };
    Ok((name, tensor))
}
