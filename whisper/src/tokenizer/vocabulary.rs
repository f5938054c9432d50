use std::{collections::HashMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use super::VocabularyError;

/// The first special token: ordinary tokens have smaller ids.
pub(super) const END: &str = "<|endoftext|>";

/// The ordinary tokens: byte strings whose id is also their merge rank.
#[derive(Clone)]
pub struct Vocabulary {
    tokens: Vec<Box<[u8]>>,
    ids: HashMap<Box<[u8]>, u32>,
}

impl Vocabulary {
    /// Reads a Hugging Face `tokenizer.json`; added tokens are left out.
    ///
    /// # Errors
    /// Where it is not such a file, or its ids have gaps.
    pub fn from_tokenizer_json(json: &[u8]) -> Result<Self, VocabularyError> {
        let file: TokenizerFile = serde_json::from_slice(json)?;
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
    /// Where a token holds a character outside that alphabet.
    pub fn from_byte_level<'a>(tokens: impl IntoIterator<Item = &'a str>) -> Result<Self, VocabularyError> {
        let ordinary = tokens.into_iter().take_while(|token| *token != END);
        let bytes = ordinary.zip(0..).map(|(token, id)| to_bytes(token, id));
        Self::index(bytes.collect::<Result<_, _>>()?)
    }

    /// Takes tokens in order, as bytes, up to the first special one.
    ///
    /// # Errors
    /// Where one of the 256 single bytes is no token.
    pub fn from_bytes(mut tokens: Vec<Vec<u8>>) -> Result<Self, VocabularyError> {
        if let Some(end) = tokens.iter().position(|token| token == END.as_bytes()) {
            tokens.truncate(end);
        }
        Self::index(tokens.into_iter().map(Vec::into_boxed_slice).collect())
    }

    fn from_entries(Entries(entries): Entries, end: Option<u32>) -> Result<Self, VocabularyError> {
        let listed = || entries.iter().find(|(token, _)| token == END).map(|(_, id)| *id);
        let end = end.or_else(listed).ok_or(VocabularyError::NoEnd)?;
        let mut tokens = vec![None; entries.len().min(end as usize)];
        for (token, id) in entries.iter().filter(|(_, id)| *id < end) {
            // An id past the number of entries means that a smaller one is missing.
            if let Some(slot) = tokens.get_mut(*id as usize)
                && slot.replace(to_bytes(token, *id)?).is_some()
            {
                return Err(VocabularyError::Duplicate { id: *id });
            }
        }
        let whole = tokens.len() == end as usize;
        let gap = tokens
            .iter()
            .position(Option::is_none)
            .or((!whole).then_some(tokens.len()));
        match gap {
            Some(id) => Err(VocabularyError::Gap { id: id as u32 }),
            None => Self::index(tokens.into_iter().flatten().collect()),
        }
    }

    fn index(tokens: Vec<Box<[u8]>>) -> Result<Self, VocabularyError> {
        let mut ids = HashMap::with_capacity(tokens.len());
        for (token, id) in tokens.iter().zip(0..) {
            ids.entry(token.clone()).or_insert(id);
        }
        match (0..=u8::MAX).find(|byte| !ids.contains_key([*byte].as_slice())) {
            Some(byte) => Err(VocabularyError::Byte { byte }),
            None => Ok(Self { tokens, ids }),
        }
    }

    /// Number of ordinary tokens: 50,257 (multilingual) or 50,256 (English only).
    #[allow(clippy::len_without_is_empty, reason = "holds 256 tokens at least")]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Bytes of an ordinary token; empty past the last.
    pub fn bytes(&self, id: u32) -> &[u8] {
        self.tokens.get(id as usize).map_or(&[], |token| token)
    }

    /// The token of exactly these bytes.
    pub fn id(&self, bytes: &[u8]) -> Option<u32> {
        self.ids.get(bytes).copied()
    }
}

impl fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vocabulary")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// The bytes a token of GPT-2's alphabet stands for: printable Latin-1 is itself, the other 68 bytes follow in order
/// from U+0100 (`bytes_to_unicode` of GPT-2's encoder).
fn to_bytes(token: &str, id: u32) -> Result<Box<[u8]>, VocabularyError> {
    let byte = |character: char| match u32::from(character) {
        code @ (0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff) => Ok(code as u8),
        code @ 0x100..=0x120 => Ok((code - 0x100) as u8),
        code @ 0x121..=0x142 => Ok((code - 0x121 + 0x7f) as u8),
        0x143 => Ok(0xad),
        _ => Err(VocabularyError::Character { id, character }),
    };
    token.chars().map(byte).collect()
}

#[derive(Deserialize)]
struct TokenizerFile {
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    model: TokenizerModel,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
}

#[derive(Deserialize)]
struct TokenizerModel {
    vocab: Entries,
}

/// A JSON object of token to id, repeated keys kept.
struct Entries(Vec<(String, u32)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = Entries;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of token to id")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::with_capacity(1 << 16);
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Map)
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
