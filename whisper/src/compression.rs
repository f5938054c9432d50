//! How well a text compresses: a sign of repetition.
use std::io::Write;

use flate2::{Compression, write::ZlibEncoder};

/// Bytes of `text` over bytes of it compressed by zlib at its default level, as the reference computes it.
///
/// zlib itself does the compressing: another deflate would find other lengths, and so move windows across the threshold.
pub(crate) fn compression_ratio(text: &str) -> f64 {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
    // Writing to a `Vec` cannot fail.
    let compressed = encoder
        .write_all(text.as_bytes())
        .and_then(|()| encoder.finish())
        .unwrap_or_default();
    text.len() as f64 / compressed.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::compression_ratio;

    #[test]
    fn ratios_are_those_of_pythons_zlib() {
        // len(t.encode()) / len(zlib.compress(t.encode())), CPython 3.11, zlib 1.2.13
        let expected = [
            ("", 0.0),
            ("a", 1.0 / 9.0),
            ("na na na na na na na na na na na na", 35.0 / 13.0),
        ];
        for (text, ratio) in expected {
            assert!(
                (compression_ratio(text) - ratio).abs() < 1e-9,
                "{text:?}: {}",
                compression_ratio(text)
            );
        }
    }
}
