//! What a kernel is: neither an xclbin nor its control code says. The format is the runtime's, which reads it.

pub use xdna_runtime::manifest::{Buffer, Manifest, ManifestError, Run, SCHEMA, Use, sha256};
