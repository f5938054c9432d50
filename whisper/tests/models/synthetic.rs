//! A Whisper model of the smallest width that block formats can hold, with made-up weights and vocabulary.
use std::{collections::BTreeMap, sync::Arc};

use xdna_ops::{DType, quantize};
use xdna_whisper::{
    convert::write_ggml,
    model::{Checkpoint, Dims, ModelError, Tensor, load_bytes},
    tokenizer::Vocabulary,
};

pub const DIMS: Dims = Dims {
    n_mels: 80,
    n_audio_ctx: 1500,
    n_audio_state: 32,
    n_audio_head: 2,
    n_audio_layer: 1,
    n_vocab: 51_864,
    n_text_ctx: 448,
    n_text_state: 32,
    n_text_head: 4,
    n_text_layer: 2,
};

pub fn checkpoint() -> Checkpoint {
    let mut state = 1_u32;
    let mut value = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Eleven bits, so that half precision holds them exactly.
        (state >> 21) as f32 / 2048.0 - 0.5
    };
    let tensors = DIMS.tensors().into_iter().map(|(name, shape)| {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| value()).collect();
        let mut bytes = Vec::new();
        quantize(DType::F32, &values, &mut bytes);
        let tensor = Tensor {
            shape,
            dtype: DType::F32,
            bytes: bytes.into(),
            scales: Vec::new(),
        };
        (name, tensor)
    });
    Checkpoint {
        dims: DIMS,
        tensors: tensors.collect(),
        vocabulary: Arc::new(Vocabulary::from_bytes(tokens(DIMS.ordinary_tokens())).unwrap()),
        alignment_heads: Some(vec![(0, 3), (1, 0)]),
        origin: "made up".to_owned(),
    }
}

/// The 256 bytes, then sequences of three, the first of which is made of the bytes themselves.
pub fn tokens(n: usize) -> Vec<Vec<u8>> {
    let long = (0..n - 256).map(|i| vec![1, (i >> 8) as u8, i as u8]);
    (0..=255).map(|b| vec![b]).chain(long).collect()
}

pub fn ggml(dtype: DType) -> Vec<u8> {
    let mut file = Vec::new();
    write_ggml(&checkpoint(), dtype, &mut file).unwrap();
    file
}

pub fn refusal(file: Vec<u8>) -> ModelError {
    load_bytes(file.into(), "m.bin").expect_err("a damaged model was loaded")
}

/// Every weight, widened.
pub fn values(c: &Checkpoint) -> BTreeMap<String, Vec<f32>> {
    let one = |(name, shape): (String, Vec<usize>)| {
        let values = c.values(&name, &shape).unwrap();
        (name, values)
    };
    c.dims.tensors().into_iter().map(one).collect()
}
