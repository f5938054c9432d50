//! What a transcription returns, with the fields of openai-whisper's result.

/// One word and when it was said.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    /// The word with the space before it and the punctuation around it.
    pub word: String,
    /// Seconds from the start of the audio, rounded to 0.01.
    pub start: f64,
    /// Seconds from the start of the audio, rounded to 0.01.
    pub end: f64,
    /// Mean probability of its tokens.
    pub probability: f64,
}

/// One stretch of speech between two timestamps.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// Number in order.
    pub id: usize,
    /// Where the window began, in mel frames (10 ms).
    pub seek: usize,
    /// Seconds from the start of the audio.
    pub start: f64,
    /// Seconds from the start of the audio.
    pub end: f64,
    /// Text, with its leading space.
    pub text: String,
    /// Tokens, timestamps included.
    pub tokens: Vec<u32>,
    /// Temperature that was accepted for the window.
    pub temperature: f64,
    /// Mean log-probability of the window's tokens.
    pub avg_logprob: f64,
    /// Bytes of the window's text over bytes of it compressed with zlib.
    pub compression_ratio: f64,
    /// Probability that the window holds no speech.
    pub no_speech_prob: f64,
    /// Words, where they were asked for.
    pub words: Option<Vec<Word>>,
}

/// A transcription.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcript {
    /// The whole text.
    pub text: String,
    /// Its segments.
    pub segments: Vec<Segment>,
    /// Language spoken (`"en"`).
    pub language: String,
}
