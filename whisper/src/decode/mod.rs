//! One window: from encoded audio to tokens, as openai-whisper's `decoding.py` does it.
mod beam;
mod filters;
mod inference;
mod sample;
mod task;

pub(crate) use inference::{Inference, KvInference};
pub(crate) use task::{Decoded, DecodingTask};

/// Natural logarithm of the sum of `exp(values)`; negative infinity for no values or only such.
pub(crate) fn log_sum_exp(values: &[f32]) -> f32 {
    let max = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if max == f32::NEG_INFINITY {
        return max;
    }
    max + values.iter().map(|v| (v - max).exp()).sum::<f32>().ln()
}

/// Index of the largest entry, the first of equals.
pub(crate) fn argmax(values: &[f32]) -> usize {
    values
        .iter()
        .enumerate()
        .fold(0, |best, (i, v)| if *v > values[best] { i } else { best })
}
