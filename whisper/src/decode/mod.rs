//! One window: from encoded audio to tokens, as openai-whisper's `decoding.py` does it.
mod beam;
mod filters;
mod inference;
mod sample;
mod task;

pub(crate) use inference::{Inference, KvInference};
pub(crate) use task::{Decoded, DecodingTask};
