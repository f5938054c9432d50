//! Division of tokens into words.

use super::Tokenizer;

/// ASCII punctuation in code order (Python's `string.punctuation`): the reference takes any part of it for punctuation.
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// Languages written without spaces.
const UNSPACED: [&str; 6] = ["zh", "ja", "th", "lo", "my", "yue"];

/// Words and the tokens of each.
type Words = (Vec<String>, Vec<Vec<u32>>);

impl Tokenizer {
    /// Words of a sequence of tokens, and the tokens of each: divided at spaces, or wherever a character is whole in
    /// languages that are written without spaces. Special tokens are words of their own; tokens of a character that is not whole at the end
    /// are left out.
    pub fn split_to_word_tokens(&self, tokens: &[u32]) -> Words {
        match self.language() {
            Some(language) if UNSPACED.contains(&language) => self.split_on_unicode(tokens),
            _ => self.split_on_spaces(tokens),
        }
    }

    fn split_on_unicode(&self, tokens: &[u32]) -> Words {
        let full: Vec<char> = self.decode_with_timestamps(tokens).chars().collect();
        let (mut words, mut word_tokens, mut current) = (Vec::new(), Vec::new(), Vec::new());
        let mut offset = 0;
        for token in tokens {
            current.push(*token);
            let decoded = self.decode_with_timestamps(&current);
            let broken = decoded.chars().position(|c| c == char::REPLACEMENT_CHARACTER);
            // A replacement that the full text has too is no unfinished character. Past its end (broken bytes may
            // decode to more characters alone than together) there is nothing to wait for either.
            let finished = broken.is_none_or(|at| {
                full.get(offset + at)
                    .is_none_or(|c| *c == char::REPLACEMENT_CHARACTER)
            });
            if finished {
                offset += decoded.chars().count();
                words.push(decoded);
                word_tokens.push(std::mem::take(&mut current));
            }
        }
        (words, word_tokens)
    }

    fn split_on_spaces(&self, tokens: &[u32]) -> Words {
        let (subwords, subword_tokens) = self.split_on_unicode(tokens);
        let (mut words, mut word_tokens): Words = Default::default();
        for (subword, tokens) in subwords.into_iter().zip(subword_tokens) {
            let special = tokens.first().is_some_and(|first| *first >= self.eot());
            let apart =
                special || subword.starts_with(' ') || PUNCTUATION.contains(crate::python::strip(&subword));
            match (words.last_mut(), word_tokens.last_mut()) {
                (Some(word), Some(last)) if !apart => {
                    word.push_str(&subword);
                    last.extend(tokens);
                }
                _ => {
                    words.push(subword);
                    word_tokens.push(tokens);
                }
            }
        }
        (words, word_tokens)
    }
}
