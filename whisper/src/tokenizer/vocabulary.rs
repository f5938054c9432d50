use std::{
    borrow::Cow,
    fmt,
    hash::{BuildHasher, RandomState},
};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};

use super::VocabularyError;

/// The first special token: ordinary tokens have smaller ids.
pub(super) const END: &str = "<|endoftext|>";

/// The ordinary tokens: byte strings whose id is also their merge rank.
///
/// All bytes lie in one piece of memory, found by an open-addressing table: a map of 50,000 allocations would be a good part
/// of the time in which a model is loaded.
#[derive(Clone)]
pub struct Vocabulary {
    bytes: Vec<u8>,
    /// End of each token in `bytes`.
    ends: Vec<usize>,
    /// Ids by hash, [`FREE`] where there is none; at most half full.
    table: Vec<u32>,
    hasher: RandomState,
}

const FREE: u32 = u32::MAX;

impl Vocabulary {
    /// Reads a Hugging Face `tokenizer.json`; added tokens are left out.
    ///
    /// # Errors
    /// Where it is not such a file, or its ids have gaps.
    pub fn from_tokenizer_json(json: &[u8]) -> Result<Self, VocabularyError> {
        let file: TokenizerFile<'_> = serde_json::from_slice(json)?;
        let end = file.added_tokens.iter().find(|t| t.content == END).map(|t| t.id);
        Self::from_entries(file.model.vocab, end)
    }

    /// Reads a Hugging Face `vocab.json`; special tokens are left out.
    ///
    /// # Errors
    /// As [`Vocabulary::from_tokenizer_json`].
    pub fn from_vocab_json(json: &[u8]) -> Result<Self, VocabularyError> {
        Self::from_entries(serde_json::from_slice(json)?, None)
    }

    /// Takes tokens in order, written in GPT-2's byte alphabet (`"Ġthe"`), up to the first special one.
    ///
    /// # Errors
    /// Where a token holds a character outside that alphabet, or one of the 256 single bytes is no token.
    pub fn from_byte_level<'a>(tokens: impl IntoIterator<Item = &'a str>) -> Result<Self, VocabularyError> {
        let mut vocabulary = Self::empty();
        for token in tokens.into_iter().take_while(|token| *token != END) {
            vocabulary.push_byte_level(token)?;
        }
        vocabulary.index()
    }

    /// Takes tokens in order, as bytes, up to the first special one.
    ///
    /// # Errors
    /// Where one of the 256 single bytes is no token.
    pub fn from_bytes(tokens: Vec<Vec<u8>>) -> Result<Self, VocabularyError> {
        let mut vocabulary = Self::empty();
        for token in tokens.iter().take_while(|token| *token != END.as_bytes()) {
            vocabulary.bytes.extend_from_slice(token);
            vocabulary.ends.push(vocabulary.bytes.len());
        }
        vocabulary.index()
    }

    fn from_entries(Entries(entries): Entries<'_>, end: Option<u32>) -> Result<Self, VocabularyError> {
        let listed = || entries.iter().find(|(token, _)| token == END).map(|(_, id)| *id);
        let end = end.or_else(listed).ok_or(VocabularyError::NoEnd)?;
        let mut tokens = vec![None; entries.len().min(end as usize)];
        for (token, id) in entries.iter().filter(|(_, id)| *id < end) {
            // An id past the number of entries means that a smaller one is missing.
            if let Some(slot) = tokens.get_mut(*id as usize)
                && slot.replace(token).is_some()
            {
                return Err(VocabularyError::Duplicate { id: *id });
            }
        }
        let mut vocabulary = Self::empty();
        for (token, id) in tokens.iter().zip(0..) {
            vocabulary.push_byte_level(token.ok_or(VocabularyError::Gap { id })?)?;
        }
        match vocabulary.len() {
            len if len < end as usize => Err(VocabularyError::Gap { id: len as u32 }),
            _ => vocabulary.index(),
        }
    }

    fn empty() -> Self {
        Self {
            bytes: Vec::new(),
            ends: Vec::new(),
            table: Vec::new(),
            hasher: RandomState::new(),
        }
    }

    fn push_byte_level(&mut self, token: &str) -> Result<(), VocabularyError> {
        let id = self.ends.len() as u32;
        for character in token.chars() {
            self.bytes
                .push(byte(character).ok_or(VocabularyError::Character { id, character })?);
        }
        self.ends.push(self.bytes.len());
        Ok(())
    }

    fn index(mut self) -> Result<Self, VocabularyError> {
        self.table = vec![FREE; (2 * self.len()).next_power_of_two()];
        for id in 0..self.len() as u32 {
            let slot = self.slot(self.bytes(id));
            // Of equal tokens the first counts.
            if self.table[slot] == FREE {
                self.table[slot] = id;
            }
        }
        match (0..=u8::MAX).find(|byte| self.id(&[*byte]).is_none()) {
            Some(byte) => Err(VocabularyError::Byte { byte }),
            None => Ok(self),
        }
    }

    /// Where the token of these bytes is in the table, or would be. The table is never full.
    fn slot(&self, bytes: &[u8]) -> usize {
        let mask = self.table.len() - 1;
        let mut slot = self.hasher.hash_one(bytes) as usize & mask;
        while self.table[slot] != FREE && self.bytes(self.table[slot]) != bytes {
            slot = (slot + 1) & mask;
        }
        slot
    }

    /// Number of ordinary tokens: 50,257 (multilingual) or 50,256 (English only).
    #[allow(clippy::len_without_is_empty, reason = "holds 256 tokens at least")]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of an ordinary token; empty past the last.
    pub fn bytes(&self, id: u32) -> &[u8] {
        let id = id as usize;
        let start = id
            .checked_sub(1)
            .map_or(0, |before| self.ends.get(before).copied().unwrap_or(0));
        self.ends.get(id).map_or(&[], |end| &self.bytes[start..*end])
    }

    /// The token of exactly these bytes.
    pub fn id(&self, bytes: &[u8]) -> Option<u32> {
        Some(self.table[self.slot(bytes)]).filter(|id| *id != FREE)
    }
}

