//! Where a model came from, kept beside it.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::digest::Digest;

/// File name of the record in a model's directory.
pub(super) const NAME: &str = "xdna.json";

/// A fetched model.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct Record {
    pub(super) repository: String,
    /// As asked for.
    pub(super) revision: String,
    /// What the revision was.
    pub(super) commit: String,
    pub(super) files: Vec<RemoteFile>,
}

/// A file of a repository.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(super) struct RemoteFile {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) digest: Digest,
}

impl Record {
    pub(super) fn new(repository: &str, revision: &str, commit: &str, files: Vec<RemoteFile>) -> Self {
        let [repository, revision, commit] = [repository, revision, commit].map(str::to_owned);
        Self {
            repository,
            revision,
            commit,
            files,
        }
    }

    /// `None` where there is none, or none that we wrote.
    pub(super) fn load(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// Writes it by way of another file, so that it is there whole or not at all.
    pub(super) fn store(&self, path: &Path) -> Result<()> {
        let dir = path.parent().unwrap_or(Path::new("."));
        let write = || -> Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(dir)?;
            serde_json::to_writer_pretty(&mut file, self)?;
            file.persist(path)?;
            Ok(())
        };
        write().with_context(|| path.display().to_string())
    }

    /// Whether every file is in `dir` with its length.
    pub(super) fn is_whole(&self, dir: &Path) -> bool {
        let whole =
            |file: &RemoteFile| fs::metadata(dir.join(&file.name)).is_ok_and(|f| f.len() == file.bytes);
        self.files.iter().all(whole)
    }

    /// Bytes of all files.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}
