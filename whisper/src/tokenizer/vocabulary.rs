/// The ordinary tokens: byte strings whose id is also their merge rank.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    /// Bytes of token `id`; 50,257 tokens (multilingual) or 50,256 (English only).
    pub tokens: Vec<Vec<u8>>,
}
