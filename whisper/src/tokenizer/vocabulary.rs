use std::collections::BTreeMap;

/// Why a tokenizer file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VocabularyError {
    /// The file is no such JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A token that no byte sequence stands for.
    #[error("token {id} is missing or written with a character outside GPT-2's byte alphabet")]
    Gap {
        /// Its number.
        id: usize,
    },
}

/// The ordinary tokens: byte strings whose id is also their merge rank.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    /// Bytes of token `id`; 50,257 tokens (multilingual) or 50,256 (English only).
    pub tokens: Vec<Vec<u8>>,
}

impl Vocabulary {
    /// Reads a Hugging Face `vocab.json`; special tokens are left out.
    ///
    /// # Errors
    /// Where it is not such a file, or its ids have gaps.
    pub fn from_vocab_json(json: &[u8]) -> Result<Self, VocabularyError> {
        let ids: BTreeMap<String, usize> = serde_json::from_slice(json)?;
        let end = ids.get("<|endoftext|>").copied().unwrap_or(ids.len());
        let by_id: BTreeMap<usize, &String> = ids
            .iter()
            .map(|(t, &id)| (id, t))
            .filter(|(id, _)| *id < end)
            .collect();
        let tokens = (0..end).map(|id| {
            let token = by_id.get(&id).ok_or(VocabularyError::Gap { id })?;
            token
                .chars()
                .map(|c| byte(c).ok_or(VocabularyError::Gap { id }))
                .collect()
        });
        Ok(Self {
            tokens: tokens.collect::<Result<_, _>>()?,
        })
    }

    /// Number of ordinary tokens.
    #[allow(clippy::len_without_is_empty, reason = "holds 256 tokens at least")]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }
}

fn byte(c: char) -> Option<u8> {
    let printable = |b: u32| matches!(b, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    match u32::from(c) {
        b @ 0..256 if printable(b) => Some(b as u8),
        n @ 256.. => (0..256_u32)
            .filter(|b| !printable(*b))
            .nth(n as usize - 256)
            .map(|b| b as u8),
        _ => None,
    }
}
