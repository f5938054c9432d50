//! What can be asked of a transcription: openai-whisper's options under their names, with its defaults.

/// What to make of the speech.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Task {
    /// Text in the language spoken.
    #[default]
    Transcribe,
    /// Text in English.
    Translate,
}

/// Tokens that are never sampled, beside the special ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Suppress {
    /// `"-1"`: symbols that are not speech (`Tokenizer::non_speech_tokens`), and those listed.
    NonSpeech(Vec<u32>),
    /// Only those listed; none for `""`.
    Only(Vec<u32>),
}

/// Options of [`Whisper::transcribe`](crate::Whisper::transcribe); the defaults are those of openai-whisper's
/// `transcribe()` function, which decodes greedily (its command line takes beams of 5).
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Transcribe or translate.
    pub task: Task,
    /// Language code (`"en"`); `None` detects it in the first 30 s.
    pub language: Option<String>,
    /// Temperatures tried in turn until a window passes the thresholds.
    pub temperature: Vec<f64>,
    /// Samples drawn at a temperature above 0.
    pub best_of: Option<usize>,
    /// Beams at temperature 0; `None` decodes greedily.
    pub beam_size: Option<usize>,
    /// Beam search goes on until `beam_size * patience` sequences have ended.
    pub patience: Option<f64>,
    /// Exponent of the length penalty; `None` divides by the length.
    pub length_penalty: Option<f64>,
    /// Tokens never sampled.
    pub suppress_tokens: Suppress,
    /// No blank at the beginning.
    pub suppress_blank: bool,
    /// Text before the first window.
    pub initial_prompt: Option<String>,
    /// Put the initial prompt before every window.
    pub carry_initial_prompt: bool,
    /// Text that every window begins with.
    pub prefix: Option<String>,
    /// Give a window the text before it as prompt.
    pub condition_on_previous_text: bool,
    /// A window whose text compresses better than this has failed.
    pub compression_ratio_threshold: Option<f64>,
    /// A window whose mean log-probability is lower has failed.
    pub logprob_threshold: Option<f64>,
    /// A failed window whose no-speech probability is higher is silence.
    pub no_speech_threshold: Option<f64>,
    /// Sample text only.
    pub without_timestamps: bool,
    /// The first timestamp is at most this many seconds.
    pub max_initial_timestamp: Option<f64>,
    /// Tokens sampled a window at most; `None` is half the text context.
    pub sample_len: Option<usize>,
    /// Time every word.
    pub word_timestamps: bool,
    /// Punctuation that joins the word after it.
    pub prepend_punctuations: String,
    /// Punctuation that joins the word before it.
    pub append_punctuations: String,
    /// Start, end, start, end ... in seconds; the last end may be missing. A clip that reaches beyond the sound ends with
    /// it: the reference decodes windows of nothing there, for ever where a clip begins behind the end.
    pub clip_timestamps: Vec<f64>,
    /// With word times: skip silence longer than this, in seconds, around suspected hallucinations.
    pub hallucination_silence_threshold: Option<f64>,
    /// Seed of sampling at temperatures above 0.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            task: Task::Transcribe,
            language: None,
            temperature: vec![0.0, 0.2, 0.4, 0.6, 0.8, 1.0],
            best_of: None,
            beam_size: None,
            patience: None,
            length_penalty: None,
            suppress_tokens: Suppress::NonSpeech(Vec::new()),
            suppress_blank: true,
            initial_prompt: None,
            carry_initial_prompt: false,
            prefix: None,
            condition_on_previous_text: true,
            compression_ratio_threshold: Some(2.4),
            logprob_threshold: Some(-1.0),
            no_speech_threshold: Some(0.6),
            without_timestamps: false,
            max_initial_timestamp: Some(1.0),
            sample_len: None,
            word_timestamps: false,
            prepend_punctuations: "\"'“¿([{-".to_owned(),
            append_punctuations: "\"'.。,，!！?？:：”)]}、".to_owned(),
            clip_timestamps: Vec::new(),
            hallucination_silence_threshold: None,
            seed: 0,
        }
    }
}
