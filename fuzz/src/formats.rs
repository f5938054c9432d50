//! Readers of the files that are loaded into an NPU, fed with bytes.

#[path = "../../runtime/tests/feed/mod.rs"]
mod feed;
#[path = "../../runtime/tests/feed/seeds.rs"]
mod seeds;

use crate::Target;

/// The readers of a format, by its name.
pub struct Readers(feed::Feed);

impl Readers {
    /// The readers of a format.
    pub fn of(name: &str) -> Option<Self> {
        feed::FORMATS.iter().find(|f| f.0 == name).map(|f| Self(f.1))
    }
}

impl Target for Readers {
    fn feed(&mut self, bytes: &[u8]) {
        (self.0)(bytes);
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        seeds::seeds().into_iter().filter(|seed| (self.0)(seed)).collect()
    }
}