impl fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vocabulary")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// The byte that a character of GPT-2's alphabet stands for: printable Latin-1 is itself, the other 68 bytes follow in
/// order from U+0100 (`bytes_to_unicode` of GPT-2's encoder).
fn byte(character: char) -> Option<u8> {
    match u32::from(character) {
        code @ (0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff) => Some(code as u8),
        code @ 0x100..=0x120 => Some((code - 0x100) as u8),
        code @ 0x121..=0x142 => Some((code - 0x121 + 0x7f) as u8),
        0x143 => Some(0xad),
        _ => None,
    }
}

#[derive(Deserialize)]
struct TokenizerFile<'a> {
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    #[serde(borrow)]
    model: TokenizerModel<'a>,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
}

#[derive(Deserialize)]
struct TokenizerModel<'a> {
    #[serde(borrow)]
    vocab: Entries<'a>,
}

/// A JSON object of token to id, repeated keys kept; tokens are borrowed from the file where it has no escapes.
struct Entries<'a>(Vec<(Cow<'a, str>, u32)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = Entries<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of token to id")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
                let mut entries = Vec::with_capacity(1 << 16);
                while let Some((Token(token), id)) = map.next_entry()? {
                    entries.push((token, id));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Map)
    }
}

struct Token<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Token<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Token<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a token")
            }
            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Token<'de>, E> {
                Ok(Token(Cow::Borrowed(text)))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Token<'de>, E> {
                Ok(Token(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alphabet() -> Vec<String> {
        let code = |byte: u8| match byte {
            0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => u32::from(byte),
            0x00..=0x20 => 0x100 + u32::from(byte),
            0x7f..=0xa0 => 0x121 + u32::from(byte) - 0x7f,
            0xad => 0x143,
        };
        (0..=u8::MAX)
            .map(|b| char::from_u32(code(b)).unwrap().to_string())
            .collect()
    }

    fn json(tokens: &[String]) -> Vec<u8> {
        let pairs: Vec<_> = tokens
            .iter()
            .zip(0u32..)
            .map(|(t, i)| format!("{t:?}:{i}"))
            .collect();
        format!("{{{}}}", pairs.join(",")).into_bytes()
    }

    #[test]
    fn every_byte_has_one_letter() {
        let vocabulary = Vocabulary::from_byte_level(alphabet().iter().map(String::as_str)).unwrap();
        for byte in 0..=u8::MAX {
            assert_eq!(vocabulary.bytes(byte.into()), [byte]);
            assert_eq!(vocabulary.id(&[byte]), Some(byte.into()));
        }
    }

    #[test]
    fn special_tokens_are_left_out() {
        let mut tokens = alphabet();
        tokens.extend(["Ġthe", END, "<|startoftranscript|>"].map(str::to_owned));
        let vocabulary = Vocabulary::from_vocab_json(&json(&tokens)).unwrap();
        assert_eq!(
            (vocabulary.len(), vocabulary.bytes(256)),
            (257, b" the".as_slice())
        );
        let listed = Vocabulary::from_byte_level(tokens.iter().map(String::as_str)).unwrap();
        assert_eq!(listed.len(), 257);
        let mut bytes: Vec<Vec<u8>> = (0..=u8::MAX).map(|b| vec![b]).collect();
        bytes.extend([b" the".to_vec(), END.into(), b"x".to_vec()]);
        assert_eq!(Vocabulary::from_bytes(bytes).unwrap().len(), 257);
    }

    #[test]
    fn damaged_vocabularies_are_refused_with_the_token() {
        let mut tokens = alphabet();
        let refused = |tokens: &[String]| Vocabulary::from_vocab_json(&json(tokens)).unwrap_err();
        assert!(matches!(refused(&tokens), VocabularyError::NoEnd));
        tokens.extend([END.to_owned()]);
        let gap = Vocabulary::from_vocab_json(br#"{"!":0,"\"":2,"<|endoftext|>":3}"#).unwrap_err();
        assert!(matches!(gap, VocabularyError::Gap { id: 1 }));
        let far = Vocabulary::from_vocab_json(br#"{"!":0,"<|endoftext|>":4294967295}"#).unwrap_err();
        assert!(matches!(far, VocabularyError::Gap { id: 1 }));
        let twice = Vocabulary::from_vocab_json(br#"{"!":0,"a":0,"<|endoftext|>":2}"#).unwrap_err();
        assert!(matches!(twice, VocabularyError::Duplicate { id: 0 }));
        tokens[7] = "日".to_owned();
        assert!(matches!(
            refused(&tokens),
            VocabularyError::Character {
                id: 7,
                character: '日'
            }
        ));
        tokens[7] = "ab".to_owned();
        assert!(matches!(refused(&tokens), VocabularyError::Byte { byte: 7 }));
        assert!(matches!(
            Vocabulary::from_vocab_json(b"[1]").unwrap_err(),
            VocabularyError::Json(_)
        ));
    }
}
