//! Formats with one line a segment.

use std::io::{self, Write};

use super::timestamp::milliseconds;
use crate::{Transcript, python};

pub(super) fn txt(transcript: &Transcript, out: &mut dyn Write) -> io::Result<()> {
    transcript
        .segments
        .iter()
        .try_for_each(|s| writeln!(out, "{}", python::strip(&s.text)))
}

pub(super) fn tsv(transcript: &Transcript, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "start\tend\ttext")?;
    transcript.segments.iter().try_for_each(|s| {
        let text = python::strip(&s.text).replace('\t', " ");
        writeln!(out, "{}\t{}\t{text}", milliseconds(s.start), milliseconds(s.end))
    })
}

/// Minutes go on past 99, there are no hours. A line break within a segment would end its line: it becomes a space.
pub(super) fn lrc(transcript: &Transcript, out: &mut dyn Write) -> io::Result<()> {
    transcript.segments.iter().try_for_each(|s| {
        let hundredths = (s.start * 100.0).round_ties_even().max(0.0) as u64;
        let (minutes, seconds) = (hundredths / 6000, hundredths / 100 % 60);
        let text = python::strip(&s.text).replace(['\r', '\n'], " ");
        writeln!(out, "[{minutes:02}:{seconds:02}.{:02}]{text}", hundredths % 100)
    })
}
