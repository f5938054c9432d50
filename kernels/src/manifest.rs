//! What a kernel is: neither an xclbin nor its control code says.

use serde::{Deserialize, Serialize};

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

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// It is no TOML, lacks a field, has one that is not known, or is of another version.
    pub fn read(text: &str) -> Result<Self, String> {
        let manifest: Self = toml::from_str(text).map_err(|e| e.to_string())?;
        if manifest.schema == SCHEMA {
            Ok(manifest)
        } else {
            Err(format!("schema {:?}, not {SCHEMA:?}", manifest.schema))
        }
    }

    /// The manifest as a file.
    ///
    /// # Errors
    /// None for what the builder makes.
    pub fn write(&self) -> Result<String, String> {
        toml::to_string(self).map_err(|e| e.to_string())
    }
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    let mut digest = sha2::Sha256::default();
    sha2::Digest::update(&mut digest, bytes);
    let digest = sha2::Digest::finalize(digest);
    digest.iter().map(|b| format!("{b:02x}")).collect()
}
