//! The files of a machine: this one's, or those of a copy of another. A copy is data: its links lead nowhere but into
//! it, and what is no file of a sensible size is none.

use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2, readlinkat};

/// Longest file looked at: a kernel log of days is shorter.
const LONGEST: u64 = 16 << 20;

/// Where the files of the machine are.
#[derive(Debug)]
pub(crate) struct Root {
    /// A copy's directory; of this machine none.
    copy: Option<File>,
}

impl Root {
    /// This machine's files.
    pub(crate) fn live() -> Self {
        Self { copy: None }
    }

    /// The files of a machine copied to a directory.
    ///
    /// # Errors
    /// Where that is no directory.
    pub(crate) fn copy(dir: PathBuf) -> std::io::Result<Self> {
        // A mistyped directory would look like a machine without anything.
        fs::read_dir(&dir)?;
        let copy = File::open(dir)?;
        // Without it every file would look as if it were not there.
        Self::within(&copy, ".", OFlag::O_PATH).ok_or_else(|| {
            std::io::Error::other(
                "needs openat2 (Linux 5.6, and a container that allows it) to stay within the copy",
            )
        })?;
        Ok(Self { copy: Some(copy) })
    }

    pub(crate) fn is_live(&self) -> bool {
        self.copy.is_none()
    }

    /// This machine's path of a file.
    fn here(path: &str) -> PathBuf {
        Path::new("/").join(path)
    }

    /// Opens a file of a copy, as if the copy were the root.
    fn within(dir: &File, path: &str, flags: OFlag) -> Option<OwnedFd> {
        let how = OpenHow::new()
            .flags(flags | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT);
        openat2(dir, path, how).ok()
    }

    /// The bytes of a file, if it can be read.
    pub(crate) fn bytes(&self, path: &str) -> Option<Vec<u8>> {
        // Looked at first: to open what is no file may wait, for a writer above all.
        self.metadata(path)?.is_file().then_some(())?;
        let file = match &self.copy {
            None => File::open(Self::here(path)).ok()?,
            Some(dir) => Self::within(dir, path, OFlag::O_RDONLY | OFlag::O_NONBLOCK)?.into(),
        };
        let mut bytes = Vec::new();
        file.take(LONGEST).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    /// The text of a file, if it can be read.
    pub(crate) fn read(&self, path: &str) -> Option<String> {
        Some(String::from_utf8_lossy(&self.bytes(path)?).into_owned())
    }

    /// The names in a directory, sorted; none if there is no such directory.
    pub(crate) fn names(&self, path: &str) -> Vec<String> {
        let entries = match &self.copy {
            None => fs::read_dir(Self::here(path)).ok(),
            Some(dir) => Self::within(dir, path, OFlag::O_RDONLY | OFlag::O_DIRECTORY)
                .and_then(|dir| fs::read_dir(format!("/proc/self/fd/{}", dir.as_raw_fd())).ok()),
        };
        let entries = entries.into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// What is known of a file or directory without opening it, links followed.
    pub(crate) fn metadata(&self, path: &str) -> Option<Metadata> {
        match &self.copy {
            None => fs::metadata(Self::here(path)).ok(),
            Some(dir) => File::from(Self::within(dir, path, OFlag::O_PATH)?)
                .metadata()
                .ok(),
        }
    }

    /// True if there is something of this name, be it a link that leads nowhere.
    pub(crate) fn exists(&self, path: &str) -> bool {
        match &self.copy {
            None => Self::here(path).symlink_metadata().is_ok(),
            Some(dir) => Self::within(dir, path, OFlag::O_PATH | OFlag::O_NOFOLLOW).is_some(),
        }
    }

    /// The last part of what a link points to.
    pub(crate) fn link_name(&self, path: &str) -> Option<String> {
        let target = match &self.copy {
            None => fs::read_link(Self::here(path)).ok()?,
            Some(dir) => {
                let link = Self::within(dir, path, OFlag::O_PATH | OFlag::O_NOFOLLOW)?;
                readlinkat(&link, "").ok()?.into()
            }
        };
        Some(target.file_name()?.to_str()?.to_owned())
    }
}
