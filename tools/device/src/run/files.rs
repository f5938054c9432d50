//! Files of a run: what is read, and what will be written, looked at before anything runs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use xdna_terminal::exit::usage;

use super::arg::Spec;

/// All of a file.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Writes an output.
pub(super) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// Finds outputs that cannot be written, or that would overwrite each other or what is `read`; a buffer that goes in and
/// out may go back to where it came from.
pub(super) fn check(specs: &[Spec], read: &[&Path]) -> anyhow::Result<()> {
    let inputs = specs.iter().filter_map(|spec| match spec {
        Spec::In(file) => Some(file.as_path()),
        _ => None,
    });
    let free = free_memory();
    for spec in specs {
        if let (Spec::Out(bytes, file), Some(free)) = (spec, free)
            && *bytes as u64 > free
        {
            return Err(usage(format!(
                "{}: {bytes} bytes are more than the {free} bytes of memory that are free",
                file.display()
            )));
        }
    }
    let mut taken: Vec<PathBuf> = read.iter().copied().chain(inputs).map(real).collect();
    for spec in specs {
        let (Spec::Out(_, file) | Spec::InOut(_, file)) = spec else {
            continue;
        };
        let shown = file.display();
        if file.as_os_str() == "-" {
            return Err(usage(
                "an output goes to a file: the report is on standard output",
            ));
        }
        let folder = file.parent().filter(|p| !p.as_os_str().is_empty());
        if !folder.unwrap_or(Path::new(".")).is_dir() {
            return Err(usage(format!("{shown}: there is no such folder")));
        }
        let wrong = match fs::metadata(file) {
            Ok(found) if found.is_dir() => Some("is a folder"),
            Ok(found) if found.permissions().readonly() => Some("must not be written to"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            return Err(usage(format!("{shown} {wrong}")));
        }
        let path = real(file);
        if taken.contains(&path) {
            return Err(usage(format!("{shown} would be overwritten: it is named twice")));
        }
        taken.push(path);
    }
    Ok(())
}

/// Bytes of memory that can be had without swapping, as the kernel guesses.
fn free_memory() -> Option<u64> {
    let known = fs::read_to_string("/proc/meminfo").ok()?;
    let line = known
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// The same for every way to name a file.
fn real(path: &Path) -> PathBuf {
    let whole = fs::canonicalize(path).ok();
    let inside = || {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
        let folder = fs::canonicalize(folder.unwrap_or(Path::new("."))).ok()?;
        Some(folder.join(path.file_name()?))
    };
    whole.or_else(inside).unwrap_or_else(|| path.to_owned())
}
