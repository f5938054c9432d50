use std::time::Instant;

use super::{
    fallback::decode_with_fallback,
    frames,
    hallucination::{Place, Verdict, skip_silence},
    seconds,
    segments::cut,
    speech_end,
    windows::Windows,
    words::add_word_timestamps,
};
use crate::{
    Cancel, Error, Options, Segment,
    decode::{Decoded, DecodingTask},
    python::strip,
    tokenizer::Tokenizer,
};

/// What one window hands on to the next.
pub(super) struct State<'o> {
    options: &'o Options,
    tokenizer: &'o Tokenizer,
    pub(super) initial_prompt: Vec<u32>,
    /// Tokens that a prompt may have beside the initial prompt, where that is carried.
    prompt_room: usize,
    /// Initial prompt and all tokens of the segments.
    pub(super) tokens: Vec<u32>,
    /// Tokens before this one are no prompt any more.
    prompt_reset: usize,
    pub(super) segments: Vec<Segment>,
    /// Segments that were there before the window.
    told: usize,
    last_speech: f64,
    rng: fastrand::Rng,
}

impl<'o> State<'o> {
    pub(super) fn new(options: &'o Options, tokenizer: &'o Tokenizer, n_text_ctx: usize) -> Self {
        let prompt = options
            .initial_prompt
            .as_ref()
            .map(|text| tokenizer.encode(&format!(" {}", strip(text))));
        let initial_prompt = prompt.unwrap_or_default();
        Self {
            options,
            tokenizer,
            prompt_room: (n_text_ctx / 2 - 1).saturating_sub(initial_prompt.len()),
            tokens: initial_prompt.clone(),
            initial_prompt,
            prompt_reset: 0,
            segments: Vec::new(),
            told: 0,
            last_speech: 0.0,
            rng: fastrand::Rng::with_seed(options.seed),
        }
    }

    fn prompt(&self) -> Vec<u32> {
        if !self.options.carry_initial_prompt {
            return self.tokens[self.prompt_reset..].to_vec();
        }
        let recent = &self.tokens[self.initial_prompt.len().max(self.prompt_reset)..];
        let recent = &recent[recent.len().saturating_sub(self.prompt_room)..];
        [&self.initial_prompt, recent].concat()
    }

    /// Segments of the last window.
    pub(super) fn news(&self) -> impl Iterator<Item = &Segment> {
        self.segments[self.told..].iter()
    }

    /// Transcribes the window `seek..seek + size`; returns where the next one begins.
    pub(super) fn window(
        &mut self,
        windows: &mut Windows<'_, '_>,
        task: &DecodingTask<'_>,
        seek: usize,
        size: usize,
        cancel: &Cancel,
    ) -> Result<usize, Error> {
        self.told = self.segments.len();
        let prompt = self.prompt();
        let content = windows.mel.content_frames();
        windows.encode(seek, size, cancel)?;
        let Windows {
            last: Some((_, _, window)),
            stats,
            ..
        } = windows
        else {
            return Err(Error::Cancelled);
        };

        let began = Instant::now();
        let (result, again) = decode_with_fallback(self.options, |temperature| {
            let mut inference = window.inference();
            let result = task.run(&mut inference, &prompt, temperature, self.rng.u64(..), cancel);
            stats.decoder_steps += inference.steps();
            result
        })?;
        stats.decoder += began.elapsed();
        stats.fallbacks += again;
        stats.tokens += result.tokens.len();
        if self.is_silence(&result) {
            return Ok(seek + size);
        }

        let mut cut = cut(&result, self.tokenizer, seek, size);
        let mut next = seek + cut.advance;
        if self.options.word_timestamps {
            let began = Instant::now();
            add_word_timestamps(
                &mut cut.segments,
                window,
                self.tokenizer,
                size,
                self.options,
                self.last_speech,
            );
            stats.words += began.elapsed();
            let start = seconds(seek);
            if let Some(end) = speech_end(&cut.segments).filter(|end| !cut.ends_with_time && *end > start) {
                next = frames(end);
            }
            if let Some(threshold) = self.options.hallucination_silence_threshold {
                let place = Place {
                    seek,
                    size,
                    start,
                    duration: seconds(size),
                    window_end: seconds(seek + windows.model.window_frames()),
                    content_frames: content,
                    content_duration: seconds(content),
                    ends_with_time: cut.ends_with_time,
                };
                match skip_silence(&mut cut.segments, &place, threshold, next, self.last_speech) {
                    Verdict::Keep(frame) => next = frame,
                    Verdict::Drop(frame) => return Ok(frame),
                }
            }
            self.last_speech = speech_end(&cut.segments).unwrap_or(self.last_speech);
        }
        self.keep(cut.segments);
        if !self.options.condition_on_previous_text || result.temperature > 0.5 {
            self.prompt_reset = self.tokens.len();
        }
        Ok(next)
    }

    fn is_silence(&self, result: &Decoded) -> bool {
        let silent = self
            .options
            .no_speech_threshold
            .is_some_and(|limit| result.no_speech_prob > limit);
        let probable = self
            .options
            .logprob_threshold
            .is_some_and(|limit| result.avg_logprob > limit);
        silent && !probable
    }

    /// Takes in a window's segments; those without length or text are kept empty.
    fn keep(&mut self, segments: Vec<Segment>) {
        for mut segment in segments {
            if segment.start == segment.end || strip(&segment.text).is_empty() {
                segment.text.clear();
                segment.tokens.clear();
                segment.words = segment.words.map(|_| Vec::new());
            }
            segment.id = self.segments.len();
            self.tokens.extend(&segment.tokens);
            self.segments.push(segment);
        }
    }
}
