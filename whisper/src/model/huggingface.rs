//! Hugging Face directories: `config.json`, weights in safetensors, tokenizer.
use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde::Deserialize;

use super::{Checkpoint, Dims, ModelError, Tensor, files, mapped, names, safetensors, validate};
use crate::tokenizer::Vocabulary;

#[derive(Deserialize)]
struct Config {
    model_type: String,
    num_mel_bins: usize,
    d_model: usize,
    encoder_layers: usize,
    encoder_attention_heads: usize,
    encoder_ffn_dim: usize,
    decoder_layers: usize,
    decoder_attention_heads: usize,
    decoder_ffn_dim: usize,
    max_source_positions: usize,
    max_target_positions: usize,
    vocab_size: usize,
    activation_function: Option<String>,
    #[serde(default)]
    scale_embedding: bool,
}

#[derive(Default, Deserialize)]
struct GenerationConfig {
    alignment_heads: Option<Vec<(usize, usize)>>,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

pub(super) fn is_there(dir: &Path) -> bool {
    dir.join("config.json").is_file() && (dir.join(SINGLE).is_file() || dir.join(SHARDED).is_file())
}

/// Whether a tokenizer is there too.
pub(super) fn has_tokenizer(dir: &Path) -> bool {
    ["tokenizer.json", "vocab.json"]
        .iter()
        .any(|name| dir.join(name).is_file())
}

const SINGLE: &str = "model.safetensors";
const SHARDED: &str = "model.safetensors.index.json";

pub(super) fn load(dir: &Path) -> Result<Checkpoint, ModelError> {
    let (config_path, generation_path) = (dir.join("config.json"), dir.join("generation_config.json"));
    let config: Config = files::json(&config_path)?;
    let dims = dims(&config_path, &config)?;
    let generation: Option<GenerationConfig> = files::optional(files::json(&generation_path))?;
    let stored = if dir.join(SINGLE).is_file() {
        read_shard(&dir.join(SINGLE))?
    } else {
        read_shards(dir)?
    };
    let tensors = rename(&dims, stored)?;
    let checkpoint = Checkpoint {
        dims,
        tensors,
        vocabulary: Arc::new(vocabulary(dir)?),
        alignment_heads: generation.unwrap_or_default().alignment_heads,
        origin: format!("Hugging Face directory {}", dir.display()),
    };
    validate::check(&checkpoint)?;
    Ok(checkpoint)
}

fn dims(path: &Path, c: &Config) -> Result<Dims, ModelError> {
    let setting = |name, found: String, expected: String| ModelError::Setting {
        path: path.to_owned(),
        name,
        found,
        expected,
    };
    if c.model_type != "whisper" {
        return Err(setting("model_type", c.model_type.clone(), "whisper".to_owned()));
    }
    if let Some(found) = c.activation_function.as_ref().filter(|a| *a != "gelu") {
        return Err(setting("activation_function", found.clone(), "gelu".to_owned()));
    }
    if c.scale_embedding {
        return Err(setting("scale_embedding", "true".to_owned(), "false".to_owned()));
    }
    let dims = Dims {
        n_mels: c.num_mel_bins,
        n_audio_ctx: c.max_source_positions,
        n_audio_state: c.d_model,
        n_audio_head: c.encoder_attention_heads,
        n_audio_layer: c.encoder_layers,
        n_vocab: c.vocab_size,
        n_text_ctx: c.max_target_positions,
        n_text_state: c.d_model,
        n_text_head: c.decoder_attention_heads,
        n_text_layer: c.decoder_layers,
    };
    dims.check()?;
    let widths = [
        ("encoder_ffn_dim", c.encoder_ffn_dim),
        ("decoder_ffn_dim", c.decoder_ffn_dim),
    ];
    for (name, found) in widths {
        if found != 4 * c.d_model {
            let expected = format!("{}, four times d_model", 4 * c.d_model);
            return Err(setting(name, found.to_string(), expected));
        }
    }
    Ok(dims)
}

fn read_shard(path: &Path) -> Result<BTreeMap<String, Tensor>, ModelError> {
    safetensors::parse(&mapped::map(path)?).map_err(|source| files::format_error(path, source))
}

fn read_shards(dir: &Path) -> Result<BTreeMap<String, Tensor>, ModelError> {
    let index_path = dir.join(SHARDED);
    let Index { weight_map } = files::json(&index_path)?;
    let mut files: BTreeMap<&str, BTreeMap<String, Tensor>> = BTreeMap::new();
    let mut all = BTreeMap::new();
    for (name, file) in &weight_map {
        // A shard lies beside its index: a path that leaves the directory is no shard.
        if Path::new(file).components().count() != 1 || Path::new(file).file_name().is_none() {
            return Err(ModelError::Setting {
                path: index_path.clone(),
                name: "weight_map",
                found: format!("{file:?}"),
                expected: "names of files in the same directory".to_owned(),
            });
        }
        if !files.contains_key(file.as_str()) {
            files.insert(file, read_shard(&dir.join(file))?);
        }
        let tensor = files.get_mut(file.as_str()).and_then(|f| f.remove(name));
        let tensor = tensor.ok_or_else(|| ModelError::Setting {
            path: index_path.clone(),
            name: "weight_map",
            found: format!("{name} in {file}"),
            expected: "tensors that their file holds".to_owned(),
        })?;
        all.insert(name.clone(), tensor);
    }
    Ok(all)
}

/// Brings the arrays to openai-whisper's names.
fn rename(dims: &Dims, mut stored: BTreeMap<String, Tensor>) -> Result<BTreeMap<String, Tensor>, ModelError> {
    // Files saved from `WhisperModel` rather than `WhisperForConditionalGeneration` lack the first part.
    let prefix = if stored.keys().any(|name| name.starts_with("model.")) {
        "model."
    } else {
        ""
    };
    let mut tensors = BTreeMap::new();
    for (name, expected) in dims.tensors() {
        let tensor = stored.remove(&format!("{prefix}{}", names::huggingface(&name)));
        let tensor = tensor.ok_or_else(|| ModelError::Missing {
            name: name.clone(),
            expected,
        })?;
        tensors.insert(name, tensor);
    }
    for (name, tensor) in stored {
        let tied = name == "proj_out.weight"
            && tensors
                .get("decoder.token_embedding.weight")
                .is_some_and(|e| e.dtype == tensor.dtype && e.bytes.as_slice() == tensor.bytes.as_slice());
        if !tied {
            let found = tensor.shape;
            return Err(ModelError::Unexpected { name, found });
        }
    }
    Ok(tensors)
}

/// The tokenizer, as one file or as `vocab.json`, whose ids are the merge ranks that `merges.txt` lists.
fn vocabulary(dir: &Path) -> Result<Vocabulary, ModelError> {
    let path = dir.join("tokenizer.json");
    let read = match files::optional(files::read(&path))? {
        Some(json) => (Vocabulary::from_tokenizer_json(&json), path),
        None => {
            let path = dir.join("vocab.json");
            (Vocabulary::from_vocab_json(&files::read(&path)?), path)
        }
    };
    let (vocabulary, path) = read;
    vocabulary.map_err(|source| ModelError::Tokenizer { path, source })
}
