//! What the fuzz targets share with the seeded runs, which need neither a nightly compiler nor libFuzzer.

#[cfg(feature = "formats")]
pub mod formats;
#[cfg(feature = "npu")]
pub mod npu;

/// Something that takes any bytes without panicking.
pub trait Target {
    /// Feeds it once.
    fn feed(&mut self, bytes: &[u8]);

    /// Inputs to begin with besides those of the corpus.
    fn seeds(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }
}

/// The target of that name, as far as the features go.
pub fn target(name: &str) -> Option<Box<dyn Target>> {
    #[cfg(feature = "npu")]
    if let Some(target) = npu::target(name) {
        return Some(target);
    }
    #[cfg(feature = "formats")]
    if let Some(target) = formats::Readers::of(name) {
        return Some(Box::new(target));
    }
    #[cfg(not(any(feature = "npu", feature = "formats")))]
    let _ = name;
    None
}
