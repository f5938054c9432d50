//! The manifest that lies beside an xclbin.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;
use xdna_kernels::loopback::Pattern;
use xdna_runtime::manifest::{Manifest, Run};
use xdna_terminal::exit::usage;

/// A manifest, and what of it describes the control code that is run.
pub(super) struct Described {
    file: PathBuf,
    manifest: Manifest,
    run: Option<usize>,
}

/// What of a manifest was used.
#[derive(Debug, Serialize)]
pub(super) struct Used {
    file: PathBuf,
    overlay: String,
    /// Name of the run; none if it describes no such control code.
    run: Option<String>,
    /// Whether the kernel was compared with a reference before.
    tested: bool,
}

impl Described {
    /// Reads the manifest of an xclbin, if there is one.
    ///
    /// # Errors
    /// It can't be read, makes no sense, or describes another xclbin: usage.
    pub(super) fn beside(path: &Path, xclbin: &[u8], code: &[u8]) -> anyhow::Result<Option<Self>> {
        let file = Manifest::beside(path);
        let text = match fs::read_to_string(&file) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.with_context(|| format!("cannot read {}", file.display()))?,
        };
        let wrong = |e| usage(format!("{}: {e}", file.display()));
        let manifest = Manifest::read(&text).map_err(wrong)?;
        manifest.check_xclbin(xclbin).map_err(wrong)?;
        let run = manifest.run_of(code);
        Ok(Some(Self { file, manifest, run }))
    }

    /// What describes the control code.
    pub(super) fn run(&self) -> Option<(&Manifest, &Run)> {
        Some((&self.manifest, self.manifest.runs.get(self.run?)?))
    }

    /// What the kernel must compute, if it is one that this program knows.
    pub(super) fn reference(&self) -> Option<impl Fn(&[Vec<u8>]) -> Vec<Vec<u8>> + use<>> {
        let (manifest, _) = self.run()?;
        let name = manifest.operator.strip_prefix("loopback/")?;
        let pattern = Pattern::ALL.into_iter().find(|pattern| pattern.name() == name)?;
        Some(move |inputs: &[Vec<u8>]| {
            let bytes = inputs.first().map_or(&[][..], Vec::as_slice);
            let words = bytes.chunks_exact(4);
            let words: Vec<u32> = words
                .map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]]))
                .collect();
            let out = pattern.apply(&words);
            vec![out.iter().flat_map(|word| word.to_le_bytes()).collect()]
        })
    }

    /// What was used.
    pub(super) fn used(&self, tested: bool) -> Used {
        Used {
            file: self.file.clone(),
            overlay: self.manifest.name.clone(),
            run: self.run().map(|(_, run)| run.name.clone()),
            tested,
        }
    }
}

impl Used {
    /// For people.
    pub(super) fn text(&self) -> String {
        let file = self.file.display();
        let Some(run) = &self.run else {
            return format!("{file}: describes other control code; the xclbin's own table was used");
        };
        let tested = if self.tested {
            "compared with its reference before"
        } else {
            "no reference to compare it with"
        };
        format!("{file}: {}, run {run:?}; {tested}", self.overlay)
    }
}
