//! Sound for tests: the sample of the project, and what can be made of it.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What is said in [`sample`].
pub const TEXT: &str = "And Mr. John Dashwood had then leisure to consider how much there might be prudently in his \
                        power to do for them.";

/// The workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Seven seconds of speech, 16 kHz, mono, 16 bit.
pub fn sample() -> PathBuf {
    root().join("samples/librivox-0870.wav")
}

/// The sample's samples.
pub fn samples() -> Vec<u8> {
    fs::read(sample()).expect("the sample is part of the project")[44..].to_vec()
}

/// A WAV file of 16-bit samples that says of itself what it is told to.
pub fn wav(tag: u16, channels: u16, rate: u32, claimed: u32, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(44 + data.len());
    out.extend(b"RIFF");
    out.extend(claimed.saturating_add(36).to_le_bytes());
    out.extend(b"WAVEfmt \x10\0\0\0");
    out.extend(tag.to_le_bytes());
    out.extend(channels.to_le_bytes());
    out.extend(rate.to_le_bytes());
    out.extend(
        (rate.wrapping_mul(2))
            .wrapping_mul(u32::from(channels))
            .to_le_bytes(),
    );
    out.extend(channels.wrapping_mul(2).to_le_bytes());
    out.extend(16u16.to_le_bytes());
    out.extend(b"data");
    out.extend(claimed.to_le_bytes());
    out.extend(data);
    out
}

/// The sample over and over, `times` times, in `dir`.
pub fn long(dir: &Path, times: usize) -> PathBuf {
    let path = dir.join("long.wav");
    let data = samples().repeat(times);
    fs::write(&path, wav(1, 1, 16_000, data.len() as u32, &data)).expect("room for a file");
    path
}
