//! Whisper's byte-level BPE and its special tokens, with the semantics of openai-whisper's `tokenizer.py`.

use std::sync::Arc;

use crate::options::Task;

mod bpe;
mod error;
pub mod languages;
mod non_speech;
mod split;
mod vocabulary;
mod words;

pub use error::{TokenizerError, VocabularyError};
use languages::LANGUAGES;
pub use vocabulary::Vocabulary;

/// Timestamps `<|0.00|>` to `<|30.00|>`, 0.02 s apart.
const TIMESTAMPS: u32 = 1501;

/// Special tokens between the languages and the timestamps.
const AFTER_LANGUAGES: [&str; 6] = [
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
];

/// Text to tokens and back, for one model, language and task.
///
/// Special tokens follow the ordinary ones: end of text, start of transcript, the languages, then `translate`,
/// `transcribe`, `startoflm`, `startofprev`, `nospeech`, `notimestamps`, and the timestamps.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    vocabulary: Arc<Vocabulary>,
    /// Id of the end of text, the first special token.
    eot: u32,
    language_tokens: Vec<u32>,
    language: Option<&'static str>,
    sot_sequence: Vec<u32>,
}

impl Tokenizer {
    /// A tokenizer for a model of `n_vocab` tokens (from 51,865 on a multilingual one).
    ///
    /// `language` is a code, name or alias. Multilingual models take English and [`Task::Transcribe`] where nothing is given;
    /// English-only ones ignore both.
    ///
    /// # Errors
    /// For a language that is unknown or has no token in this model, and where the vocabulary is that of another
    /// kind of model.
    pub fn new(
        vocabulary: Arc<Vocabulary>,
        n_vocab: usize,
        language: Option<&str>,
        task: Option<Task>,
    ) -> Result<Self, TokenizerError> {
        let multilingual = n_vocab >= 51_865;
        let languages = n_vocab.checked_sub(51_765 + usize::from(multilingual));
        let languages = languages.filter(|n| (1..=LANGUAGES.len()).contains(n));
        let languages = languages.ok_or(TokenizerError::Model { n_vocab })?;
        let expected = n_vocab - 2 - languages - AFTER_LANGUAGES.len() - TIMESTAMPS as usize;
        let found = vocabulary.len();
        if found != expected {
            return Err(TokenizerError::Vocabulary {
                n_vocab,
                expected,
                found,
            });
        }
        let unsupported = |language: &str| TokenizerError::Language(language.to_owned());
        let given = language
            .map(|l| languages::code(l).ok_or_else(|| unsupported(l)))
            .transpose()?;

        let eot = expected as u32;
        let mut tokenizer = Self {
            vocabulary,
            eot,
            language_tokens: (eot + 2..).take(languages).collect(),
            language: multilingual.then(|| given.unwrap_or("en")),
            sot_sequence: vec![eot + 1],
        };
        if let Some(language) = tokenizer.language {
            let task = match task.unwrap_or_default() {
                Task::Transcribe => tokenizer.transcribe(),
                Task::Translate => tokenizer.translate(),
            };
            let language = tokenizer.to_language_token(language)?;
            tokenizer.sot_sequence.extend([language, task]);
        }
        Ok(tokenizer)
    }

