//! Word times of a window's segments: `add_word_timestamps` of openai-whisper's `timing.py`.
use super::{
    align::{Timing, find_alignment},
    seconds,
};
use crate::{Options, Segment, Word, engine::Window, python::strip, tokenizer::Tokenizer};

const SENTENCE_ENDS: &str = ".。!！?？";

/// Gives the words of `segments` their times, and the segments the times of their words.
///
/// `last_speech` is when speech ended before this window, in seconds.
pub(super) fn add_word_timestamps(
    segments: &mut [Segment],
    window: &Window<'_>,
    tokenizer: &Tokenizer,
    frames: usize,
    options: &Options,
    mut last_speech: f64,
) {
    let Some(first) = segments.first() else { return };
    let offset = seconds(first.seek);
    let text = |s: &Segment| {
        s.tokens
            .iter()
            .copied()
            .filter(|&t| t < tokenizer.eot())
            .collect()
    };
    let texts: Vec<Vec<u32>> = segments.iter().map(text).collect();
    let mut alignment = find_alignment(window, tokenizer, &texts.concat(), frames);

    let durations: Vec<f64> = alignment
        .iter()
        .map(|t| t.end - t.start)
        .filter(|&d| d != 0.0)
        .collect();
    let any = !durations.is_empty();
    let median = median(durations).min(0.7);
    if any {
        shorten_at_sentence_ends(&mut alignment, 2.0 * median);
    }
    merge_punctuations(
        &mut alignment,
        &options.prepend_punctuations,
        &options.append_punctuations,
    );

    let mut timings = alignment.into_iter();
    for (segment, text) in segments.iter_mut().zip(&texts) {
        let (mut saved, mut words) = (0, Vec::new());
        while saved < text.len() {
            let Some(timing) = timings.next() else { break };
            saved += timing.tokens.len();
            if !timing.word.is_empty() {
                let (start, end) = (round2(offset + timing.start), round2(offset + timing.end));
                words.push(Word {
                    word: timing.word,
                    start,
                    end,
                    probability: timing.probability,
                });
            }
        }
        if !words.is_empty() {
            fit(segment, &mut words, last_speech, median);
            last_speech = segment.end;
        }
        segment.words = Some(words);
    }
}

/// Words at the ends of sentences are no longer than `longest`.
fn shorten_at_sentence_ends(alignment: &mut [Timing], longest: f64) {
    for i in 1..alignment.len() {
        if alignment[i].end - alignment[i].start > longest {
            if SENTENCE_ENDS.contains(&alignment[i].word) {
                alignment[i].end = alignment[i].start + longest;
            } else if SENTENCE_ENDS.contains(&alignment[i - 1].word) {
                alignment[i].start = alignment[i].end - longest;
            }
        }
    }
}

/// Joins punctuation with the word it belongs to; a word that was taken in stays as an empty one.
fn merge_punctuations(alignment: &mut [Timing], prepended: &str, appended: &str) {
    let take = |t: &mut Timing| (std::mem::take(&mut t.word), std::mem::take(&mut t.tokens));
    let mut following = alignment.len().saturating_sub(1);
    for i in (0..following).rev() {
        let word = &alignment[i].word;
        if word.starts_with(' ') && prepended.contains(strip(word)) {
            let (word, tokens) = take(&mut alignment[i]);
            alignment[following].word.insert_str(0, &word);
            alignment[following].tokens.splice(0..0, tokens);
        } else {
            following = i;
        }
    }
    let mut previous = 0;
    for j in 1..alignment.len() {
        if !alignment[previous].word.ends_with(' ') && appended.contains(&alignment[j].word) {
            let (word, tokens) = take(&mut alignment[j]);
            alignment[previous].word.push_str(&word);
            alignment[previous].tokens.extend(tokens);
        } else {
            previous = j;
        }
    }
}

/// Shortens the first words after a pause and lets segment and words agree on their ends.
fn fit(segment: &mut Segment, words: &mut [Word], last_speech: f64, median: f64) {
    let (longest, last) = (2.0 * median, words.len() - 1);
    let too_long = words[0].end - words[0].start > longest
        || words
            .get(1)
            .is_some_and(|second| second.end - words[0].start > 2.0 * longest);
    if words[0].end - last_speech > 4.0 * median && too_long {
        if let Some(second) = words.get(1).filter(|w| w.end - w.start > longest) {
            let boundary = (second.end / 2.0).max(second.end - longest);
            words[0].end = boundary;
            words[1].start = boundary;
        }
        words[0].start = (words[0].end - longest).max(0.0);
    }
    if segment.start < words[0].end && segment.start - 0.5 > words[0].start {
        words[0].start = (words[0].end - median).min(segment.start).max(0.0);
    } else {
        segment.start = words[0].start;
    }
    if segment.end > words[last].start && segment.end + 0.5 < words[last].end {
        words[last].end = (words[last].start + median).max(segment.end);
    } else {
        segment.end = words[last].end;
    }
}

/// The median as numpy takes it; 0 for nothing.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    match (values.len(), values.len() / 2) {
        (0, _) => 0.0,
        (n, middle) if n % 2 == 1 => values[middle],
        (_, middle) => (values[middle - 1] + values[middle]) / 2.0,
    }
}

/// Rounds to 0.01 as Python's `round(x, 2)`: by the decimal digits, not by multiplying.
fn round2(seconds: f64) -> f64 {
    format!("{seconds:.2}").parse().unwrap_or(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timings(words: &[&str]) -> Vec<Timing> {
        let timing = |(i, word): (usize, &&str)| Timing {
            word: (*word).to_owned(),
            tokens: vec![i as u32],
            start: 0.0,
            end: 0.0,
            probability: 1.0,
        };
        words.iter().enumerate().map(timing).collect()
    }

    #[test]
    fn punctuation_joins_its_word() {
        let mut words = timings(&[" (", "one", ",", " two", ")", "."]);
        merge_punctuations(&mut words, "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、");
        let joined: Vec<(&str, &[u32])> = words
            .iter()
            .map(|t| (t.word.as_str(), t.tokens.as_slice()))
            .collect();
        assert_eq!(
            joined,
            [
                ("", &[][..]),
                (" (one,", &[0, 1, 2]),
                ("", &[]),
                (" two).", &[3, 4, 5]),
                ("", &[]),
                ("", &[])
            ]
        );
    }

    #[test]
    fn rounding_is_pythons() {
        // round(2.675, 2), round(0.125, 2), round(1.005, 2), round(7.0, 2) in CPython
        assert_eq!([2.675, 0.125, 1.005, 7.0].map(round2), [2.67, 0.12, 1.0, 7.0]);
    }
}
