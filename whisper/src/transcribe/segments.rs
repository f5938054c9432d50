use super::seconds;
use crate::{Segment, decode::Decoded, tokenizer::Tokenizer};

/// Seconds a timestamp step.
const TIME_PRECISION: f64 = 0.02;
/// Mel frames a timestamp step.
const STRIDE: usize = 2;

/// A window's tokens, cut at their timestamps.
pub(super) struct Cut {
    pub(super) segments: Vec<Segment>,
    /// How many mel frames the next window begins after this one.
    pub(super) advance: usize,
    /// The window ends with a lone timestamp: no speech follows it.
    pub(super) ends_with_time: bool,
}

/// Cuts the tokens of the window at `seek` (`frames` mel frames of sound) into segments.
pub(super) fn cut(result: &Decoded, tokenizer: &Tokenizer, seek: usize, frames: usize) -> Cut {
    let tokens = &result.tokens;
    let begin = tokenizer.timestamp_begin();
    let is_time = |token: u32| token >= begin;
    let step = |token: u32| f64::from(token) - f64::from(begin);
    let offset = seconds(seek);
    let segment = |start: f64, end: f64, tokens: &[u32]| {
        let text: Vec<u32> = tokens.iter().copied().filter(|&t| t < tokenizer.eot()).collect();
        Segment {
            id: 0,
            seek,
            start,
            end,
            text: tokenizer.decode(&text),
            tokens: tokens.to_vec(),
            temperature: result.temperature,
            avg_logprob: result.avg_logprob,
            compression_ratio: result.compression_ratio,
            no_speech_prob: result.no_speech_prob,
            words: None,
        }
    };

    let ends_with_time = matches!(tokens.as_slice(), [.., text, time] if !is_time(*text) && is_time(*time));
    let pairs = tokens
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| is_time(pair[0]) && is_time(pair[1]));
    let mut ends: Vec<usize> = pairs.map(|(i, _)| i + 1).collect();
    if ends.is_empty() {
        // No pair of times: one segment, up to the last time if there is one.
        let last = tokens
            .iter()
            .rev()
            .copied()
            .find(|&t| is_time(t))
            .filter(|&t| t != begin);
        let duration = last.map_or(seconds(frames), |token| step(token) * TIME_PRECISION);
        let segments = vec![segment(offset, offset + duration, tokens)];
        return Cut {
            segments,
            advance: frames,
            ends_with_time,
        };
    }
    if ends_with_time {
        ends.push(tokens.len());
    }
    let mut segments = Vec::new();
    let mut from = 0;
    for &to in &ends {
        let part = &tokens[from..to];
        let (start, end) = (step(part[0]), step(part[part.len() - 1]));
        segments.push(segment(
            offset + start * TIME_PRECISION,
            offset + end * TIME_PRECISION,
            part,
        ));
        from = to;
    }
    // Without a lone time at the end the last segment is unfinished: the next window begins with it.
    let advance = if ends_with_time {
        frames
    } else {
        (tokens[from - 1] - begin) as usize * STRIDE
    };
    Cut {
        segments,
        advance,
        ends_with_time,
    }
}
