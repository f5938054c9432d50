use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use super::Name;
use crate::model::registry::{self, Known};

/// Directories where models are kept on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    current: PathBuf,
    own: Option<PathBuf>,
    hub: Option<PathBuf>,
    whisper_cpp: Vec<PathBuf>,
    openai: Option<PathBuf>,
}

impl Places {
    /// The places that this process's environment names.
    pub fn from_env() -> Self {
        Self::new(|name| env::var_os(name), Path::new(""))
    }

    /// The places that the variables of `env` name, as seen from the directory `current`:
    ///
    /// - our own: `XDNA_MODEL_DIR`, else `xdna/models` in the cache;
    /// - the Hugging Face cache: `HF_HUB_CACHE`, else `HUGGINGFACE_HUB_CACHE`, else `hub` in `HF_HOME`, else
    ///   `huggingface/hub` in the cache;
    /// - whisper.cpp's: `models` and the current directory, `~/whisper.cpp/models`, `whisper.cpp` in the cache, and
    ///   pywhispercpp's `pywhispercpp/models` in the data directory;
    /// - openai-whisper's: `whisper` in the cache.
    ///
    /// The cache is `XDG_CACHE_HOME`, else `~/.cache`; the data directory `XDG_DATA_HOME`, else `~/.local/share`.
    pub fn new(env: impl Fn(&str) -> Option<OsString>, current: &Path) -> Self {
        let var = |name: &str| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = var("HOME");
        let beneath = |dir: &str| home.as_ref().map(|home| home.join(dir));
        let cache = var("XDG_CACHE_HOME").or_else(|| beneath(".cache"));
        let data = var("XDG_DATA_HOME").or_else(|| beneath(".local/share"));
        let cached = |dir: &str| cache.as_ref().map(|cache| cache.join(dir));
        let hub = var("HF_HUB_CACHE")
            .or_else(|| var("HUGGINGFACE_HUB_CACHE"))
            .or_else(|| var("HF_HOME").map(|dir| dir.join("hub")));
        let whisper_cpp = [
            Some(current.join("models")),
            Some(current.to_owned()),
            beneath("whisper.cpp/models"),
            cached("whisper.cpp"),
            data.map(|data| data.join("pywhispercpp/models")),
        ];
        Self {
            current: current.to_owned(),
            own: var("XDNA_MODEL_DIR").or_else(|| cached("xdna/models")),
            hub: hub.or_else(|| cached("huggingface/hub")),
            whisper_cpp: whisper_cpp.into_iter().flatten().collect(),
            openai: cached("whisper"),
        }
    }

    /// Our own directory, where downloads go; `None` where neither a variable nor a home directory says.
    pub fn own(&self) -> Option<&Path> {
        self.own.as_deref()
    }

    /// The same places with another directory of our own.
    #[must_use]
    pub fn with_own(self, dir: impl Into<PathBuf>) -> Self {
        Self {
            own: Some(dir.into()),
            ..self
        }
    }

    /// Where in our own directory a download of `name` goes: `base` for `base` and `openai/whisper-base`,
    /// `owner--repository` for other repositories, `ggml-base.bin` for a file.
    pub fn destination(&self, name: &str) -> Option<PathBuf> {
        let dir = |repository: &str| self.own.as_ref().map(|own| own.join(directory(repository)));
        match Name::new(name) {
            Name::Known(known) => dir(known.repository),
            Name::Repository(repository) => dir(repository),
            Name::File(file) => self.own.as_ref().map(|own| own.join(file)),
            Name::Path | Name::Other(_) => None,
        }
    }

    pub(super) fn resolve(&self, name: &str) -> PathBuf {
        self.current.join(name)
    }

