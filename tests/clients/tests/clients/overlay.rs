//! The overlay that the programs run: through the shim tile of one column, without a core.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use xdna_kernels::design::Step;
use xdna_kernels::loopback::{self, Pattern};
use xdna_runtime::formats::Generation;

/// Its files.
pub struct Overlay {
    folder: TempDir,
}

impl Overlay {
    /// Copies a block of buffer 0 to buffer `to`.
    pub fn new(generation: Generation, to: u8) -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let design = loopback::design(generation, 1, Pattern::Shim);
        let mut sequence = loopback::sequence(generation, 1, Pattern::Shim, 1);
        for step in &mut sequence.steps {
            if let Step::Transfer { argument, .. } = step
                && *argument != 0
            {
                *argument = to;
            }
        }
        fs::write(folder.path().join("xclbin"), design.xclbin()?)?;
        fs::write(folder.path().join("insts"), sequence.control_code()?)?;
        Ok(Self { folder })
    }

    /// The container, and the instructions.
    pub fn files(&self) -> [PathBuf; 2] {
        ["xclbin", "insts"].map(|name| self.folder.path().join(name))
    }
}
