//! The settings files of a Hugging Face directory, as transformers 4 and 5 read them.
use serde_json::{Map, Value, json};
use xdna_ops::DType;

use super::ConvertError;
use crate::{
    model::{Checkpoint, alignment},
    tokenizer::Tokenizer,
};

/// A tokenizer for the numbers of the special tokens.
pub(super) fn tokenizer(c: &Checkpoint) -> Result<Tokenizer, ConvertError> {
    Tokenizer::new(c.vocabulary.clone(), c.dims.n_vocab, None, None).map_err(ConvertError::Tokenizer)
}

/// `config.json`.
pub(super) fn config(c: &Checkpoint, t: &Tokenizer, dtype: DType) -> Value {
    let d = &c.dims;
    let mut config = tokens(t);
    let dtype = match dtype {
        DType::F16 => "float16",
        DType::BF16 => "bfloat16",
        _ => "float32",
    };
    extend(
        &mut config,
        json!({
            "architectures": ["WhisperForConditionalGeneration"],
            "model_type": "whisper",
            "activation_function": "gelu",
            "d_model": d.n_audio_state,
            "encoder_layers": d.n_audio_layer,
            "encoder_attention_heads": d.n_audio_head,
            "encoder_ffn_dim": 4 * d.n_audio_state,
            "decoder_layers": d.n_text_layer,
            "decoder_attention_heads": d.n_text_head,
            "decoder_ffn_dim": 4 * d.n_text_state,
            "num_hidden_layers": d.n_audio_layer,
            "num_mel_bins": d.n_mels,
            "max_source_positions": d.n_audio_ctx,
            "max_target_positions": d.n_text_ctx,
            "max_length": d.n_text_ctx,
            "vocab_size": d.n_vocab,
            "is_encoder_decoder": true,
            "scale_embedding": false,
            "tie_word_embeddings": true,
            "use_cache": true,
            "dropout": 0.0,
            "attention_dropout": 0.0,
            "activation_dropout": 0.0,
            "encoder_layerdrop": 0.0,
            "decoder_layerdrop": 0.0,
            "init_std": 0.02,
            "torch_dtype": dtype,
        }),
    );
    Value::Object(config)
}

/// `generation_config.json`.
pub(super) fn generation(c: &Checkpoint, t: &Tokenizer) -> Value {
    let heads = c.alignment_heads.clone();
    let mut config = tokens(t);
    extend(
        &mut config,
        json!({
            "alignment_heads": heads.unwrap_or_else(|| alignment::heads(&c.dims)),
            "is_multilingual": t.language().is_some(),
            "max_initial_timestamp_index": 50,
            "max_length": c.dims.n_text_ctx,
            "no_timestamps_token_id": t.no_timestamps(),
            "prev_sot_token_id": t.sot_prev(),
            "return_timestamps": false,
        }),
    );
    if t.language().is_some() {
        let codes = t.all_language_codes().into_iter().zip(t.all_language_tokens());
        let languages: Map<_, _> = codes
            .map(|(code, id)| (format!("<|{code}|>"), json!(id)))
            .collect();
        let tasks = json!({"transcribe": t.transcribe(), "translate": t.translate()});
        extend(&mut config, json!({"lang_to_id": languages, "task_to_id": tasks}));
    }
    Value::Object(config)
}

/// `preprocessor_config.json`.
pub(super) fn preprocessor(c: &Checkpoint) -> Value {
    json!({
        "feature_extractor_type": "WhisperFeatureExtractor",
        "processor_class": "WhisperProcessor",
        "feature_size": c.dims.n_mels,
        "sampling_rate": 16_000,
        "n_fft": 400,
        "hop_length": 160,
        "chunk_length": 30,
        "n_samples": 480_000,
        "nb_max_frames": 3000,
        "padding_side": "right",
        "padding_value": 0.0,
        "return_attention_mask": false,
    })
}

/// What the model's and the generator's configuration both say of tokens.
fn tokens(t: &Tokenizer) -> Map<String, Value> {
    let mut suppressed = t.non_speech_tokens();
    suppressed.extend([
        t.sot(),
        t.translate(),
        t.transcribe(),
        t.sot_lm(),
        t.sot_prev(),
        t.no_speech(),
    ]);
    suppressed.sort_unstable();
    let mut begin = t.encode(" ");
    begin.push(t.eot());
    let forced = match t.language() {
        Some(_) => json!([[1, null], [2, t.transcribe()]]),
        None => json!([[1, t.no_timestamps()]]),
    };
    let tokens = json!({
        "bos_token_id": t.eot(),
        "eos_token_id": t.eot(),
        "pad_token_id": t.eot(),
        "decoder_start_token_id": t.sot(),
        "suppress_tokens": suppressed,
        "begin_suppress_tokens": begin,
        "forced_decoder_ids": forced,
    });
    let mut map = Map::new();
    extend(&mut map, tokens);
    map
}

fn extend(map: &mut Map<String, Value>, with: Value) {
    if let Value::Object(with) = with {
        map.extend(with);
    }
}