    /// Where a model could be, best first.
    pub(super) fn candidates(&self, name: &Name<'_>) -> Vec<PathBuf> {
        let own = |entry: &str| self.own.as_ref().map(|own| own.join(entry));
        let loose = |file: &str| {
            self.whisper_cpp
                .iter()
                .map(|dir| dir.join(file))
                .collect::<Vec<_>>()
        };
        let file = |file: &str| {
            let mut paths = Vec::from_iter(own(file));
            paths.extend(
                self.snapshots(registry::WHISPER_CPP)
                    .into_iter()
                    .map(|dir| dir.join(file)),
            );
            paths.extend(loose(file));
            paths
        };
        match name {
            Name::Path => Vec::new(),
            Name::File(name) => file(name),
            Name::Known(known) => {
                let repositories = [known.repository, known.faster_whisper];
                let mut paths: Vec<_> = repositories.iter().filter_map(|r| own(&directory(r))).collect();
                paths.extend(repositories.iter().flat_map(|r| self.snapshots(r)));
                paths.extend(file(&format!("ggml-{}.bin", known.name)));
                paths.extend(
                    self.openai
                        .as_ref()
                        .map(|dir| dir.join(format!("{}.pt", known.name))),
                );
                paths
            }
            Name::Repository(repository) => {
                let mut paths = Vec::from_iter(own(&directory(repository)));
                paths.extend(self.snapshots(repository));
                paths
            }
            Name::Other(name) => {
                let mut paths = Vec::from_iter(own(name));
                paths.extend(loose(name));
                paths.extend(file(&format!("ggml-{name}.bin")));
                paths
            }
        }
    }

    /// Files of whisper.cpp's and directories of our own that could be models, with the names they go by.
    pub(super) fn loose(&self) -> Vec<(String, PathBuf)> {
        let list = |dir: &PathBuf| {
            let entries = fs::read_dir(readable(dir))
                .into_iter()
                .flatten()
                .filter_map(Result::ok);
            let mut names: Vec<_> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
            names.sort();
            let dir = dir.clone();
            names.into_iter().map(move |name| (name.clone(), dir.join(name)))
        };
        let unfinished = |name: &str| {
            [".part", ".old", ".lock"]
                .iter()
                .any(|suffix| name.ends_with(suffix))
        };
        let own = self
            .own
            .iter()
            .flat_map(list)
            .filter(|(name, _)| !unfinished(name));
        let snapshots = self.snapshots(registry::WHISPER_CPP);
        let files = snapshots.iter().chain(&self.whisper_cpp).flat_map(list);
        let files = files.filter(|(name, _)| name.starts_with("ggml-") && name.ends_with(".bin"));
        own.map(|(name, path)| (name.replacen("--", "/", 1), path))
            .chain(files)
            .collect()
    }

    /// The directories that [`Places::candidates`] are in.
    pub(super) fn looked(&self, name: &Name<'_>) -> Vec<PathBuf> {
        let whisper_cpp = match name {
            Name::Repository(_) => &[],
            _ => self.whisper_cpp.as_slice(),
        };
        let openai = self.openai.iter().filter(|_| matches!(name, Name::Known(_)));
        let dirs = self.own.iter().chain(&self.hub).chain(whisper_cpp).chain(openai);
        dirs.map(|dir| readable(dir).to_owned()).collect()
    }

    /// Snapshots of a repository in the Hugging Face cache: the one that `main` was, then the others.
    fn snapshots(&self, repository: &str) -> Vec<PathBuf> {
        let Some(hub) = &self.hub else { return Vec::new() };
        let dir = hub.join(format!("models--{}", repository.replace('/', "--")));
        let main = fs::read_to_string(dir.join("refs/main")).unwrap_or_default();
        let all = fs::read_dir(dir.join("snapshots")).into_iter().flatten();
        let mut all: Vec<_> = all.filter_map(Result::ok).map(|entry| entry.path()).collect();
        all.sort_by_key(|path| (!path.ends_with(main.trim()), path.clone()));
        all
    }
}

/// The current directory has no name of its own, and none that could be opened.
fn readable(dir: &Path) -> &Path {
    if dir.as_os_str().is_empty() {
        Path::new(".")
    } else {
        dir
    }
}

/// Name of a repository's directory: the known model's name, else `owner--repository`.
fn directory(repository: &str) -> String {
    let named = |known: &&Known| known.repository == repository;
    match registry::MODELS.iter().find(named) {
        Some(known) => known.name.to_owned(),
        None => repository.replace('/', "--"),
    }
}
