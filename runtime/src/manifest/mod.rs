//! Manifests: what neither an xclbin nor its control code says of a kernel.
//!
//! A manifest is a TOML file beside its xclbin, with the same name. Where there is one, arguments are checked against it;
//! a kernel without one is described by its xclbin's table alone.

mod error;
#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::path::{Path, PathBuf};

pub use error::ManifestError;
use serde::{Deserialize, Serialize};

use xdna_driver::{Device, Generation};

use crate::kernel::{BufferUse, Direction, Elements, Signature};
use crate::overlay::Overlay;

/// Version of the format.
pub const SCHEMA: &str = "xdna.kernel/1";

/// An overlay and its control codes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this format: [`SCHEMA`].
    pub schema: String,
    /// Name of the overlay.
    pub name: String,
    /// What it computes.
    pub operator: String,
    /// `npu1` or `npu4`.
    pub device: String,
    /// Columns that it takes.
    pub columns: u8,
    /// The file that is loaded, beside the manifest.
    pub xclbin: String,
    /// SHA-256 of that file, in hexadecimal.
    pub sha256: String,
    /// Name of the kernel in it.
    pub kernel: String,
    /// Opcode that a command passes: 3 for transactions whose addresses the firmware patches.
    pub opcode: u32,
    /// What it can be run as.
    #[serde(rename = "run")]
    pub runs: Vec<Run>,
}

/// A control code: one operator at one shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Name among those of the overlay.
    pub name: String,
    /// The control code, beside the manifest.
    pub control: String,
    /// SHA-256 of that file, in hexadecimal.
    pub sha256: String,
    /// Buffers in the order of the kernel's buffer arguments.
    #[serde(rename = "buffer")]
    pub buffers: Vec<Buffer>,
}

/// What a kernel does to a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Use {
    /// Reads it.
    In,
    /// Writes it.
    Out,
    /// Both.
    InOut,
}

/// A buffer argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Buffer {
    /// Name of the argument in the xclbin.
    pub name: String,
    /// What the kernel does to it.
    #[serde(rename = "use")]
    pub usage: Use,
    /// Type of an element.
    pub dtype: String,
    /// Elements in each dimension, the slowest first.
    pub shape: Vec<u64>,
    /// Meaning of the dimensions.
    pub layout: String,
    /// Bytes it touches.
    pub bytes: u64,
}

fn wrong(place: &str, what: &'static str, found: impl Display, expected: impl Display) -> ManifestError {
    ManifestError::Field {
        place: place.to_owned(),
        what,
        found: found.to_string(),
        expected: expected.to_string(),
    }
}

/// Bytes of an element.
fn element(dtype: &str) -> Option<u64> {
    match dtype {
        "i8" | "u8" => Some(1),
        "i16" | "u16" | "f16" | "bf16" => Some(2),
        "i32" | "u32" | "f32" => Some(4),
        "i64" | "u64" => Some(8),
        _ => None,
    }
}

impl Manifest {
    /// Reads a manifest and checks it against itself.
    ///
    /// # Errors
    /// It is no TOML, lacks a field, has one that is not known or makes no sense, or is of another version.
    pub fn read(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = toml::from_str(text).map_err(|e| ManifestError::Syntax(e.to_string()))?;
        if manifest.schema != SCHEMA {
            let found = manifest.schema;
            return Err(ManifestError::Schema { found });
        }
        if !["npu1", "npu4"].contains(&manifest.device.as_str()) {
            return Err(wrong(&manifest.name, "device", &manifest.device, "npu1 or npu4"));
        }
        manifest.runs.iter().try_for_each(Run::check)?;
        Ok(manifest)
    }

    /// Where the manifest of an xclbin is, if it has one.
    pub fn beside(xclbin: &Path) -> PathBuf {
        xclbin.with_extension("toml")
    }