    /// Tokens of ordinary text; names of special tokens in it are text like any other.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut tokens = Vec::new();
        split::pieces(text).for_each(|piece| bpe::encode(&self.vocabulary, piece.as_bytes(), &mut tokens));
        tokens
    }

    /// Text of tokens, timestamps left out; special tokens as their names, what is not UTF-8 as U+FFFD.
    pub fn decode(&self, tokens: &[u32]) -> String {
        let untimed = tokens.iter().filter(|token| **token < self.timestamp_begin());
        self.text(untimed)
    }

    /// Text of tokens, timestamps written as `<|1.08|>`.
    pub fn decode_with_timestamps(&self, tokens: &[u32]) -> String {
        self.text(tokens.iter())
    }

    fn text<'a>(&self, tokens: impl Iterator<Item = &'a u32>) -> String {
        let mut bytes = Vec::new();
        for token in tokens {
            match token.checked_sub(self.eot) {
                None => bytes.extend_from_slice(self.vocabulary.bytes(*token)),
                Some(special) => bytes.extend(self.special(special).unwrap_or_default().bytes()),
            }
        }
        match String::from_utf8_lossy(&bytes) {
            std::borrow::Cow::Owned(text) => text,
            std::borrow::Cow::Borrowed(text) => text.to_owned(),
        }
    }

    /// Name of a special token, counted from the end of text.
    fn special(&self, index: u32) -> Option<String> {
        let languages = self.language_tokens.len();
        let index = index as usize;
        match index {
            0 => return Some(vocabulary::END.to_owned()),
            1 => return Some("<|startoftranscript|>".to_owned()),
            _ if index < 2 + languages => return Some(format!("<|{}|>", LANGUAGES[index - 2].0)),
            _ => {}
        }
        let after = index - 2 - languages;
        if let Some(name) = AFTER_LANGUAGES.get(after) {
            return Some((*name).to_owned());
        }
        let step = after - AFTER_LANGUAGES.len();
        (step < TIMESTAMPS as usize).then(|| format!("<|{}.{:02}|>", step / 50, step % 50 * 2))
    }

    fn after_languages(&self, index: u32) -> u32 {
        self.eot + 2 + self.language_tokens.len() as u32 + index
    }

    /// End of text.
    pub fn eot(&self) -> u32 {
        self.eot
    }

    /// Start of transcript.
    pub fn sot(&self) -> u32 {
        self.eot + 1
    }

    /// Task: text in English.
    pub fn translate(&self) -> u32 {
        self.after_languages(0)
    }

    /// Task: text in the language spoken.
    pub fn transcribe(&self) -> u32 {
        self.after_languages(1)
    }

    /// Start of text without audio (unused by transcription).
    pub fn sot_lm(&self) -> u32 {
        self.after_languages(2)
    }

    /// Start of the text before this window.
    pub fn sot_prev(&self) -> u32 {
        self.after_languages(3)
    }

    /// No speech.
    pub fn no_speech(&self) -> u32 {
        self.after_languages(4)
    }

    /// Text without timestamps follows.
    pub fn no_timestamps(&self) -> u32 {
        self.after_languages(5)
    }

    /// `<|0.00|>`; each token after it is 0.02 s later.
    pub fn timestamp_begin(&self) -> u32 {
        self.after_languages(AFTER_LANGUAGES.len() as u32)
    }

    /// Code of the language; `None` in an English-only model.
    pub fn language(&self) -> Option<&'static str> {
        self.language
    }

    /// Token of the language; `None` in an English-only model.
    pub fn language_token(&self) -> Option<u32> {
        self.sot_sequence.get(1).copied()
    }

    /// Token of the language with this code.
    ///
    /// # Errors
    /// Where this model has none.
    pub fn to_language_token(&self, code: &str) -> Result<u32, TokenizerError> {
        let known = LANGUAGES.iter().zip(&self.language_tokens);
        let token = known
            .filter(|((known, _), _)| *known == code)
            .map(|(_, token)| *token)
            .next();
        token.ok_or_else(|| TokenizerError::Language(code.to_owned()))
    }

    /// Tokens of all languages of the model, ascending.
    pub fn all_language_tokens(&self) -> &[u32] {
        &self.language_tokens
    }

    /// Codes of all languages of the model, in the order of [`Tokenizer::all_language_tokens`].
    pub fn all_language_codes(&self) -> Vec<&'static str> {
        LANGUAGES
            .iter()
            .take(self.language_tokens.len())
            .map(|(code, _)| *code)
            .collect()
    }

    /// What decoding begins with: start of transcript, language, task.
    pub fn sot_sequence(&self) -> &[u32] {
        &self.sot_sequence
    }

    /// What decoding without timestamps begins with.
    pub fn sot_sequence_including_notimestamps(&self) -> Vec<u32> {
        [self.sot_sequence(), &[self.no_timestamps()]].concat()
    }
}
