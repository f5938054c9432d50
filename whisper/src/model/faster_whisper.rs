//! faster-whisper directories: a CTranslate2 model of kind `WhisperSpec`, its vocabulary and settings.
use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde::Deserialize;
use xdna_ops::DType;

use super::{
    Checkpoint, Dims, FormatError, ModelError, Tensor,
    ctranslate2::{self, Model, Variable},
    files, mapped, names, validate,
};
use crate::tokenizer::Vocabulary;

const WEIGHTS: &str = "model.bin";
/// CTranslate2's number for the exact GELU (`ops::ActivationType`).
const GELU: i64 = 3;

#[derive(Default, Deserialize)]
struct Config {
    alignment_heads: Option<Vec<(usize, usize)>>,
}

pub(super) fn is_there(dir: &Path) -> bool {
    dir.join(WEIGHTS).is_file()
}

pub(super) fn load(dir: &Path) -> Result<Checkpoint, ModelError> {
    let path = dir.join(WEIGHTS);
    let model = ctranslate2::parse(&mapped::map(&path)?).map_err(|e| files::format_error(&path, e))?;
    let config: Option<Config> = files::optional(files::json(&dir.join("config.json")))?;
    let vocabulary = vocabulary(dir)?;
    let (dims, tensors) = weights(model, &path)?;
    let checkpoint = Checkpoint {
        dims,
        tensors,
        vocabulary: Arc::new(vocabulary),
        alignment_heads: config.unwrap_or_default().alignment_heads,
        origin: format!("faster-whisper directory {}", dir.display()),
    };
    validate::check(&checkpoint)?;
    Ok(checkpoint)
}

/// The vocabulary that CTranslate2 stores, as a JSON list or, before 2023, as lines.
fn vocabulary(dir: &Path) -> Result<Vocabulary, ModelError> {
    let path = dir.join("vocabulary.json");
    let json: Option<Vec<String>> = files::optional(files::json(&path))?;
    let (path, tokens) = match json {
        Some(tokens) => (path, tokens),
        None => {
            let path = dir.join("vocabulary.txt");
            let text = String::from_utf8_lossy(&files::read(&path)?).into_owned();
            (path, text.lines().map(str::to_owned).collect())
        }
    };
    Vocabulary::from_byte_level(tokens.iter().map(String::as_str))
        .map_err(|source| ModelError::Tokenizer { path, source })
}

fn weights(mut model: Model, path: &Path) -> Result<(Dims, BTreeMap<String, Tensor>), ModelError> {
    let field = |field, found, expected| {
        let source = FormatError::Field {
            field,
            found,
            expected,
        };
        files::format_error(path, source)
    };
    if model.spec != "WhisperSpec" {
        return Err(field("kind of model", model.spec, "WhisperSpec"));
    }
    // int16 holds scales of the whole array and is computed with nowhere else.
    if let Some((name, found)) = model.variables.iter().find_map(|(name, v)| match v {
        Variable::Other(kind) => Some((name.clone(), (*kind).to_owned())),
        _ => None,
    }) {
        return Err(files::format_error(path, FormatError::DType { name, found }));
    }
    let scalar = |name: &str| match model.variables.get(name) {
        Some(Variable::Scalar(v)) => Some(*v),
        _ => None,
    };
    // Settings of CTranslate2's general decoder; Whisper has one value for each.
    for (name, expected, in_words) in [
        ("decoder/activation", GELU, "3 (GELU)"),
        ("decoder/pre_norm", 1, "1"),
        ("decoder/scale_embeddings", 0, "0"),
        ("decoder/alibi", 0, "0"),
    ] {
        if let Some(found) = scalar(name).filter(|v| *v != expected) {
            return Err(field("a decoder setting", format!("{name} = {found}"), in_words));
        }
    }
    let heads = |name: &'static str| {
        let heads = scalar(name).and_then(|n| usize::try_from(n).ok());
        heads.ok_or_else(|| field("number of heads", format!("not in {name}"), "an integer"))
    };
    let shape = |name: &str, axis: usize| match model.variables.get(name) {
        Some(Variable::Tensor(t)) => t.shape.get(axis).copied().unwrap_or(0),
        _ => 0,
    };
    let layers = |part: &str| {
        let there = |n: &usize| shape(&format!("{part}/layer_{n}/ffn/linear_0/weight"), 0) > 0;
        (0..).take_while(there).count()
    };
    let dims = Dims {
        n_mels: shape("encoder/conv1/weight", 1),
        n_audio_ctx: shape("encoder/position_encodings/encodings", 0),
        n_audio_state: shape("encoder/conv1/weight", 0),
        n_audio_head: heads("encoder/num_heads")?,
        n_audio_layer: layers("encoder"),
        n_vocab: shape("decoder/embeddings/weight", 0),
        n_text_ctx: shape("decoder/position_encodings/encodings", 0),
        n_text_state: shape("decoder/embeddings/weight", 1),
        n_text_head: heads("decoder/num_heads")?,
        n_text_layer: layers("decoder"),
    };
    dims.check()?;
    let tensors = rename(&dims, &mut model)?;
    Ok((dims, tensors))
}

