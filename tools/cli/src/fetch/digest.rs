//! Digests as the hub states them.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::Path,
};

use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// A file's digest, in lower-case hexadecimal.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Digest {
    /// SHA-256 of the content: files in large-file storage.
    Sha256(String),
    /// Git's object id, the SHA-1 of a header and the content: files in the repository itself.
    GitSha1(String),
}

impl Digest {
    /// Reads a digest by its length, as it stands in an ETag too.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text
            .trim_start_matches("W/")
            .trim_matches('"')
            .to_ascii_lowercase();
        match text.len() {
            _ if !text.bytes().all(|b| b.is_ascii_hexdigit()) => None,
            64 => Some(Self::Sha256(text)),
            40 => Some(Self::GitSha1(text)),
            _ => None,
        }
    }

    /// Its digits.
    pub(super) fn hex(&self) -> &str {
        let (Self::Sha256(hex) | Self::GitSha1(hex)) = self;
        hex
    }

    /// The digest of the same kind of what is at `path`.
    pub(super) fn of(&self, path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        Ok(match self {
            Self::Sha256(_) => Self::Sha256(hash(Sha256::new(), file)?),
            Self::GitSha1(_) => {
                let header = format!("blob {}\0", file.metadata()?.len());
                Self::GitSha1(hash(Sha1::new_with_prefix(header), file)?)
            }
        })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Sha256(_) => "SHA-256",
            Self::GitSha1(_) => "Git SHA-1",
        };
        write!(f, "{kind} {}", self.hex())
    }
}

fn hash(mut hasher: impl sha2::Digest, mut file: File) -> io::Result<String> {
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            n => hasher.update(&buffer[..n]),
        }
    }
    Ok(hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_sha256sum_and_git() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "hello\n").unwrap();
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        let git = "ce013625030ba8dba906f756967f9e9ca394464a";
        for hex in [sha256, git] {
            let stated = Digest::parse(&format!("W/\"{}\"", hex.to_uppercase())).unwrap();
            assert_eq!((stated.of(&path).unwrap(), stated.hex()), (stated.clone(), hex));
        }
        for other in ["", "\"abc\"", &sha256[1..], &sha256.replace('5', "g")] {
            assert_eq!(Digest::parse(other), None);
        }
    }
}
