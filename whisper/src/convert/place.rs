//! Putting finished files and directories where they belong, whole or not at all.
use std::{
    fs::{self, File, Permissions},
    io::{self, BufWriter, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tempfile::{Builder, TempDir};

use super::ConvertError;

/// Writes the file `path` under a temporary name beside it, which becomes `path` once it is complete.
///
/// # Errors
/// [`ConvertError::Exists`] where something is there and is not to be replaced; and where writing fails.
pub(super) fn file(
    path: &Path,
    replace: bool,
    write: impl FnOnce(&mut BufWriter<&File>) -> Result<(), ConvertError>,
) -> Result<(), ConvertError> {
    let io = failed(path);
    check_free(path, replace)?;
    let mut builder = Builder::new();
    // As a file that is simply created: the process's mask takes away what it likes.
    let builder = builder
        .prefix(".xdna-")
        .permissions(Permissions::from_mode(0o666));
    let temporary = builder.tempfile_in(parent(path)).map_err(&io)?;
    let mut out = BufWriter::with_capacity(1 << 20, temporary.as_file());
    write(&mut out).map_err(|e| match e {
        ConvertError::Write(source) => io(source),
        other => other,
    })?;
    out.flush().map_err(&io)?;
    drop(out);
    temporary.as_file().sync_all().map_err(&io)?;
    let placed = if replace {
        temporary.persist(path)
    } else {
        temporary.persist_noclobber(path)
    };
    match placed {
        Ok(_) => Ok(()),
        Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => Err(exists(path)),
        Err(e) => Err(io(e.error)),
    }
}

/// Fills a directory that becomes `path` once it is complete; one that is replaced goes when the new one is there.
///
/// # Errors
/// As [`file`].
pub(super) fn directory(
    path: &Path,
    replace: bool,
    fill: impl FnOnce(&Path) -> Result<(), ConvertError>,
) -> Result<(), ConvertError> {
    let io = failed(path);
    check_free(path, replace)?;
    let temporary = temporary_directory(path).map_err(&io)?;
    fill(temporary.path())?;
    File::open(temporary.path())
        .and_then(|d| d.sync_all())
        .map_err(&io)?;
    let old = match replace && path.symlink_metadata().is_ok() {
        true => {
            let aside = temporary_directory(path).map_err(&io)?;
            fs::rename(path, aside.path().join("old")).map_err(&io)?;
            Some(aside)
        }
        false => None,
    };
    if let Err(e) = fs::rename(temporary.path(), path) {
        // What was moved away comes back; that nothing was lost matters more than the second error.
        if let Some(aside) = &old
            && let Err(e) = fs::rename(aside.path().join("old"), path)
        {
            log::error!("{}: cannot be put back: {e}", path.display());
        }
        let taken = matches!(
            e.kind(),
            io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty
        );
        return Err(if taken { exists(path) } else { io(e) });
    }
    // It has another name now, so there is nothing left to remove.
    let _: PathBuf = temporary.keep();
    Ok(())
}

fn temporary_directory(path: &Path) -> io::Result<TempDir> {
    let mut builder = Builder::new();
    let builder = builder
        .prefix(".xdna-")
        .permissions(Permissions::from_mode(0o777));
    builder.tempdir_in(parent(path))
}

fn parent(path: &Path) -> &Path {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

fn check_free(path: &Path, replace: bool) -> Result<(), ConvertError> {
    if !replace && path.symlink_metadata().is_ok() {
        return Err(exists(path));
    }
    Ok(())
}

fn exists(path: &Path) -> ConvertError {
    ConvertError::Exists {
        path: path.to_owned(),
    }
}

pub(super) fn failed(path: &Path) -> impl Fn(io::Error) -> ConvertError {
    |source| ConvertError::Io {
        path: path.to_owned(),
        source,
    }
}
