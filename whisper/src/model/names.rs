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
