//! Finding models on this machine by path or name.

use std::path::{Path, PathBuf};

use super::{
    huggingface,
    registry::{self, Known},
};

mod kind;
mod places;
#[cfg(test)]
mod tests;

pub use kind::Kind;
pub use places::Places;

/// A model on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// File or directory, for [`load`](super::load).
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// Bytes of its weights.
    pub bytes: u64,
}

impl Found {
    /// The model at `path`, if one is there; only names and first bytes are looked at.
    pub fn at(path: &Path) -> Option<Self> {
        let (kind, bytes) = kind::recognise(path)?;
        Some(Self {
            path: path.to_owned(),
            kind,
            bytes,
        })
    }

    /// Whether all is there that loading needs: the hub's cache holds what somebody asked for.
    fn is_whole(&self) -> bool {
        self.kind != Kind::HuggingFace || !self.path.is_dir() || huggingface::has_tokenizer(&self.path)
    }
}

/// No model of a name is on this machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
pub struct NotFound {
    /// What was looked for.
    pub name: String,
    /// The registry's entry for it.
    pub known: Option<&'static Known>,
    /// A copy of it in a form that this build does not read (openai-whisper's `.pt`, without the feature `pytorch`).
    pub unreadable: Option<PathBuf>,
    /// Where it was looked for.
    pub looked: Vec<PathBuf>,
}

impl NotFound {
    fn text(&self) -> String {
        let name = &self.name;
        if let Some(path) = &self.unreadable {
            let path = path.display();
            return format!(
                "model {name} is on this machine as {path} only, a PyTorch file, which this build does not read"
            );
        }
        match self.looked.as_slice() {
            [path] if path.as_os_str() == name.as_str() => format!("there is no model at {name}"),
            looked => {
                let looked: Vec<_> = looked.iter().map(|path| path.display().to_string()).collect();
                format!(
                    "model {name} is not on this machine (looked in {})",
                    looked.join(", ")
                )
            }
        }
    }
}

/// How a model was asked for.
enum Name<'a> {
    /// `./base`, `/models/base`, `models/new/base`: this path.
    Path,
    /// `ggml-base-q5_1.bin`, `base-q5_1`: this file of whisper.cpp's.
    File(String),
    /// `base`.
    Known(&'static Known),
    /// `openai/whisper-base`: this repository of the hub.
    Repository(&'a str),
    /// Anything else: a model of our own directory, or a file of whisper.cpp's.
    Other(&'a str),
}

impl<'a> Name<'a> {
    fn new(name: &'a str) -> Self {
        if registry::is_repository(name) {
            return Self::Repository(name);
        }
        if name.contains('/') || name.starts_with('.') || name.is_empty() {
            return Self::Path;
        }
        match (registry::known(name), registry::whisper_cpp_file(name)) {
            (Some(known), _) => Self::Known(known),
            (None, Some(file)) => Self::File(file),
            (None, None) => Self::Other(name),
        }
    }
}

impl Places {
    /// The model that `name` means: the name of a known model (`base`, `turbo`), a path, a repository of the Hugging
    /// Face hub (`openai/whisper-base`), a file of whisper.cpp's (`ggml-base-q5_1.bin`, `base-q5_1`), or a model of
    /// our own directory. A path wins over every name but a known model's, which wins where one is found.
    ///
    /// A known model is taken from our own directory, else in the form that Hugging Face's transformers,
    /// faster-whisper, whisper.cpp (in float16) or openai-whisper left it. What lies at a path need not be a model: loading it says so.
    ///
    /// # Errors
    /// [`NotFound`] with every place that was looked at.
    pub fn locate(&self, name: &str) -> Result<Found, NotFound> {
        let path = self.resolve(name);
        let here = path.exists().then(|| Found::at(&path));
        let parsed = Name::new(name);
        match (parsed, here) {
            (Name::Path, None) => Err(NotFound {
                name: name.to_owned(),
                known: None,
                unreadable: None,
                looked: vec![PathBuf::from(name)],
            }),
            (Name::Known(known), here) => {
                let found = self.among(name, &Name::Known(known));
                found.or_else(|e| here.flatten().ok_or(e))
            }
            (_, Some(found)) => Ok(found.unwrap_or(Found {
                path,
                kind: Kind::Unknown,
                bytes: 0,
            })),
            (parsed, None) => self.among(name, &parsed),
        }
    }

    /// The known models, each with every copy of it on this machine, best first.
    pub fn inventory(&self) -> Vec<(&'static Known, Vec<Found>)> {
        let copies = |known| self.found(&Name::Known(known)).collect();
        registry::MODELS
            .iter()
            .map(|known| (known, copies(known)))
            .collect()
    }

    /// Models on this machine that are copies of no known one, such as quantised files, with the names they go by.
    pub fn others(&self) -> Vec<(String, Found)> {
        let known: Vec<_> = self
            .inventory()
            .into_iter()
            .flat_map(|(_, found)| found)
            .map(|f| f.path)
            .collect();
        let others = self.loose().into_iter().filter(|(_, path)| !known.contains(path));
        others
            .filter_map(|(name, path)| Some((name, Found::at(&path)?)))
            .collect()
    }

    /// Copies of a model on this machine, best first.
    fn found(&self, name: &Name<'_>) -> impl Iterator<Item = Found> {
        self.candidates(name)
            .into_iter()
            .filter_map(|path| Found::at(&path))
    }

    fn among(&self, given: &str, name: &Name<'_>) -> Result<Found, NotFound> {
        let (mut readable, unreadable): (Vec<_>, Vec<_>) =
            self.found(name).partition(|found| found.kind.is_readable());
        if !readable.is_empty() {
            let whole = readable.iter().position(Found::is_whole);
            return Ok(readable.swap_remove(whole.unwrap_or(0)));
        }
        let path = matches!(name, Name::Repository(_)).then(|| PathBuf::from(given));
        Err(NotFound {
            name: given.to_owned(),
            known: registry::known(given),
            unreadable: unreadable.into_iter().next().map(|found| found.path),
            looked: path.into_iter().chain(self.looked(name)).collect(),
        })
    }
}
