//! Tokens of what is written but not spoken.

use std::collections::BTreeSet;

use super::Tokenizer;

const SYMBOLS: &str = "\" # ( ) * + / : ; < = > @ [ \\ ] ^ _ ` { | } ~ 「 」 『 』 \
    << >> <<< >>> -- --- -( -[ (' (\" (( )) ((( ))) [[ ]] {{ }} ♪♪ ♪♪♪";

/// Characters whose first token is suppressed even where they take several: all lie in U+2640..=U+267F and share their first
/// two bytes with symbols only.
const MUSIC: &str = "♩ ♪ ♫ ♬ ♭ ♮ ♯";

impl Tokenizer {
    /// Tokens that begin speaker tags and annotations (`♪♪♪`, `( SPEAKING FOREIGN LANGUAGE )`, `[DAVID]`), sorted;
    /// basic punctuation is none of them.
    pub fn non_speech_tokens(&self) -> Vec<u32> {
        let first = |text: &str| self.encode(text).first().copied();
        let alone = |text: &str| Some(self.encode(text)).filter(|t| t.len() == 1).map(|t| t[0]);
        // Hyphens and quotes may stand within words, not before them.
        let mut tokens = BTreeSet::from_iter([" -", " '"].into_iter().filter_map(first));
        for symbol in SYMBOLS.split_whitespace() {
            tokens.extend([symbol, &format!(" {symbol}")].into_iter().filter_map(alone));
        }
        for symbol in MUSIC.split_whitespace() {
            tokens.extend([symbol, &format!(" {symbol}")].into_iter().filter_map(first));
        }
        tokens.into_iter().collect()
    }
}
