//! Weight files as memory.
#![allow(unsafe_code)] // the one module of this crate that maps files

use std::{fs::File, path::Path, sync::Arc};

use memmap2::{Advice, Mmap};
use xdna_ops::Bytes;

use super::ModelError;

/// Maps the file at `path`, read-only and private.
///
/// Pages are read when they are first used and can be dropped by the system at any time. The file must not be
/// changed in place while a model made from it lives: writers replace model files by renaming a new one over them. A file cut short under a running program ends that program with SIGBUS.
///
/// # Errors
/// [`ModelError::Io`] where the file cannot be opened or mapped.
pub(super) fn map(path: &Path) -> Result<Bytes, ModelError> {
    let io = |source| ModelError::Io {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.is_dir() {
        return Err(io(std::io::ErrorKind::IsADirectory.into()));
    }
    // SAFETY: the mapping is read-only and its length is the file's own; it is seen as bytes alone, of which every
    // value is valid, through the slice `Mmap` lends while it is owned by the returned `Bytes`. That nobody
    // rewrites the file meanwhile is the documented duty of whoever owns the model directory, kept by our writers.
    let map = unsafe { Mmap::map(&file) }.map_err(io)?;
    // A hint only: without it the pages arrive one fault at a time.
    if let Err(e) = map.advise(Advice::WillNeed) {
        log::debug!("{}: madvise: {e}", path.display());
    }
    Ok(Bytes::new(Arc::new(map)))
}
