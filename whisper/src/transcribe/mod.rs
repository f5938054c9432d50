//! Long audio: windows, prompts, segments, as openai-whisper's `transcribe.py` does it.
mod align;
mod fallback;
mod hallucination;
mod segments;
mod stats;
mod words;

use std::time::{Duration, Instant};

pub use stats::Stats;

use self::{
    fallback::decode_with_fallback,
    hallucination::{Place, Verdict, skip_silence},
    segments::cut,
    words::add_word_timestamps,
};
use crate::{
    Cancel, Error, Options, Segment, Transcript, Whisper,
    audio::Audio,
    decode::{Decoded, DecodingTask},
    engine::Window,
    mel::LogMel,
    python::strip,
    tokenizer::{Tokenizer, languages},
};

/// What happens while audio is transcribed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The language was detected in the first window.
    Language {
        /// Its code (`"en"`).
        code: &'a str,
        /// How sure the model is.
        probability: f32,
    },
    /// So much of the audio is done.
    Progress {
        /// Transcribed so far.
        done: Duration,
        /// The whole audio.
        total: Duration,
    },
    /// A segment is finished; it will not change any more.
    Segment(&'a Segment),
}

/// The result of a transcription.
#[derive(Clone, Debug)]
pub struct Transcription {
    /// Text, segments, language.
    pub transcript: Transcript,
    /// How it was made.
    pub stats: Stats,
}

/// Mel frames a second.
const FRAMES_PER_SECOND: f64 = 100.0;

/// Mel frames to seconds.
fn seconds(frames: usize) -> f64 {
    (frames * 160) as f64 / 16_000.0
}

/// Seconds to the nearest mel frame.
fn frames(seconds: f64) -> usize {
    (seconds * FRAMES_PER_SECOND).round_ties_even() as usize
}

/// When the last word ends, or the last segment where no words are timed.
fn speech_end(segments: &[Segment]) -> Option<f64> {
    let words = segments.iter().rev().flat_map(|s| s.words.iter().flatten().rev());
    words
        .map(|w| w.end)
        .next()
        .or_else(|| segments.last().map(|s| s.end))
}

impl Whisper {
    /// Transcribes `audio`: the reference's `transcribe()`.
    ///
    /// `on_event` is called as segments are finished; `cancel` ends the work from another thread.
    ///
    /// # Errors
    /// [`Error::Audio`] where the sound cannot be read, [`Error::Option`] where options exclude each other or do not fit
    /// the model, [`Error::Cancelled`].
    pub fn transcribe(
        &self,
        audio: &dyn Audio,
        options: &Options,
        cancel: &Cancel,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Transcription, Error> {
        let started = Instant::now();
        let language = options.language.as_deref().map(known_language).transpose()?;
        let cancelled = || cancel.is_cancelled();
        let mel = LogMel::new(audio, self.dims().n_mels, &cancelled)?;
        let mut windows = Windows {
            model: self,
            mel,
            last: None,
            buffer: Vec::new(),
            stats: Stats::new(self),
        };
        windows.stats.mel = started.elapsed();
        windows.stats.audio = Duration::from_secs_f64(windows.mel.samples() as f64 / 16_000.0);

        let language = match language {
            Some(code) => code,
            None if !self.is_multilingual() => "en",
            None => {
                let (code, probability) = windows.language(cancel)?;
                on_event(Event::Language { code, probability });
                code
            }
        };
        let tokenizer = self.tokenizer(language, options)?;
        let task = DecodingTask::new(&tokenizer, options, self.dims())?;
        let mut state = State::new(options, &tokenizer, self.dims().n_text_ctx);

        let content = windows.mel.content_frames();
        for (from, to) in clips(&options.clip_timestamps, content)? {
            let mut seek = from;
            while seek < to {
                cancel.check()?;
                let size = self.window_frames().min(to - seek);
                let next = state.window(&mut windows, &task, seek, size, cancel)?;
                // Whatever the model says, every window moves on.
                seek = next.max(seek + 1);
                state.news().for_each(|segment| on_event(Event::Segment(segment)));
                let done = Duration::from_secs_f64(seconds(seek.min(content)));
                on_event(Event::Progress {
                    done,
                    total: windows.stats.audio,
                });
            }
        }
        let text = tokenizer.decode(&state.tokens[state.initial_prompt.len()..]);
        windows.stats.total = started.elapsed();
        let transcript = Transcript {
            text,
            segments: state.segments,
            language: language.to_owned(),
        };
        Ok(Transcription {
            transcript,
            stats: windows.stats,
        })
    }

    /// The languages of the first 30 s with their probabilities, the most probable first; only English for
    /// English-only models.
    ///
    /// # Errors
    /// As [`Whisper::transcribe`].
    pub fn detect_language(
        &self,
        audio: &dyn Audio,
        cancel: &Cancel,
    ) -> Result<Vec<(&'static str, f32)>, Error> {
        if !self.is_multilingual() {
            return Ok(vec![("en", 1.0)]);
        }
        let cancelled = || cancel.is_cancelled();
        let mel = LogMel::new(audio, self.dims().n_mels, &cancelled)?;
        let mut windows = Windows {
            model: self,
            mel,
            last: None,
            buffer: Vec::new(),
            stats: Stats::new(self),
        };
        windows.languages(cancel)
    }

    fn tokenizer(&self, language: &str, options: &Options) -> Result<Tokenizer, Error> {
        Ok(Tokenizer::new(
            self.vocabulary().clone(),
            self.dims().n_vocab,
            Some(language),
            Some(options.task),
        )?)
    }
}

fn known_language(name: &str) -> Result<&'static str, Error> {
    languages::code(name).ok_or_else(|| Error::Option(format!("unknown language {name:?}")))
}

