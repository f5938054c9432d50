//! Which files of a repository make a model.

use anyhow::{Context, Result, bail};

use super::{hub::Entry, record::RemoteFile};

/// Beside weights in safetensors.
const HUGGING_FACE: [&str; 10] = [
    "added_tokens.json",
    "config.json",
    "generation_config.json",
    "merges.txt",
    "normalizer.json",
    "preprocessor_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
];

/// Beside CTranslate2's `model.bin`.
const FASTER_WHISPER: [&str; 5] = [
    "config.json",
    "preprocessor_config.json",
    "tokenizer.json",
    "vocabulary.json",
    "vocabulary.txt",
];

/// The files to download: `only`, or those of a model. Small ones come first, so that weights are fetched only for a
/// model whose description is there.
pub(super) fn files(repository: &str, all: Vec<Entry>, only: Option<&str>) -> Result<Vec<RemoteFile>> {
    let has = |name: &str| all.iter().any(|entry| entry.name == name);
    let wanted: Box<dyn Fn(&str) -> bool> = match only {
        Some(file) if has(file) => Box::new(move |name| name == file),
        Some(file) => bail!("{repository} has no file {file}"),
        None if has("model.safetensors") => {
            Box::new(|name| name == "model.safetensors" || HUGGING_FACE.contains(&name))
        }
        None if has("model.safetensors.index.json") => Box::new(|name| {
            name == "model.safetensors.index.json" || is_shard(name) || HUGGING_FACE.contains(&name)
        }),
        None if has("model.bin") => Box::new(|name| name == "model.bin" || FASTER_WHISPER.contains(&name)),
        None => {
            bail!("{repository} holds no model that can be read (neither model.safetensors nor model.bin)")
        }
    };
    let chosen = all.into_iter().filter(|entry| wanted(&entry.name));
    let mut files = chosen.map(stated).collect::<Result<Vec<_>>>()?;
    files.sort_by(|a, b| (a.bytes, &a.name).cmp(&(b.bytes, &b.name)));
    files.dedup_by(|a, b| a.name == b.name);
    Ok(files)
}

/// `model-00001-of-00002.safetensors`.
fn is_shard(name: &str) -> bool {
    let number = |text: &str| text.len() == 5 && text.bytes().all(|b| b.is_ascii_digit());
    let middle = name
        .strip_prefix("model-")
        .and_then(|rest| rest.strip_suffix(".safetensors"));
    middle
        .and_then(|m| m.split_once("-of-"))
        .is_some_and(|(n, of)| number(n) && number(of))
}

fn stated(entry: Entry) -> Result<RemoteFile> {
    let Entry { name, bytes, digest } = entry;
    let bytes = bytes.with_context(|| format!("the hub states no size for {name}"))?;
    let digest = digest.with_context(|| format!("the hub states no digest for {name}"))?;
    Ok(RemoteFile { name, bytes, digest })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::digest::Digest;

    fn chosen(names: &[&str], only: Option<&str>) -> Result<Vec<String>> {
        let digest = Digest::parse(&"0".repeat(40));
        let entry = |name: &&str| Entry {
            name: (*name).to_owned(),
            bytes: Some(name.len() as u64),
            digest: digest.clone(),
        };
        let files = files("a/b", names.iter().map(entry).collect(), only)?;
        Ok(files.into_iter().map(|file| file.name).collect())
    }

    #[test]
    fn one_form_of_a_model_is_chosen() {
        let all = [
            "README.md",
            "config.json",
            "pytorch_model.bin",
            "flax_model.msgpack",
            "model.safetensors",
            "vocab.json",
        ];
        assert_eq!(
            chosen(&all, None).unwrap(),
            ["vocab.json", "config.json", "model.safetensors"]
        );
        let shards = [
            "model-00002-of-00002.safetensors",
            "model.fp32-00001-of-00002.safetensors",
            "model.safetensors.index.json",
            "model-00001-of-00002.safetensors",
            "../model-00001-of-00002.safetensors",
        ];
        let expected = [
            "model.safetensors.index.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
        ];
        assert_eq!(chosen(&shards, None).unwrap(), expected);
        assert_eq!(
            chosen(&["model.bin", "vocabulary.txt", "x"], None).unwrap(),
            ["model.bin", "vocabulary.txt"]
        );
        assert_eq!(
            chosen(&["ggml-a.bin", "ggml-b.bin"], Some("ggml-b.bin")).unwrap(),
            ["ggml-b.bin"]
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = |names: &[&str], only| chosen(names, only).unwrap_err().to_string();
        assert_eq!(error(&["x"], Some("ggml-b.bin")), "a/b has no file ggml-b.bin");
        assert!(error(&["pytorch_model.bin"], None).starts_with("a/b holds no model that can be read"));
        let entry = Entry {
            name: "model.bin".to_owned(),
            bytes: Some(1),
            digest: None,
        };
        let unstated = files("a/b", vec![entry], None).unwrap_err();
        assert_eq!(unstated.to_string(), "the hub states no digest for model.bin");
    }
}
