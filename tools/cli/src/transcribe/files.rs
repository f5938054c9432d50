//! Output files: named as the reference names them, whole or not there.

use std::{
    ffi::OsStr,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, anyhow};
use tempfile::NamedTempFile;

use xdna_whisper::{
    Transcript,
    output::{self, WriteOptions},
};

use crate::args::{Format, Transcribe};

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Output {
    /// What goes into it.
    pub(super) format: output::Format,
    /// Where it goes.
    pub(super) path: PathBuf,
}

impl Output {
    /// The files to write for `input`: its name without folder and extension, in `dir`.
    pub(super) fn all(input: &OsStr, dir: &Path, formats: &[Format]) -> Vec<Self> {
        let stem = match input.to_str() {
            Some("-") => OsStr::new("stdin"),
            _ => Path::new(input).file_stem().unwrap_or(input),
        };
        let mut outputs: Vec<Self> = Vec::new();
        for &format in formats.iter().flat_map(|f| expand(*f)) {
            let mut name = stem.to_owned();
            name.push(".");
            name.push(format.extension());
            let output = Self {
                format,
                path: dir.join(name),
            };
            if !outputs.contains(&output) {
                outputs.push(output);
            }
        }
        outputs
    }
}

fn expand(format: Format) -> &'static [output::Format] {
    use output::Format::{Json, Lrc, Srt, Tsv, Txt, Vtt};
    match format {
        Format::Txt => &[Txt],
        Format::Vtt => &[Vtt],
        Format::Srt => &[Srt],
        Format::Tsv => &[Tsv],
        Format::Json => &[Json],
        Format::Lrc => &[Lrc],
        // what the reference means by it
        Format::All => &[Txt, Vtt, Srt, Tsv, Json],
    }
}

/// What goes into the files of `transcript`.
///
/// # Errors
/// Where a format cannot hold the transcript.
pub(super) fn contents(
    outputs: &[Output],
    transcript: &Transcript,
    args: &Transcribe,
) -> anyhow::Result<Vec<Vec<u8>>> {
    let options = WriteOptions {
        // the reference takes 0 for no limit
        max_line_width: args.max_line_width.0.filter(|n| *n > 0),
        max_line_count: args.max_line_count.0,
        max_words_per_line: args.max_words_per_line.0.filter(|n| *n > 0),
        highlight_words: args.highlight_words,
    };
    let content = |output: &Output| -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        output::write(output.format, transcript, &options, &mut content)?;
        Ok(content)
    };
    let contents = outputs
        .iter()
        .map(|o| content(o).with_context(|| o.path.display().to_string()));
    contents.collect()
}

/// Refuses what [`write()`] would refuse, before the work is done.
///
/// # Errors
/// A file that exists, without `force`; a directory that takes no files.
pub(super) fn check(outputs: &[Output], force: bool) -> anyhow::Result<()> {
    let there = |o: &&Output| o.path.symlink_metadata().is_ok();
    match outputs.iter().find(there) {
        Some(o) if !force => Err(anyhow!("{} exists; --force replaces it", o.path.display())),
        Some(o) if o.path.is_dir() => Err(anyhow!("{} is a directory", o.path.display())),
        _ => outputs.first().map_or(Ok(()), |o| writable(directory(&o.path))),
    }
}

/// Whether `dir`, or the folder it would be made in, takes new files.
fn writable(dir: &Path) -> anyhow::Result<()> {
    let there = dir.ancestors().find(|a| a.symlink_metadata().is_ok());
    let there = there.unwrap_or(Path::new("."));
    if !there.is_dir() {
        return Err(anyhow!("{} is no directory", there.display()));
    }
    // gone when it is dropped
    tempfile::tempfile_in(there)
        .map(drop)
        .map_err(|e| anyhow!("{} takes no files: {}", there.display(), plain(&e)))
}

/// The directory that `path` is in.
fn directory(path: &Path) -> &Path {
    path.parent()
        .filter(|d| !d.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// An error of a temporary file without the name of that file.
fn plain(error: &io::Error) -> &dyn std::error::Error {
    error.get_ref().and_then(|e| e.source()).unwrap_or(error)
}

/// Files being written, to be removed where the program ends in the middle.
static PENDING: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes what [`write()`] has begun and not finished.
pub(super) fn abandon() {
    let pending = std::mem::take(&mut *PENDING.lock().unwrap_or_else(PoisonError::into_inner));
    for path in pending {
        if let Err(e) = fs::remove_file(&path) {
            log::debug!("{}: {e}", path.display());
        }
    }
}

/// Writes each output whole, or none where one cannot be written.
///
/// # Errors
/// No space, no permission, a file that exists (without `force`).
pub(super) fn write(outputs: &[Output], contents: &[Vec<u8>], force: bool) -> anyhow::Result<()> {
    let mut written = Vec::new();
    for (output, content) in outputs.iter().zip(contents) {
        let path = &output.path;
        let file = temporary(path, content).with_context(|| path.display().to_string());
        written.push(file.inspect_err(|_| abandon())?);
    }
    for (output, file) in outputs.iter().zip(written) {
        let path = &output.path;
        let result = if force {
            file.persist(path)
        } else {
            file.persist_noclobber(path)
        };
        result.map_err(|e| match e.error.kind() {
            io::ErrorKind::AlreadyExists => anyhow!("{} exists; --force replaces it", path.display()),
            _ => anyhow!("{}: {}", path.display(), e.error),
        })?;
    }
    PENDING.lock().unwrap_or_else(PoisonError::into_inner).clear();
    Ok(())
}

/// `content` on disk, under a name that says it is not finished.
fn temporary(path: &Path, content: &[u8]) -> io::Result<NamedTempFile> {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = directory(path);
    fs::create_dir_all(dir)?;
    let mut builder = tempfile::Builder::new();
    // before the umask, as for any file a program makes
    let builder = builder
        .prefix(".xdna-")
        .suffix(".part")
        .permissions(fs::Permissions::from_mode(0o666));
    let mut pending = PENDING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut file = builder.tempfile_in(dir)?;
    pending.push(file.path().to_owned());
    drop(pending);
    file.write_all(content)?;
    file.as_file().sync_all()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(input: &str, dir: &str, formats: &[Format]) -> Vec<String> {
        let outputs = Output::all(OsStr::new(input), Path::new(dir), formats);
        outputs.iter().map(|o| o.path.display().to_string()).collect()
    }

    #[test]
    fn files_are_named_as_the_reference_names_them() {
        assert_eq!(
            names("a/b.c.mp3", "out", &[Format::Srt, Format::Lrc]),
            ["out/b.c.srt", "out/b.c.lrc"]
        );
        assert_eq!(names("-", "", &[Format::Txt]), ["stdin.txt"]);
        let all = ["x.txt", "x.vtt", "x.srt", "x.tsv", "x.json"];
        assert_eq!(names("x.wav", "", &[Format::Txt, Format::All]), all);
    }

    #[test]
    fn nothing_is_replaced_without_force_and_nothing_is_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        let outputs = Output::all(OsStr::new("a.wav"), dir.path(), &[Format::Txt, Format::Srt]);
        let contents = [b"one".to_vec(), b"two".to_vec()];
        write(&outputs, &contents, false).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("a.txt")).unwrap(), "one");
        let again = write(&outputs, &contents, false).unwrap_err().to_string();
        assert!(again.ends_with("a.txt exists; --force replaces it"), "{again}");
        assert!(check(&outputs, false).is_err() && check(&outputs, true).is_ok());
        write(&outputs, &[b"three".to_vec(), b"four".to_vec()], true).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("a.srt")).unwrap(), "four");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
