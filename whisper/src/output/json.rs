//! The result as Python's `json.dump` writes it: ASCII, a space after separators, floats as `repr` has them.

use std::{
    fmt::{self, Write as _},
    io::{self, Write},
};

use crate::{Segment, Transcript, Word, python};

pub(super) fn write(transcript: &Transcript, out: &mut dyn Write) -> io::Result<()> {
    let Transcript {
        text,
        segments,
        language,
    } = transcript;
    write!(out, "{{\"text\": {}, \"segments\": [", Text(text))?;
    for (i, segment) in segments.iter().enumerate() {
        out.write_all(if i == 0 { b"" } else { b", " })?;
        self::segment(segment, out)?;
    }
    write!(out, "], \"language\": {}}}", Text(language))
}

fn segment(s: &Segment, out: &mut dyn Write) -> io::Result<()> {
    let [start, end, temperature] = [s.start, s.end, s.temperature].map(python::Float);
    let [logprob, ratio, silence] = [s.avg_logprob, s.compression_ratio, s.no_speech_prob].map(python::Float);
    write!(
        out,
        "{{\"id\": {}, \"seek\": {}, \"start\": {start}, \"end\": {end}, ",
        s.id, s.seek
    )?;
    // A list of integers in Debug form is the same in JSON.
    write!(
        out,
        "\"text\": {}, \"tokens\": {:?}, \"temperature\": {temperature}, ",
        Text(&s.text),
        s.tokens
    )?;
    write!(
        out,
        "\"avg_logprob\": {logprob}, \"compression_ratio\": {ratio}, \"no_speech_prob\": {silence}"
    )?;
    if let Some(words) = &s.words {
        write!(out, ", \"words\": [")?;
        for (i, word) in words.iter().enumerate() {
            out.write_all(if i == 0 { b"" } else { b", " })?;
            self::word(word, out)?;
        }
        write!(out, "]")?;
    }
    write!(out, "}}")
}

fn word(w: &Word, out: &mut dyn Write) -> io::Result<()> {
    let [start, end, probability] = [w.start, w.end, w.probability].map(python::Float);
    let word = Text(&w.word);
    write!(
        out,
        "{{\"word\": {word}, \"start\": {start}, \"end\": {end}, \"probability\": {probability}}}"
    )
}

/// A string in quotes, everything but printable ASCII escaped.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                '\u{8}' => f.write_str("\\b")?,
                '\u{c}' => f.write_str("\\f")?,
                ' '..='~' => f.write_char(c)?,
                _ => c
                    .encode_utf16(&mut [0; 2])
                    .iter()
                    .try_for_each(|unit| write!(f, "\\u{unit:04x}"))?,
            }
        }
        f.write_char('"')
    }
}
