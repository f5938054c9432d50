//! What a fuzz target is.

/// Something that takes any bytes without panicking.
pub trait Target {
    /// Feeds it once.
    fn feed(&mut self, bytes: &[u8]);

    /// Inputs to begin with besides those of the corpus.
    fn seeds(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }
}
