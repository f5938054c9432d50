/// Why a list of tokens is no vocabulary.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VocabularyError {
    /// The file is not JSON of the expected form.
    #[error("vocabulary: {0}")]
    Json(#[from] serde_json::Error),
    /// Neither the vocabulary nor the added tokens hold the token that ends the ordinary ones.
    #[error("vocabulary: no token {END}", END = super::vocabulary::END)]
    NoEnd,
    /// A token holds a character that stands for no byte in GPT-2's alphabet.
    #[error("vocabulary: token {id} holds {character:?}, which stands for no byte")]
    Character {
        /// The token.
        id: u32,
        /// The character.
        character: char,
    },
    /// Two tokens have the same id.
    #[error("vocabulary: two tokens have the id {id}")]
    Duplicate {
        /// The id.
        id: u32,
    },
    /// No token has this id, while a greater one is taken.
    #[error("vocabulary: no token has the id {id}")]
    Gap {
        /// The id.
        id: u32,
    },
    /// A single byte is no token: some text could not be encoded.
    #[error("vocabulary: byte {byte:#04x} is no token")]
    Byte {
        /// The byte.
        byte: u8,
    },
}

/// Why a vocabulary does not serve a model.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// The model's number of tokens is none of Whisper's (51,864 English-only, 51,865 or 51,866 multilingual).
    #[error("a Whisper model has 51864, 51865 or 51866 tokens, this one {n_vocab}")]
    Model {
        /// Tokens of the model.
        n_vocab: usize,
    },
    /// The vocabulary belongs to another kind of model.
    #[error("the vocabulary has {found} ordinary tokens, a model of {n_vocab} tokens takes {expected}")]
    Vocabulary {
        /// Tokens of the model.
        n_vocab: usize,
        /// Ordinary tokens it takes.
        expected: usize,
        /// Ordinary tokens there are.
        found: usize,
    },
    /// No such language, or none that this model knows.
    #[error("unsupported language: {0}")]
    Language(String),
}