    /// The manifest as a file.
    ///
    /// # Errors
    /// None for what the builder makes.
    pub fn write(&self) -> Result<String, ManifestError> {
        toml::to_string(self).map_err(|e| ManifestError::Syntax(e.to_string()))
    }

    /// Checks that it describes this xclbin.
    ///
    /// # Errors
    /// [`ManifestError::OtherFile`].
    pub fn check_xclbin(&self, file: &[u8]) -> Result<(), ManifestError> {
        let found = sha256(file);
        if found == self.sha256 {
            return Ok(());
        }
        Err(ManifestError::OtherFile {
            file: self.xclbin.clone(),
            found,
            expected: self.sha256.clone(),
        })
    }

    /// Checks that it goes with a device, an overlay, and a kernel's table.
    pub(crate) fn check(
        &self,
        run: &Run,
        control: &[u8],
        device: &Device,
        overlay: &Overlay,
        signature: &Signature,
    ) -> Result<(), ManifestError> {
        let chip = match device.generation() {
            Generation::Xdna1 => "npu1",
            _ => "npu4",
        };
        if self.device != chip {
            return Err(wrong(&self.name, "device", &self.device, chip));
        }
        if u16::from(self.columns) != overlay.columns() {
            return Err(wrong(&self.name, "columns", self.columns, overlay.columns()));
        }
        let found = sha256(control);
        if found != run.sha256 {
            return Err(ManifestError::OtherFile {
                file: run.control.clone(),
                found,
                expected: run.sha256.clone(),
            });
        }
        for (buffer, parameter) in run.buffers.iter().zip(signature.buffers()) {
            if buffer.name != parameter.name {
                let place = format!("run {:?}", run.name);
                return Err(wrong(&place, "a buffer's name", &buffer.name, &parameter.name));
            }
        }
        Ok(())
    }

    /// The place of the run of this control code, if it describes one.
    pub fn run_of(&self, control: &[u8]) -> Option<usize> {
        let hash = sha256(control);
        self.runs.iter().position(|run| run.sha256 == hash)
    }

    /// The run of this name, if there is one.
    pub fn run(&self, name: &str) -> Option<&Run> {
        self.runs.iter().find(|run| run.name == name)
    }
}

impl Run {
    fn check(&self) -> Result<(), ManifestError> {
        for buffer in &self.buffers {
            let place = format!("run {:?}, buffer {:?}", self.name, buffer.name);
            let Some(size) = element(&buffer.dtype) else {
                let known = "i8, u8, i16, u16, f16, bf16, i32, u32, f32, i64 or u64";
                return Err(wrong(&place, "dtype", &buffer.dtype, known));
            };
            let bytes = buffer.shape.iter().try_fold(size, |n, d| n.checked_mul(*d));
            if bytes != Some(buffer.bytes) || buffer.bytes == 0 {
                let expected = bytes.map_or("less than 2^64".to_owned(), |n| n.to_string());
                let shape = format!("{} {:?}", buffer.dtype, buffer.shape);
                return Err(wrong(
                    &format!("{place} of {shape}"),
                    "bytes",
                    buffer.bytes,
                    expected,
                ));
            }
        }
        Ok(())
    }

    /// Its buffers, for a kernel's arguments.
    pub fn uses(&self) -> Vec<BufferUse> {
        let used = |buffer: &Buffer| BufferUse {
            direction: match buffer.usage {
                Use::In => Direction::In,
                Use::Out => Direction::Out,
                Use::InOut => Direction::InOut,
            },
            bytes: buffer.bytes as usize,
            elements: Some(Elements {
                dtype: buffer.dtype.clone(),
                size: element(&buffer.dtype).unwrap_or(1),
                shape: buffer.shape.clone(),
                layout: buffer.layout.clone(),
            }),
        };
        self.buffers.iter().map(used).collect()
    }
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    let mut digest = sha2::Sha256::default();
    sha2::Digest::update(&mut digest, bytes);
    let digest = sha2::Digest::finalize(digest);
    digest.iter().map(|b| format!("{b:02x}")).collect()
}
