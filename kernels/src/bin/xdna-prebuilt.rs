//! Makes the files of `prebuilt/`: `xdna-prebuilt [--check] [FOLDER]`. With `--check` nothing is written; the exit code is
//! 1 where a file is missing, differs, or is one too many.
#![forbid(unsafe_code)]

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use xdna_kernels::prebuilt;

/// Files below a folder, by their paths in it.
fn present(folder: &Path) -> io::Result<BTreeSet<String>> {
    let mut paths = BTreeSet::new();
    for device in fs::read_dir(folder)? {
        let device = device?;
        if device.file_type()?.is_dir() {
            for file in fs::read_dir(device.path())? {
                let name = file?.file_name();
                paths.insert(format!("{}/{}", device.file_name().display(), name.display()));
            }
        }
    }
    Ok(paths)
}

fn run(check: bool, folder: &Path) -> Result<Vec<String>, String> {
    let files = prebuilt::files()?;
    let mut wrong = Vec::new();
    let mut extra = if check {
        present(folder).map_err(|e| format!("{}: {e}", folder.display()))?
    } else {
        BTreeSet::new()
    };
    for file in files {
        let path = folder.join(&file.path);
        let failed = |e: io::Error| format!("{}: {e}", path.display());
        if check {
            extra.remove(&file.path);
            match fs::read(&path) {
                Ok(bytes) if bytes == file.bytes => {}
                Ok(_) => wrong.push(format!("{} differs", path.display())),
                Err(e) => wrong.push(failed(e)),
            }
        } else {
            fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(failed)?;
            fs::write(&path, &file.bytes).map_err(failed)?;
        }
    }
    wrong.extend(
        extra
            .into_iter()
            .map(|path| format!("{path} is made by no design")),
    );
    Ok(wrong)
}

fn main() -> ExitCode {
    let mut check = false;
    let mut folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/prebuilt"));
    for argument in std::env::args_os().skip(1) {
        if argument == "--check" {
            check = true;
        } else {
            folder = argument.into();
        }
    }
    let wrong = run(check, &folder).unwrap_or_else(|e| vec![e]);
    let mut out = io::stderr().lock();
    for line in &wrong {
        // A closed standard error leaves the exit code to tell.
        let _ = writeln!(out, "{line}");
    }
    if wrong.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
