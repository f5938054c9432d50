//! Long audio: windows, prompts, segments, as openai-whisper's `transcribe.py` does it.
mod align;
mod fallback;
mod hallucination;
mod segments;
mod state;
mod stats;
mod windows;
mod words;

use std::time::{Duration, Instant};

pub use stats::Stats;

use self::{
    state::State,
    windows::{Beginning, Windows},
};
use crate::{
    Cancel, Error, Options, Segment, Transcript, Whisper,
    audio::Audio,
    decode::DecodingTask,
    mel::LogMel,
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
        let mut windows = Windows::new(self, mel);
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
    /// English-only models. What comes after 30 s is not read.
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
        let beginning = Beginning {
            audio,
            samples: self.window_frames() * 160,
        };
        let cancelled = || cancel.is_cancelled();
        let mel = LogMel::new(&beginning, self.dims().n_mels, &cancelled)?;
        let mut windows = Windows::new(self, mel);
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
