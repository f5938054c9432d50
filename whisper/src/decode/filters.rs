use crate::tokenizer::Tokenizer;
use xdna_ops::{largest, log_sum_exp};

/// What may be sampled next: the reference's logit filters, applied in its order.
#[derive(Debug)]
pub(crate) struct Filters {
    /// Never at the beginning (the blank and the end of text).
    pub(crate) blank: Vec<u32>,
    /// Never at all.
    pub(crate) suppressed: Vec<u32>,
    /// How timestamps are placed; `None` where none are wanted.
    pub(crate) timestamps: Option<TimestampRules>,
}

/// Timestamps come in pairs, do not decrease, and win when together they are likelier than any text.
#[derive(Debug)]
pub(crate) struct TimestampRules {
    no_timestamps: u32,
    eot: u32,
    begin: u32,
    max_initial: Option<u32>,
}

impl TimestampRules {
    /// `max_initial`: the first timestamp is at most this many steps after 0.00.
    pub(crate) fn new(tokenizer: &Tokenizer, max_initial: Option<u32>) -> Self {
        let (eot, begin) = (tokenizer.eot(), tokenizer.timestamp_begin());
        Self {
            no_timestamps: tokenizer.no_timestamps(),
            eot,
            begin,
            max_initial,
        }
    }

    fn apply(&self, logits: &mut [f32], sampled: &[u32]) {
        let begin = self.begin as usize;
        let forbid = |logits: &mut [f32]| logits.fill(f32::NEG_INFINITY);
        logits[self.no_timestamps as usize] = f32::NEG_INFINITY;

        let is_timestamp = |token: &u32| *token >= self.begin;
        let last = sampled.last().is_some_and(is_timestamp);
        let penultimate = sampled.len() < 2 || is_timestamp(&sampled[sampled.len() - 2]);
        if last && penultimate {
            forbid(&mut logits[begin..]);
        } else if last {
            forbid(&mut logits[..self.eot as usize]);
        }
        if let Some(newest) = sampled.iter().rev().copied().find(is_timestamp) {
            // A segment has a length: only the closing time of a pair may be followed by the same time.
            let lowest = if last && !penultimate { newest } else { newest + 1 };
            forbid(&mut logits[begin..lowest as usize]);
        }
        if sampled.is_empty() {
            forbid(&mut logits[..begin]);
            if let Some(max) = self.max_initial {
                let first = (begin + max as usize + 1).min(logits.len());
                forbid(&mut logits[first..]);
            }
        }
        let text = largest(&logits[..begin]);
        if log_sum_exp(&logits[begin..]) > text {
            forbid(&mut logits[..begin]);
        }
    }
}

impl Filters {
    /// Masks `logits` `[n_vocab]` for the sequence that has sampled `sampled` so far.
    pub(crate) fn apply(&self, logits: &mut [f32], sampled: &[u32]) {
        if sampled.is_empty() {
            self.blank
                .iter()
                .for_each(|&t| logits[t as usize] = f32::NEG_INFINITY);
        }
        self.suppressed
            .iter()
            .for_each(|&t| logits[t as usize] = f32::NEG_INFINITY);
        if let Some(rules) = &self.timestamps {
            rules.apply(logits, sampled);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Ten tokens: text 0..5, end of text 5, <|notimestamps|> 6, times 7, 8, 9.
    const RULES: TimestampRules = TimestampRules {
        no_timestamps: 6,
        eot: 5,
        begin: 7,
        max_initial: Some(1),
    };

    /// Text is likelier than all times together.
    const TEXT: [f32; 10] = [9.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0];

    fn allowed(sampled: &[u32], mut logits: [f32; 10]) -> Vec<usize> {
        RULES.apply(&mut logits, sampled);
        (0..10).filter(|&i| logits[i] > f32::NEG_INFINITY).collect()
    }

    #[test]
    fn the_first_token_is_a_time_within_the_limit() {
        assert_eq!(allowed(&[], TEXT), [7, 8]);
    }

    #[test]
    fn after_the_opening_time_comes_text_or_the_end() {
        assert_eq!(allowed(&[7], TEXT), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn after_a_closing_time_comes_the_same_time_or_a_later_one_or_the_end() {
        assert_eq!(allowed(&[7, 1, 8], TEXT), [5, 8, 9]);
        let mut early = TEXT;
        early[5] = 0.5;
        assert_eq!(
            allowed(&[7, 1, 8], early),
            [8, 9],
            "here the times together are likelier than the end"
        );
    }

    #[test]
    fn times_do_not_go_back() {
        assert_eq!(allowed(&[7, 1, 8, 8, 2], TEXT), [0, 1, 2, 3, 4, 5, 9]);
    }

    #[test]
    fn times_win_when_together_they_are_likelier_than_any_text() {
        let mut close = TEXT;
        (close[0], close[8], close[9]) = (1.0, 0.5, 0.5);
        assert_eq!(allowed(&[7, 1], close), [8, 9], "ln(2 e^0.5) > 1");
    }
}
