//! Skipping silence around words that were probably never said: the reference's `hallucination_silence_threshold`.
use super::{frames, speech_end};
use crate::{Segment, Word};

const PUNCTUATION: &str = "\"'“¿([{-\"'.。,，!！?？:：”)]}、";

/// The window that was decoded. Times in seconds, the others in mel frames.
pub(super) struct Place {
    pub(super) seek: usize,
    pub(super) size: usize,
    pub(super) start: f64,
    pub(super) duration: f64,
    /// End of a full window that starts here.
    pub(super) window_end: f64,
    pub(super) content_frames: usize,
    pub(super) content_duration: f64,
    pub(super) ends_with_time: bool,
}

/// What to do with a window's segments.
pub(super) enum Verdict {
    /// Keep them (those suspected are gone already) and go on at this frame.
    Keep(usize),
    /// Drop them all and go on at this frame.
    Drop(usize),
}

/// Looks for hallucinations; `seek` is where the next window would begin, `last_speech` when speech ended before.
pub(super) fn skip_silence(
    segments: &mut Vec<Segment>,
    place: &Place,
    threshold: f64,
    mut seek: usize,
    last_speech: f64,
) -> Verdict {
    if let Some(end) = speech_end(segments).filter(|end| !place.ends_with_time && *end > place.start) {
        let remaining = place.window_end - end;
        seek = if remaining > threshold {
            frames(end)
        } else {
            place.seek + place.size
        };
    }
    // The first segment may be a hallucination: skip the silence before it and listen again.
    if let Some(first) = next_with_words(segments).filter(|first| is_anomaly(first)) {
        let gap = first.start - place.start;
        if gap > threshold {
            return Verdict::Drop(place.seek + frames(gap));
        }
    }
    let mut last_end = last_speech;
    for i in 0..segments.len() {
        let segment = &segments[i];
        if words(segment).is_empty() {
            continue;
        }
        if is_anomaly(segment) {
            let next = next_with_words(&segments[i + 1..]);
            let next_start = next.map_or(place.start + place.duration, |next| words(next)[0].start);
            let silence_before = segment.start - last_end > threshold
                || segment.start < threshold
                || segment.start - place.start < 2.0;
            let silence_after = next_start - segment.end > threshold
                || next.is_some_and(is_anomaly)
                || place.window_end - segment.end < 2.0;
            if silence_before && silence_after {
                seek = frames(segment.start.max(place.start + 1.0));
                if place.content_duration - segment.end < threshold {
                    seek = place.content_frames;
                }
                segments.truncate(i);
                break;
            }
        }
        last_end = segment.end;
    }
    Verdict::Keep(seek)
}

fn words(segment: &Segment) -> &[Word] {
    segment.words.as_deref().unwrap_or_default()
}

fn next_with_words(segments: &[Segment]) -> Option<&Segment> {
    segments.iter().find(|s| !words(s).is_empty())
}

/// Whether the first words are too improbable, too short or too long to have been said.
fn is_anomaly(segment: &Segment) -> bool {
    let first: Vec<&Word> = words(segment)
        .iter()
        .filter(|w| !PUNCTUATION.contains(&w.word))
        .take(8)
        .collect();
    let score: f64 = first.iter().map(|w| word_anomaly(w)).sum();
    !words(segment).is_empty() && (score >= 3.0 || score + 0.01 >= first.len() as f64)
}

fn word_anomaly(word: &Word) -> f64 {
    let duration = word.end - word.start;
    let improbable = if word.probability < 0.15 { 1.0 } else { 0.0 };
    let short = if duration < 0.133 {
        (0.133 - duration) * 15.0
    } else {
        0.0
    };
    let long = if duration > 2.0 { duration - 2.0 } else { 0.0 };
    improbable + short + long
}
