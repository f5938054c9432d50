//! Bytes that can be read from their start as often as needed.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
};

use symphonia::core::io::MediaSource;

use crate::audio::{AudioError, Fault};

/// A regular file or bytes in memory, shared by its readers, some of its bytes read as others.
#[derive(Clone, Debug)]
pub(super) struct Source {
    store: Store,
    patches: Arc<[Patch]>,
}

#[derive(Clone, Debug)]
enum Store {
    File { file: Arc<File>, len: u64 },
    Bytes(Arc<[u8]>),
}

/// Four bytes that stand for those of the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patch {
    at: u64,
    bytes: [u8; 4],
}

impl Patch {
    /// `value`, little-endian, at `at`.
    pub(super) fn new(at: u64, value: u32) -> Self {
        Self {
            at,
            bytes: value.to_le_bytes(),
        }
    }

    /// Puts what falls into `buf`, the bytes from `position` on, in its place.
    fn apply(&self, buf: &mut [u8], position: u64) {
        for (at, byte) in (self.at..).zip(self.bytes) {
            let place = at.checked_sub(position).and_then(|i| usize::try_from(i).ok());
            if let Some(there) = place.and_then(|i| buf.get_mut(i)) {
                *there = byte;
            }
        }
    }
}

impl From<Store> for Source {
    fn from(store: Store) -> Self {
        Self {
            store,
            patches: Arc::new([]),
        }
    }
}

impl Source {
    /// Opens `path`; what is no regular file is copied.
    pub(super) fn open(path: &Path) -> Result<Self, AudioError> {
        let failed = |source| AudioError::Io {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let meta = file.metadata().map_err(failed)?;
        if meta.is_dir() {
            return Err(AudioError::File {
                path: path.to_owned(),
                fault: Fault::Directory,
            });
        }
        if !meta.is_file() {
            return Self::spool(path, file);
        }
        let len = meta.len();
        let file = Arc::new(file);
        Ok(Store::File { file, len }.into())
    }

    /// Copies a stream to an anonymous temporary file.
    pub(super) fn spool(name: &Path, mut stream: impl Read) -> Result<Self, AudioError> {
        let dir = std::env::temp_dir();
        let failed = |source| AudioError::Spool {
            path: name.to_owned(),
            dir: dir.clone(),
            source,
        };
        let file = tempfile::tempfile_in(&dir).map_err(failed)?;
        let mut chunk = vec![0; 1 << 16];
        let mut len = 0u64;
        loop {
            let n = match stream.read(&mut chunk) {
                Ok(0) => {
                    let file = Arc::new(file);
                    return Ok(Store::File { file, len }.into());
                }
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => {
                    return Err(AudioError::Io {
                        path: name.to_owned(),
                        source,
                    });
                }
            };
            file.write_all_at(&chunk[..n], len).map_err(failed)?;
            len += n as u64;
        }
    }

    pub(super) fn bytes(bytes: Vec<u8>) -> Self {
        Store::Bytes(bytes.into()).into()
    }

    /// The same with `patches` for some of its bytes.
    pub(super) fn patched(self, patches: Vec<Patch>) -> Self {
        Self {
            patches: patches.into(),
            ..self
        }
    }

    pub(super) fn len(&self) -> u64 {
        match &self.store {
            Store::File { len, .. } => *len,
            Store::Bytes(bytes) => bytes.len() as u64,
        }
    }

    /// A new reader at the first byte.
    pub(super) fn cursor(&self) -> Cursor {
        Cursor {
            source: self.clone(),
            position: 0,
            stream: false,
        }
    }

    /// A new reader that admits neither its length nor that it can go back.
    pub(super) fn stream(&self) -> Cursor {
        Cursor {
            stream: true,
            ..self.cursor()
        }
    }

    /// The bytes at `position`; `None` where there are not as many.
    pub(super) fn array<const N: usize>(&self, position: u64) -> io::Result<Option<[u8; N]>> {
        let mut bytes = [0; N];
        let mut done = 0;
        while done < N {
            match self.read_at(&mut bytes[done..], position.saturating_add(done as u64))? {
                0 => return Ok(None),
                n => done += n,
            }
        }
        Ok(Some(bytes))
    }

    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        // What a growing file gained since it was opened does not belong to the sound.
        let rest = usize::try_from(self.len().saturating_sub(position)).unwrap_or(usize::MAX);
        let n = buf.len().min(rest);
        let n = match &self.store {
            Store::File { file, .. } => file.read_at(&mut buf[..n], position)?,
            Store::Bytes(_) if n == 0 => 0,
            Store::Bytes(bytes) => {
                // In range: `n` is not 0, so `position` is below the length.
                buf[..n].copy_from_slice(&bytes[position as usize..][..n]);
                n
            }
        };
        self.patches.iter().for_each(|p| p.apply(&mut buf[..n], position));
        Ok(n)
    }
}

/// One reader of a [`Source`].
pub(super) struct Cursor {
    source: Source,
    position: u64,
    stream: bool,
}

impl Read for Cursor {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read_at(buf, self.position)?;
        self.position += n as u64;
        Ok(n)
    }
}

impl Seek for Cursor {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(n) => Some(n),
            SeekFrom::End(n) => self.source.len().checked_add_signed(n),
            SeekFrom::Current(n) => self.position.checked_add_signed(n),
        };
        self.position = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl MediaSource for Cursor {
    fn is_seekable(&self) -> bool {
        !self.stream
    }

    fn byte_len(&self) -> Option<u64> {
        (!self.stream).then(|| self.source.len())
    }
}