/// Start and end frame of each clip; clips end where the audio ends.
fn clips(timestamps: &[f64], content: usize) -> Result<Vec<(usize, usize)>, Error> {
    if let Some(bad) = timestamps.iter().find(|t| !t.is_finite() || **t < 0.0) {
        return Err(Error::Option(format!(
            "clip timestamp {bad} is not a number of seconds from 0 up"
        )));
    }
    let mut points: Vec<usize> = timestamps.iter().map(|&t| frames(t).min(content)).collect();
    if points.is_empty() {
        points.push(0);
    }
    if points.len() % 2 == 1 {
        points.push(content);
    }
    Ok(points.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
}

/// Encoded windows of one audio.
struct Windows<'m, 'a> {
    model: &'m Whisper,
    mel: LogMel<'a>,
    /// The last window, by its first frame and its number of frames.
    last: Option<(usize, usize, Window<'m>)>,
    buffer: Vec<f32>,
    stats: Stats,
}

impl<'m> Windows<'m, '_> {
    /// Frames `start..start + size`, encoded; the rest of the window is zeros.
    fn encode(&mut self, start: usize, size: usize, cancel: &Cancel) -> Result<&Window<'m>, Error> {
        if !matches!(&self.last, Some((s, n, _)) if (*s, *n) == (start, size)) {
            let began = Instant::now();
            self.buffer
                .resize(self.model.window_frames() * self.model.dims().n_mels, 0.0);
            self.mel.window(start, size, &mut self.buffer)?;
            self.stats.mel += began.elapsed();
            let window = self.model.encode(&self.buffer, cancel)?;
            self.stats.encoder += window.took();
            self.stats.encoder_runs += 1;
            self.last = Some((start, size, window));
        }
        match &self.last {
            Some((_, _, window)) => Ok(window),
            None => Err(Error::Cancelled),
        }
    }

    /// The first 30 s, silence after the end included, as the reference listens for the language.
    fn languages(&mut self, cancel: &Cancel) -> Result<Vec<(&'static str, f32)>, Error> {
        let model = self.model;
        let tokenizer = Tokenizer::new(model.vocabulary().clone(), model.dims().n_vocab, None, None)?;
        Ok(self
            .encode(0, model.window_frames(), cancel)?
            .languages(&tokenizer))
    }

    fn language(&mut self, cancel: &Cancel) -> Result<(&'static str, f32), Error> {
        self.languages(cancel)?
            .first()
            .copied()
            .ok_or_else(|| Error::Option("the model has no languages".to_owned()))
    }
}

/// What one window hands on to the next.
struct State<'o> {
    options: &'o Options,
    tokenizer: &'o Tokenizer,
    initial_prompt: Vec<u32>,
    /// Tokens that a prompt may have beside the initial prompt, where that is carried.
    prompt_room: usize,
    /// Initial prompt and all tokens of the segments.
    tokens: Vec<u32>,
    /// Tokens before this one are no prompt any more.
    prompt_reset: usize,
    segments: Vec<Segment>,
    /// Segments that were there before the window.
    told: usize,
    last_speech: f64,
    rng: fastrand::Rng,
}

impl<'o> State<'o> {
    fn new(options: &'o Options, tokenizer: &'o Tokenizer, n_text_ctx: usize) -> Self {
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
    fn news(&self) -> impl Iterator<Item = &Segment> {
        self.segments[self.told..].iter()
    }

    /// Transcribes the window `seek..seek + size`; returns where the next one begins.
    fn window(
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
