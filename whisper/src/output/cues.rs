//! Subtitles: words laid out in lines, lines in cues.

use std::io::{self, Write};

use super::{Timestamp, WriteOptions, format_timestamp};
use crate::{Segment, Transcript, Word, python};

/// Words further apart than this, in seconds, are in different cues where cues run across segments.
const LONG_PAUSE: f64 = 3.0;

/// No limit, for lengths and counts (the reference's number).
const UNLIMITED: usize = 1000;

pub(super) fn vtt(transcript: &Transcript, options: &WriteOptions, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "WEBVTT\n\n")?;
    let cues = cues(transcript, options, Timestamp::VTT);
    cues.iter()
        .try_for_each(|Cue { start, end, text }| write!(out, "{start} --> {end}\n{text}\n\n"))
}

pub(super) fn srt(transcript: &Transcript, options: &WriteOptions, out: &mut dyn Write) -> io::Result<()> {
    let cues = cues(transcript, options, Timestamp::SRT);
    let mut numbered = cues.iter().zip(1..);
    numbered.try_for_each(|(Cue { start, end, text }, n)| write!(out, "{n}\n{start} --> {end}\n{text}\n\n"))
}

/// A subtitle, its times written out.
struct Cue {
    start: String,
    end: String,
    text: String,
}

fn cues(transcript: &Transcript, options: &WriteOptions, form: Timestamp) -> Vec<Cue> {
    let segments = &transcript.segments;
    let time = |seconds| format_timestamp(seconds, form);
    if segments.first().is_none_or(|first| first.words.is_none()) {
        let whole = |s: &Segment| Cue {
            start: time(s.start),
            end: time(s.end),
            text: python::strip(&s.text).replace("-->", "->"),
        };
        return segments.iter().map(whole).collect();
    }
    let mut cues = Vec::new();
    for subtitle in Layout::new(options).subtitles(segments) {
        let (Some(first), Some(last)) = (subtitle.first(), subtitle.last()) else {
            continue;
        };
        let text: String = subtitle.iter().map(|word| word.text.as_str()).collect();
        if options.highlight_words {
            highlighted(&subtitle, &text, time, &mut cues);
        } else {
            cues.push(Cue {
                start: time(first.start),
                end: time(last.end),
                text,
            });
        }
    }
    cues
}

/// One cue for each word, and one without underlining for each pause before a word.
fn highlighted(subtitle: &[Placed], text: &str, time: impl Fn(f64) -> String, cues: &mut Vec<Cue>) {
    let mut last = subtitle.first().map(|word| time(word.start)).unwrap_or_default();
    for (i, word) in subtitle.iter().enumerate() {
        let (start, end) = (time(word.start), time(word.end));
        if last != start {
            cues.push(Cue {
                start: last,
                end: start.clone(),
                text: text.to_owned(),
            });
        }
        let marked = |(j, word): (usize, &Placed)| {
            if i == j {
                underlined(&word.text)
            } else {
                word.text.clone()
            }
        };
        let text = subtitle.iter().enumerate().map(marked).collect();
        cues.push(Cue {
            start,
            end: end.clone(),
            text,
        });
        last = end;
    }
}

/// `re.sub(r"^(\s*)(.*)$", r"\1<u>\2</u>", word)`: a word that holds a line break after its first letter does not match, unless
/// the break ends it.
fn underlined(word: &str) -> String {
    let body = word.trim_start_matches(python::is_space);
    let space = &word[..word.len() - body.len()];
    let (line, end) = body.strip_suffix('\n').map_or((body, ""), |line| (line, "\n"));
    if line.contains('\n') {
        word.to_owned()
    } else {
        format!("{space}<u>{line}</u>{end}")
    }
}

/// A word as it stands in a cue: with the space or line break before it.
struct Placed {
    text: String,
    start: f64,
    end: f64,
}

struct Layout {
    width: usize,
    /// Lines of a cue, where they are limited.
    lines: Option<usize>,
    words: usize,
    /// A segment begins a cue.
    preserve_segments: bool,
}

impl Layout {
    fn new(options: &WriteOptions) -> Self {
        let limit = |n: Option<usize>| n.filter(|n| *n > 0);
        let (width, lines) = (limit(options.max_line_width), limit(options.max_line_count));
        Self {
            width: width.unwrap_or(UNLIMITED),
            lines,
            words: limit(options.max_words_per_line).unwrap_or(UNLIMITED),
            preserve_segments: width.is_none() || lines.is_none(),
        }
    }

    fn subtitles(&self, segments: &[Segment]) -> Vec<Vec<Placed>> {
        let starts = segments
            .iter()
            .flat_map(|s| s.words.iter().flatten())
            .map(|word| word.start)
            .next();
        let mut last = starts
            .or(segments.first().map(|segment| segment.start))
            .unwrap_or(0.0);
        let (mut subtitles, mut subtitle) = (Vec::new(), Vec::new());
        let (mut line_len, mut line_count) = (0, 1);
        for segment in segments {
            for chunk in segment.words.as_deref().unwrap_or_default().chunks(self.words) {
                for (i, Word { word, start, end, .. }) in chunk.iter().enumerate() {
                    let mut text = word.clone();
                    let long_pause = !self.preserve_segments && start - last > LONG_PAUSE;
                    let has_room = line_len + characters(word) <= self.width;
                    let segment_break = i == 0 && !subtitle.is_empty() && self.preserve_segments;
                    if line_len > 0 && has_room && !long_pause && !segment_break {
                        line_len += characters(word);
                    } else {
                        text = python::strip(word).to_owned();
                        let full = self.lines.is_some_and(|lines| long_pause || line_count >= lines);
                        let length = characters(&text);
                        if !subtitle.is_empty() && full || segment_break {
                            subtitles.push(std::mem::take(&mut subtitle));
                            line_count = 1;
                        } else if line_len > 0 {
                            line_count += 1;
                            text.insert(0, '\n');
                        }
                        line_len = length;
                    }
                    subtitle.push(Placed {
                        text,
                        start: *start,
                        end: *end,
                    });
                    last = *start;
                }
            }
        }
        if !subtitle.is_empty() {
            subtitles.push(subtitle);
        }
        subtitles
    }
}

fn characters(text: &str) -> usize {
    text.chars().count()
}
