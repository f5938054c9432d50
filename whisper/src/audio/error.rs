//! Why sound cannot be read.

use std::{io, path::PathBuf};

/// Why sound cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AudioError {
    /// A file could not be opened or read.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is no sound that can be decoded here.
    #[error("{path}: {fault}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: Fault,
    },
    /// A stream that cannot be read twice could not be kept.
    #[error("{path}: cannot keep it in a temporary file in {dir}: {source}{hint}",
        path = path.display(), dir = dir.display(), hint = spool_hint(source))]
    Spool {
        /// The stream.
        path: PathBuf,
        /// Where temporary files go.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The second reading of a sound met its end sooner than the first.
    #[error("the sound changed while it was read: {expected} samples at first, {found} now")]
    Changed {
        /// Samples of the first reading.
        expected: u64,
        /// Samples of the second.
        found: u64,
    },
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The path names a directory.
    #[error("a directory; name the sound files in it")]
    Directory,
    /// There is not one byte.
    #[error("the file is empty")]
    Empty,
    /// None of the formats that are read here.
    #[error(
        "not a sound file (read are WAV, AIFF, CAF, FLAC, MP3, AAC, M4A, OGG, MKV and WebM); \
         samples without a header need their format, for example s16le:16000:1"
    )]
    NotAudio,
    /// The container is known, what it says about itself makes no sense.
    #[error("the file is damaged or incomplete: {0}")]
    Container(String),
    /// A container without sound.
    #[error("no audio track in this file ({0})")]
    NoAudio(String),
    /// Nothing here decodes this codec.
    #[error("{0} is not supported; convert it first, for example with `ffmpeg -i INPUT OUTPUT.flac`")]
    Codec(String),
    /// More of something than any sound has.
    #[error("{what} of {found} is outside {least} to {most}")]
    Range {
        /// What is out of range.
        what: &'static str,
        /// What the file says.
        found: u64,
        /// Smallest number taken.
        least: u64,
        /// Largest number taken.
        most: u64,
    },
    /// No packet could be decoded.
    #[error("none of its {packets} packets can be decoded: {reason}")]
    Undecodable {
        /// Packets tried.
        packets: u64,
        /// What the decoder said of the first.
        reason: String,
    },
    /// A decoder of another project panicked; it was contained.
    #[error("a decoder crashed on it ({0}): the file is damaged, and the decoder has a bug worth a report")]
    Crash(String),
}

fn spool_hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "; make room there, or set TMPDIR to a folder that has some"
        }
        _ => "",
    }
}
