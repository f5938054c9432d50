//! openai-whisper's own checkpoints (`.pt`): a pickle of dimensions and weights, read without running anything of it.
use std::{collections::BTreeMap, io::Read, path::Path, sync::Arc};

use flate2::read::GzDecoder;
use pytorch_reader::{DType as Stored, PytorchReader, Tensor as Lazy};
use serde::Deserialize;
use xdna_ops::DType;

use super::{Checkpoint, Dims, FormatError, ModelError, Tensor, alignment, files, validate};
use crate::tokenizer::Vocabulary;

/// `ModelDimensions`, as the checkpoint holds them.
#[derive(Deserialize)]
struct Saved {
    n_mels: usize,
    n_audio_ctx: usize,
    n_audio_state: usize,
    n_audio_head: usize,
    n_audio_layer: usize,
    n_vocab: usize,
    n_text_ctx: usize,
    n_text_state: usize,
    n_text_head: usize,
    n_text_layer: usize,
}

/// Loads the checkpoint at `path`. Its weights are copied into memory: their place in the archive is the reader's affair.
pub(super) fn load(path: &Path) -> Result<Checkpoint, ModelError> {
    let pickle = |e: pytorch_reader::PytorchError| ModelError::Pickle {
        path: path.to_owned(),
        reason: e.to_string(),
    };
    let saved: Saved = PytorchReader::load_config(path, Some("dims")).map_err(pickle)?;
    let dims = dims(&saved);
    dims.check()?;
    let stored = PytorchReader::with_top_level_key(path, "model_state_dict").map_err(pickle)?;
    let mut stored = stored.into_tensors();
    let mut tensors = BTreeMap::new();
    for (name, expected) in dims.tensors() {
        let Some(lazy) = stored.remove(&name) else {
            return Err(ModelError::Missing { name, expected });
        };
        if lazy.shape() != expected {
            let found = lazy.shape().to_vec();
            return Err(ModelError::Shape {
                name,
                expected,
                found,
            });
        }
        let tensor = read(&lazy, expected, &name, path)?;
        tensors.insert(name, tensor);
    }
    if let Some((name, lazy)) = stored.into_iter().next() {
        let found = lazy.shape().to_vec();
        return Err(ModelError::Unexpected { name, found });
    }
    let origin = path.display().to_string();
    let checkpoint = Checkpoint {
        dims,
        tensors,
        vocabulary: Arc::new(vocabulary(&dims, path)?),
        alignment_heads: alignment::released(&dims, &origin).map(<[_]>::to_vec),
        origin: format!("openai-whisper checkpoint {origin}"),
    };
    validate::check(&checkpoint)?;
    Ok(checkpoint)
}

fn dims(saved: &Saved) -> Dims {
    Dims {
        n_mels: saved.n_mels,
        n_audio_ctx: saved.n_audio_ctx,
        n_audio_state: saved.n_audio_state,
        n_audio_head: saved.n_audio_head,
        n_audio_layer: saved.n_audio_layer,
        n_vocab: saved.n_vocab,
        n_text_ctx: saved.n_text_ctx,
        n_text_state: saved.n_text_state,
        n_text_head: saved.n_text_head,
        n_text_layer: saved.n_text_layer,
    }
}

fn read(lazy: &Lazy, shape: Vec<usize>, name: &str, path: &Path) -> Result<Tensor, ModelError> {
    let dtype = match lazy.dtype() {
        Stored::F32 => DType::F32,
        Stored::F16 => DType::F16,
        Stored::BF16 => DType::BF16,
        other => {
            let (name, found) = (name.to_owned(), format!("{other:?}"));
            return Err(files::format_error(path, FormatError::DType { name, found }));
        }
    };
    let bytes = lazy.read().map_err(|source| ModelError::Io {
        path: path.to_owned(),
        source,
    })?;
    Ok(Tensor {
        shape,
        dtype,
        bytes: bytes.into(),
        scales: Vec::new(),
    })
}

/// The vocabulary that openai-whisper carries beside its code.
fn vocabulary(dims: &Dims, path: &Path) -> Result<Vocabulary, ModelError> {
    let packed: &[u8] = if dims.is_multilingual() {
        include_bytes!("../../assets/multilingual.tiktoken.gz")
    } else {
        include_bytes!("../../assets/gpt2.tiktoken.gz")
    };
    let mut text = String::new();
    GzDecoder::new(packed)
        .read_to_string(&mut text)
        .map_err(|source| ModelError::Io {
            path: path.to_owned(),
            source,
        })?;
    // Each line is a token in base64, then its rank; they stand in order.
    let tokens = text
        .lines()
        .map(|line| base64(line.split(' ').next().unwrap_or_default()));
    Vocabulary::from_bytes(tokens.collect()).map_err(|source| ModelError::Tokenizer {
        path: path.to_owned(),
        source,
    })
}

/// Decodes base64 (RFC 4648, padded).
fn base64(text: &str) -> Vec<u8> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let (mut bits, mut held, mut out) = (0_u32, 0, Vec::with_capacity(text.len()));
    for c in text.bytes().take_while(|c| *c != b'=') {
        bits = bits << 6 | u32::from(value(c));
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_every_length() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("Zg==", b"f"),
            ("Zm8=", b"fo"),
            ("Zm9v", b"foo"),
            ("+/8A", &[251, 255, 0]),
        ] {
            assert_eq!(base64(text), bytes, "{text}");
        }
    }
}
