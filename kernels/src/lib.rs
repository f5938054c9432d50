//! NPU overlays: their sources in Rust, the builder that turns them into xclbins without a vendor tool, the
//! prebuilt files, and a manifest that names for each its operator, shapes, dtypes, block layouts, device and
//! hash.
#![forbid(unsafe_code)]
