//! Sound files: any container, codec, rate and channel count, down to mono at 16 kHz.

mod aac;
mod codec;
mod demux;
mod mix;
mod mkv;
mod mp4;
mod opus;
mod raw;
mod reader;
mod resample;
mod source;
mod wav;

use std::{
    io::Read,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

pub use mix::Channel;
pub use raw::{RawSpec, RawSpecError};

use super::{Audio, AudioError, Samples};
use reader::Reader;
use source::Source;

/// A sound file, decoded each time it is read; memory does not grow with its length.
///
/// Read are WAV, AIFF, CAF, FLAC, MP3, AAC-LC (ADTS, M4A), ALAC, OGG and MKV/WebM (Vorbis, Opus, FLAC, AAC, PCM), and
/// samples without a header where a [`RawSpec`] says what they are. The file's name plays no part.
///
/// What odd input gives:
/// - no samples at all in a valid file, or no bytes with a [`RawSpec`]: a sound of length 0; an empty file otherwise:
///   [`Fault::Empty`](super::Fault::Empty).
/// - a file that ends early, or claims to be longer than it is: the sound up to there, and a warning; refused is an MP4
///   that keeps what is needed to read it behind the sound. A WAV whose sizes nobody filled in (a pipe's): all of it.
/// - damaged packets among good ones: skipped, counted in a warning, the rest moves up, as with ffmpeg; in MKV and
///   WebM the rest can be lost. Where FLAC and OGG say how long they are and less comes out, a warning says how much;
///   [`Fault::Undecodable`](super::Fault::Undecodable) where nothing comes out.
/// - `NaN`: 0. Beyond full scale, infinite too: clipped, after mixing and resampling.
/// - `n` samples at another `rate`: `round(n * 16000 / rate)` samples.
///
/// Samples are rounded to 16 bits, as the reference does by way of ffmpeg: its log-mel floor depends on it.
#[derive(Debug)]
pub struct AudioFile {
    path: PathBuf,
    source: Source,
    channel: Channel,
    raw: Option<RawSpec>,
    hint: Option<u64>,
    warned: AtomicBool,
}

impl AudioFile {
    /// A file, or standard input where `path` is `-`. Pipes and other streams are copied to an anonymous temporary file
    /// first, as sound is read twice.
    ///
    /// # Errors
    /// Where it cannot be opened, is no sound, or is in a codec that is not read here.
    pub fn new(path: &Path, channel: Channel, raw: Option<RawSpec>) -> Result<Self, AudioError> {
        if path.as_os_str() == "-" {
            return Self::stdin(channel, raw);
        }
        Self::with_source(path.to_owned(), Source::open(path)?, channel, raw)
    }

    /// Standard input.
    ///
    /// # Errors
    /// As [`AudioFile::new`].
    pub fn stdin(channel: Channel, raw: Option<RawSpec>) -> Result<Self, AudioError> {
        Self::from_reader("standard input".into(), std::io::stdin().lock(), channel, raw)
    }

    /// All that `reader` gives, copied to an anonymous temporary file; `name` stands for it in errors.
    ///
    /// # Errors
    /// As [`AudioFile::new`].
    pub fn from_reader(
        name: PathBuf,
        reader: impl Read,
        channel: Channel,
        raw: Option<RawSpec>,
    ) -> Result<Self, AudioError> {
        let source = Source::spool(&name, reader)?;
        Self::with_source(name, source, channel, raw)
    }

    /// A file in memory; `name` stands for it in errors.
    ///
    /// # Errors
    /// As [`AudioFile::new`].
    pub fn from_bytes(
        name: PathBuf,
        bytes: Vec<u8>,
        channel: Channel,
        raw: Option<RawSpec>,
    ) -> Result<Self, AudioError> {
        Self::with_source(name, Source::bytes(bytes), channel, raw)
    }

    fn with_source(
        path: PathBuf,
        source: Source,
        channel: Channel,
        raw: Option<RawSpec>,
    ) -> Result<Self, AudioError> {
        let source = if raw.is_none() {
            let sizes = wav::sizes(&source).map_err(|source| AudioError::Io {
                path: path.clone(),
                source,
            })?;
            source.patched(sizes)
        } else {
            source
        };
        let mut file = Self {
            path,
            source,
            channel,
            raw,
            hint: None,
            warned: AtomicBool::new(false),
        };
        file.hint = file.reader()?.samples_hint();
        Ok(file)
    }

    fn reader(&self) -> Result<Reader<'_>, AudioError> {
        Reader::new(self)
    }
}

impl Audio for AudioFile {
    fn open(&self) -> Result<Box<dyn Samples + '_>, AudioError> {
        Ok(Box::new(self.reader()?))
    }

    fn samples_hint(&self) -> Option<u64> {
        self.hint
    }
}
