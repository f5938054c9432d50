//! What the fuzz targets share with the seeded runs, which need neither a nightly compiler nor libFuzzer.

#[cfg(feature = "npu")]
pub mod npu;
