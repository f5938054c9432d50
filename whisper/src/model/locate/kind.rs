use std::{
    fmt,
    fs::{self, File},
    io::Read,
    path::Path,
};

use crate::model::{ctranslate2, faster_whisper, huggingface};

/// Form of a model on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory with `config.json` and weights in safetensors.
    HuggingFace,
    /// A directory with CTranslate2's `model.bin`.
    FasterWhisper,
    /// A `ggml-*.bin` file.
    WhisperCpp,
    /// openai-whisper's `.pt`; read with the feature `pytorch`.
    Pickle,
    /// Something that was named by its path and is none of these.
    Unknown,
}

impl Kind {
    /// Whether [`load`](crate::model::load) reads this form.
    pub fn is_readable(self) -> bool {
        self != Self::Pickle || cfg!(feature = "pytorch")
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HuggingFace => "Hugging Face",
            Self::FasterWhisper => "faster-whisper",
            Self::WhisperCpp => "whisper.cpp",
            Self::Pickle => "openai-whisper",
            Self::Unknown => "unknown",
        })
    }
}

/// What lies at `path`, with the bytes of its weights.
pub(super) fn recognise(path: &Path) -> Option<(Kind, u64)> {
    let len = |path: &Path| fs::metadata(path).map(|file| file.len()).ok();
    if path.is_dir() {
        return match path {
            dir if huggingface::is_there(dir) => Some((Kind::HuggingFace, safetensors(dir)?)),
            dir if faster_whisper::is_there(dir) => Some((Kind::FasterWhisper, len(&dir.join("model.bin"))?)),
            _ => None,
        };
    }
    let mut head = Vec::new();
    // Only a regular file is opened: reading a FIFO would wait for its writer.
    let file = path.is_file().then(|| File::open(path).ok()).flatten()?;
    file.take(32).read_to_end(&mut head).ok()?;
    let kind = match head.as_slice() {
        [b'l', b'm', b'g', b'g', ..] => Kind::WhisperCpp,
        [0x80, 2, ..] | [b'P', b'K', 3, 4, ..] => Kind::Pickle,
        [_, _, _, _, _, _, 0, 0, b'{', ..] => Kind::HuggingFace,
        head if ctranslate2::begins(head) => Kind::FasterWhisper,
        _ => return None,
    };
    Some((kind, len(path)?))
}

/// Bytes of `model.safetensors`, or of all its shards.
fn safetensors(dir: &Path) -> Option<u64> {
    if let Ok(single) = fs::metadata(dir.join("model.safetensors")) {
        return Some(single.len());
    }
    let files = fs::read_dir(dir)
        .ok()?
        .filter_map(Result::ok)
        .map(|entry| entry.path());
    let shards = files.filter(|path| path.extension().is_some_and(|e| e == "safetensors"));
    Some(
        shards
            .filter_map(|path| fs::metadata(path).ok())
            .map(|file| file.len())
            .sum(),
    )
}
