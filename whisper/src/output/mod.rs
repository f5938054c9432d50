//! Output formats: the files that openai-whisper writes, byte for byte, and LRC lyrics.
//!
//! ```
//! use xdna_whisper::{Transcript, output::{self, Format, WriteOptions}};
//!
//! let mut file = Vec::new();
//! output::write("vtt".parse::<Format>()?, &Transcript::default(), &WriteOptions::default(), &mut file)?;
//! assert_eq!(file, b"WEBVTT\n\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::{
    fmt,
    io::{self, Write},
    str::FromStr,
};

use crate::{Segment, Transcript, python};

mod cues;
mod json;
mod lines;
mod timestamp;

pub use timestamp::{Timestamp, format_timestamp};

/// A file format for transcripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Plain text, one segment a line.
    Txt,
    /// WebVTT subtitles.
    Vtt,
    /// SubRip subtitles.
    Srt,
    /// Start and end in milliseconds and the text, separated by tabs.
    Tsv,
    /// The whole result.
    Json,
    /// Lyrics: `[mm:ss.xx]text`, one segment a line.
    Lrc,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 6] = [Self::Txt, Self::Vtt, Self::Srt, Self::Tsv, Self::Json, Self::Lrc];

    /// Name, which is the file name's extension too.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Txt => "txt",
            Self::Vtt => "vtt",
            Self::Srt => "srt",
            Self::Tsv => "tsv",
            Self::Json => "json",
            Self::Lrc => "lrc",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.extension())
    }
}

/// No format has this name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no output format (txt, vtt, srt, tsv, json, lrc)")]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        let found = Self::ALL.into_iter().find(|format| format.extension() == name);
        found.ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// Layout of subtitles; all of it needs word times. Zero is as good as nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// Characters in a line at most.
    pub max_line_width: Option<usize>,
    /// Lines in a subtitle at most; with [`WriteOptions::max_line_width`], subtitles run across segments.
    pub max_line_count: Option<usize>,
    /// Words in a subtitle at most.
    pub max_words_per_line: Option<usize>,
    /// A subtitle for each word, which is underlined in it.
    pub highlight_words: bool,
}

/// Writes `transcript` as the reference's writer of that format does.
///
/// # Errors
/// Those of `out`.
pub fn write(
    format: Format,
    transcript: &Transcript,
    options: &WriteOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Txt => lines::txt(transcript, out),
        Format::Vtt => cues::vtt(transcript, options, out),
        Format::Srt => cues::srt(transcript, options, out),
        Format::Tsv => lines::tsv(transcript, out),
        Format::Json => json::write(transcript, out),
        Format::Lrc => lines::lrc(transcript, out),
    }
}

/// A segment as a line for people: its text, or with `timestamps` what the reference prints while it works,
/// `[00:00.000 --> 00:08.060]  And so my fellow Americans`.
pub fn segment_line(segment: &Segment, timestamps: bool) -> String {
    if !timestamps {
        return python::strip(&segment.text).to_owned();
    }
    let [start, end] = [segment.start, segment.end].map(|s| format_timestamp(s, Timestamp::VTT));
    format!("[{start} --> {end}] {}", segment.text)
}

#[cfg(test)]
mod tests;
