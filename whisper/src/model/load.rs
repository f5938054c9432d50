//! Recognising what lies at a path.
use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

use xdna_ops::Bytes;

use super::{Checkpoint, ModelError, ctranslate2, faster_whisper, ggml, huggingface, mapped};

/// Loads the model at `path`, recognised by its content: a Hugging Face directory (or its weight file), a
/// faster-whisper directory (or its `model.bin`), a whisper.cpp file, a checkpoint of openai-whisper.
///
/// Weights stay in the file (a checkpoint's are copied), memory-mapped and in the file's precision; the file must not be changed in place while the
/// model is in use. A repository of the Hugging Face cache (`models--openai--whisper-base`) stands for the snapshot
/// that its `main` names.
///
/// # Errors
/// Where nothing is there, it is no model, or it is not a whole and sound one.
pub fn load(path: &Path) -> Result<Checkpoint, ModelError> {
    let io = |source| ModelError::Io {
        path: path.to_owned(),
        source,
    };
    if fs::metadata(path).map_err(io)?.is_dir() {
        return directory(path);
    }
    let mut head = Vec::new();
    File::open(path)
        .and_then(|f| f.take(32).read_to_end(&mut head))
        .map_err(io)?;
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    match &head[..] {
        [b'l', b'm', b'g', b'g', ..] => ggml::load(&mapped::map(path)?, &path.display().to_string()),
        // An old checkpoint begins as a pickle of protocol 2, a newer one is a zip archive.
        [0x80, 2, ..] | [b'P', b'K', 3, 4, ..] => pickle(path),
        [b'G', b'G', b'U', b'F', ..] => Err(unrecognised(path, "a GGUF file")),
        [_, _, _, _, _, _, 0, 0, b'{', ..] => huggingface::load(parent),
        head if ctranslate2::begins(head) => faster_whisper::load(parent),
        _ => Err(unrecognised(path, "a file of another kind")),
    }
}

/// Loads a whisper.cpp file that is in memory already, such as one bundled in the program; the weights are lent, not
/// copied. `origin` names it in messages, as a path would.
///
/// # Errors
/// Where it is no such file, or no whole and sound model.
pub fn load_bytes(bytes: Bytes, origin: &str) -> Result<Checkpoint, ModelError> {
    ggml::load(&bytes, origin)
}

#[cfg(feature = "pytorch")]
fn pickle(path: &Path) -> Result<Checkpoint, ModelError> {
    super::pytorch::load(path)
}

#[cfg(not(feature = "pytorch"))]
fn pickle(path: &Path) -> Result<Checkpoint, ModelError> {
    Err(ModelError::Pickle {
        path: path.to_owned(),
        reason: "this program was built without the feature `pytorch`".to_owned(),
    })
}

fn directory(dir: &Path) -> Result<Checkpoint, ModelError> {
    // A repository of the Hugging Face cache.
    let main = fs::read_to_string(dir.join("refs/main")).ok();
    let snapshot = main.map(|commit| dir.join("snapshots").join(commit.trim()));
    let dir = snapshot.as_deref().filter(|s| s.is_dir()).unwrap_or(dir);
    if huggingface::is_there(dir) {
        huggingface::load(dir)
    } else if faster_whisper::is_there(dir) {
        faster_whisper::load(dir)
    } else {
        Err(unrecognised(
            dir,
            "a directory without config.json and model.safetensors, and without model.bin",
        ))
    }
}

fn unrecognised(path: &Path, found: &str) -> ModelError {
    ModelError::Unrecognised {
        path: path.to_owned(),
        found: found.to_owned(),
    }
}
