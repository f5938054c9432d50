//! What other layouts call the weights that openai-whisper's `state_dict` names.

/// Parts of a name, ours and Hugging Face's.
const HUGGINGFACE: [(&str, &str); 14] = [
    ("blocks", "layers"),
    ("attn_ln", "self_attn_layer_norm"),
    ("cross_attn_ln", "encoder_attn_layer_norm"),
    ("mlp_ln", "final_layer_norm"),
    ("attn", "self_attn"),
    ("cross_attn", "encoder_attn"),
    ("query", "q_proj"),
    ("key", "k_proj"),
    ("value", "v_proj"),
    ("out", "out_proj"),
    ("ln_post", "layer_norm"),
    ("ln", "layer_norm"),
    ("token_embedding", "embed_tokens"),
    ("positional_embedding", "embed_positions.weight"),
];

/// The name without the leading `model.`: `encoder.blocks.0.attn.query.weight` is
/// `encoder.layers.0.self_attn.q_proj.weight`.
pub(crate) fn huggingface(name: &str) -> String {
    let name = name.replace("mlp.0", "fc1").replace("mlp.2", "fc2");
    let theirs = |part: &'_ str| {
        HUGGINGFACE
            .iter()
            .find(|(ours, _)| *ours == part)
            .map(|(_, theirs)| *theirs)
    };
    let parts = name.split('.').map(|part| theirs(part).unwrap_or(part));
    parts.collect::<Vec<_>>().join(".")
}

/// Where CTranslate2 keeps a weight: its name there, and which of how many equal parts of the rows it is.
///
/// `encoder.blocks.0.attn.key.weight` is the second third of `encoder/layer_0/self_attention/linear_0/weight`.
pub(crate) fn ctranslate2(name: &str) -> (String, usize, usize) {
    let (place, parts) = match name {
        "encoder.positional_embedding" => ("encoder/position_encodings/encodings".to_owned(), (0, 1)),
        "decoder.positional_embedding" => ("decoder/position_encodings/encodings".to_owned(), (0, 1)),
        "decoder.token_embedding.weight" => ("decoder/embeddings/weight".to_owned(), (0, 1)),
        _ => {
            let (layer, kind) = name.rsplit_once('.').unwrap_or((name, ""));
            let (scope, layer) = match layer.split('.').collect::<Vec<_>>()[..] {
                [part, "blocks", n, ref rest @ ..] => (format!("{part}/layer_{n}"), rest.join(".")),
                [part, ref rest @ ..] => (part.to_owned(), rest.join(".")),
                [] => (String::new(), String::new()),
            };
            let (place, parts) = CTRANSLATE2
                .iter()
                .find(|(ours, ..)| *ours == layer)
                .map_or((layer.as_str(), (0, 1)), |(_, theirs, parts)| (theirs, *parts));
            let kind = match (place.ends_with("layer_norm"), kind) {
                (true, "weight") => "gamma",
                (true, _) => "beta",
                (false, kind) => kind,
            };
            (format!("{scope}/{place}/{kind}"), parts)
        }
    };
    (place, parts.0, parts.1)
}

/// Layers with CTranslate2's name for them, and which part of how many.
const CTRANSLATE2: [(&str, &str, (usize, usize)); 15] = [
    ("attn_ln", "self_attention/layer_norm", (0, 1)),
    ("attn.query", "self_attention/linear_0", (0, 3)),
    ("attn.key", "self_attention/linear_0", (1, 3)),
    ("attn.value", "self_attention/linear_0", (2, 3)),
    ("attn.out", "self_attention/linear_1", (0, 1)),
    ("cross_attn_ln", "attention/layer_norm", (0, 1)),
    ("cross_attn.query", "attention/linear_0", (0, 1)),
    ("cross_attn.key", "attention/linear_1", (0, 2)),
    ("cross_attn.value", "attention/linear_1", (1, 2)),
    ("cross_attn.out", "attention/linear_2", (0, 1)),
    ("mlp_ln", "ffn/layer_norm", (0, 1)),
    ("mlp.0", "ffn/linear_0", (0, 1)),
    ("mlp.2", "ffn/linear_1", (0, 1)),
    ("ln_post", "layer_norm", (0, 1)),
    ("ln", "layer_norm", (0, 1)),
];
