//! Writing models: whisper.cpp files and Hugging Face directories, from a model of any origin.
//!
//! Files appear under their names when they are complete, and never over others unless that was asked for.
mod error;
mod ggml;
mod place;
mod safetensors;
mod settings;
mod vocabulary;

use std::{io::Write, path::Path};

use serde_json::Value;
use xdna_ops::DType;

use crate::model::Checkpoint;

pub use error::ConvertError;
pub use ggml::write_ggml;
pub use safetensors::write_safetensors;

/// Writes `c` to the whisper.cpp file `path`; see [`write_ggml`] for what `dtype` can be.
///
/// # Errors
/// Where `path` exists and is not to be replaced, `c` cannot be stored so, or writing fails.
pub fn ggml_file(c: &Checkpoint, dtype: DType, path: &Path, replace: bool) -> Result<(), ConvertError> {
    place::file(path, replace, |mut out| write_ggml(c, dtype, &mut out))
}

/// Writes `c` to the Hugging Face directory `path`, which transformers and faster-whisper's converter load: weights as
/// F32, F16 or BF16 in `model.safetensors`, configuration, tokenizer.
///
/// # Errors
/// Where `path` exists and is not to be replaced, `c` cannot be stored so, or writing fails.
pub fn huggingface_directory(
    c: &Checkpoint,
    dtype: DType,
    path: &Path,
    replace: bool,
) -> Result<(), ConvertError> {
    let t = settings::tokenizer(c)?;
    let added = vocabulary::added(&t, c.dims.n_vocab);
    let numbers = added
        .iter()
        .skip(1)
        .map(|(id, name, _)| (name.clone(), Value::from(*id)));
    let mut merges = vec!["#version: 0.2".to_owned()];
    merges.extend(vocabulary::merges(&c.vocabulary));
    place::directory(path, replace, |dir| {
        let text = |name: &str, text: String| {
            place::file(&dir.join(name), false, |out| Ok(writeln!(out, "{text}")?))
        };
        let json = |name, value: Value| text(name, format!("{value:#}"));
        json("config.json", settings::config(c, &t, dtype))?;
        json("generation_config.json", settings::generation(c, &t))?;
        json("preprocessor_config.json", settings::preprocessor(c))?;
        json("vocab.json", Value::Object(vocabulary::vocab(&c.vocabulary)))?;
        text("merges.txt", merges.join("\n"))?;
        json("added_tokens.json", Value::Object(numbers.collect()))?;
        json("special_tokens_map.json", vocabulary::special_tokens(&added))?;
        json("tokenizer_config.json", vocabulary::tokenizer_config(&added))?;
        json("tokenizer.json", vocabulary::tokenizer(&c.vocabulary, &t, &added))?;
        place::file(&dir.join("model.safetensors"), false, |mut out| {
            write_safetensors(c, dtype, &mut out)
        })
    })
}