/// Brings the variables to openai-whisper's names and fused projections apart.
fn rename(dims: &Dims, model: &mut Model) -> Result<BTreeMap<String, Tensor>, ModelError> {
    let (mut tensors, mut used) = (BTreeMap::new(), Vec::new());
    for (name, expected) in dims.tensors() {
        let (stored, part, parts) = names::ctranslate2(&name);
        let tensor = stored_tensor(model, &stored, &name, &expected)?;
        let scales = row_scales(model, &stored, &tensor, &name)?;
        tensors.insert(
            name.clone(),
            rows_of(&tensor, &scales, part, parts, &name, &expected)?,
        );
        used.extend([format!("{stored}_scale"), stored]);
    }
    // Fused biases hold one for the keys as well, which Whisper does not have: it must do nothing.
    for (name, _) in dims
        .tensors()
        .iter()
        .filter(|(name, _)| name.ends_with(".key.weight"))
    {
        let name = name.replace("key.weight", "key.bias");
        let (stored, part, parts) = names::ctranslate2(&name);
        let tensor = stored_tensor(model, &stored, &name, &[dims.n_text_state])?;
        let bias = rows_of(&tensor, &[], part, parts, &name, &[dims.n_text_state])?;
        if bias.bytes.as_slice().iter().any(|b| *b != 0) {
            let found = bias.shape;
            return Err(ModelError::Unexpected { name, found });
        }
    }
    let tied = |name: &String| {
        let value = model.aliases.get(name).map(String::as_str);
        value == Some("decoder/embeddings/weight") || value == Some("decoder/embeddings/weight_scale")
    };
    for (name, variable) in &model.variables {
        if let Variable::Tensor(t) = variable
            && !t.shape.is_empty()
            && !used.contains(name)
            && !tied(name)
        {
            return Err(ModelError::Unexpected {
                name: name.clone(),
                found: t.shape.clone(),
            });
        }
    }
    Ok(tensors)
}

fn stored_tensor(model: &Model, stored: &str, name: &str, expected: &[usize]) -> Result<Tensor, ModelError> {
    match model.variables.get(stored) {
        Some(Variable::Tensor(t)) => Ok(t.clone()),
        _ => Err(ModelError::Missing {
            name: name.to_owned(),
            expected: expected.to_vec(),
        }),
    }
}

/// The multiplier of each row: CTranslate2 stores `round(weight * scale)`.
fn row_scales(model: &Model, stored: &str, t: &Tensor, name: &str) -> Result<Vec<f32>, ModelError> {
    if t.dtype != DType::I8 {
        return Ok(Vec::new());
    }
    let rows = t.shape.first().copied().unwrap_or(0);
    let stored = stored_tensor(
        model,
        &format!("{stored}_scale"),
        &format!("{name} (scale)"),
        &[rows],
    )?;
    if stored.dtype != DType::F32 || stored.shape != [rows] {
        return Err(ModelError::Shape {
            name: format!("{name} (scale)"),
            expected: vec![rows],
            found: stored.shape,
        });
    }
    let (scales, _) = stored.bytes.as_slice().as_chunks::<4>();
    Ok(scales.iter().map(|b| 1.0 / f32::from_le_bytes(*b)).collect())
}

/// Rows `part * n .. (part + 1) * n` of a tensor that stacks `parts` tensors of shape `expected`.
fn rows_of(
    t: &Tensor,
    scales: &[f32],
    part: usize,
    parts: usize,
    name: &str,
    expected: &[usize],
) -> Result<Tensor, ModelError> {
    let whole_shape = |shape: &[usize], n| {
        let mut shape = shape.to_vec();
        shape[0] *= n;
        shape
    };
    let wanted = whole_shape(expected, parts);
    if t.shape != wanted {
        return Err(ModelError::Shape {
            name: name.to_owned(),
            expected: wanted,
            found: t.shape.clone(),
        });
    }
    let n = t.bytes.as_slice().len() / parts;
    let bytes = t.bytes.slice(part * n..(part + 1) * n);
    let rows = scales.len() / parts;
    Ok(Tensor {
        shape: expected.to_vec(),
        dtype: t.dtype,
        bytes: bytes.ok_or_else(|| ModelError::Missing {
            name: name.to_owned(),
            expected: wanted,
        })?,
        scales: scales[part * rows..(part + 1) * rows].to_vec(),
    })
}
