//! CTranslate2 model files, written as `ModelSpec._serialize` of ctranslate2's Python package writes them.
use std::{fs, path::Path};

use xdna_ops::{DType, quantize};
use xdna_whisper::model::Checkpoint;

use crate::synthetic::DIMS;

pub const ALIASES: [(&str, &str); 1] = [("decoder/projection/weight", "decoder/embeddings/weight")];

#[derive(Clone)]
pub struct Variable {
    pub name: String,
    pub shape: Vec<u32>,
    /// Number of the type: 0 float32, 1 int8, 2 int16, 3 int32, 4 float16, 5 bfloat16.
    pub kind: u8,
    pub bytes: Vec<u8>,
}

fn scalar(name: &str, kind: u8, bytes: &[u8]) -> Variable {
    Variable {
        name: name.to_owned(),
        shape: Vec::new(),
        kind,
        bytes: bytes.to_vec(),
    }
}

fn half_precision(name: &str, shape: Vec<u32>, values: &[f32]) -> Variable {
    let mut bytes = Vec::new();
    quantize(DType::F16, values, &mut bytes);
    Variable {
        name: name.to_owned(),
        shape,
        kind: 4,
        bytes,
    }
}

/// Arrays of one shape, stacked.
fn array(c: &Checkpoint, name: &str, parts: &[&str]) -> Variable {
    let shape = &c.tensors[parts[0]].shape;
    let values: Vec<f32> = parts
        .iter()
        .flat_map(|part| c.values(part, shape).unwrap())
        .collect();
    let mut stacked: Vec<u32> = shape.iter().map(|d| *d as u32).collect();
    stacked[0] *= parts.len() as u32;
    half_precision(name, stacked, &values)
}

/// The biases of layers of one width, zeros for keys.
fn bias(c: &Checkpoint, name: &str, layers: &[&str]) -> Variable {
    let values = |layer: &&str| {
        let width = c.tensors[&format!("{layer}.weight")].shape[0];
        if layer.ends_with(".key") {
            vec![0.0; width]
        } else {
            c.values(&format!("{layer}.bias"), &[width]).unwrap()
        }
    };
    let values: Vec<f32> = layers.iter().flat_map(values).collect();
    half_precision(name, vec![values.len() as u32], &values)
}

/// The variables of a float16 model, sorted by name.
pub fn variables(c: &Checkpoint) -> Vec<Variable> {
    let mut all = vec![
        scalar("decoder/activation", 1, &[3]),
        scalar("decoder/alignment_heads", 2, &[1, 0]),
        scalar("decoder/num_heads", 2, &[DIMS.n_text_head as u8, 0]),
        scalar("decoder/pre_norm", 1, &[1]),
        scalar("decoder/scale_embeddings", 1, &[0]),
        scalar("encoder/num_heads", 2, &[DIMS.n_audio_head as u8, 0]),
        array(
            c,
            "decoder/embeddings/weight",
            &["decoder.token_embedding.weight"],
        ),
    ];
    let mut norm = |theirs: &str, ours: &str| {
        all.push(array(c, &format!("{theirs}/gamma"), &[&format!("{ours}.weight")]));
        all.push(array(c, &format!("{theirs}/beta"), &[&format!("{ours}.bias")]));
    };
    norm("encoder/layer_norm", "encoder.ln_post");
    norm("decoder/layer_norm", "decoder.ln");
    for (side, layers) in [("encoder", DIMS.n_audio_layer), ("decoder", DIMS.n_text_layer)] {
        for n in 0..layers {
            let (theirs, ours) = (format!("{side}/layer_{n}"), format!("{side}.blocks.{n}"));
            norm(
                &format!("{theirs}/self_attention/layer_norm"),
                &format!("{ours}.attn_ln"),
            );
            norm(&format!("{theirs}/ffn/layer_norm"), &format!("{ours}.mlp_ln"));
            if side == "decoder" {
                norm(
                    &format!("{theirs}/attention/layer_norm"),
                    &format!("{ours}.cross_attn_ln"),
                );
            }
        }
    }
    let mut linear = |theirs: &str, ours: &[&str]| {
        let weights: Vec<String> = ours.iter().map(|o| format!("{o}.weight")).collect();
        let weights: Vec<&str> = weights.iter().map(String::as_str).collect();
        all.push(array(c, &format!("{theirs}/weight"), &weights));
        all.push(bias(c, &format!("{theirs}/bias"), ours));
    };
    for (side, layers) in [("encoder", DIMS.n_audio_layer), ("decoder", DIMS.n_text_layer)] {
        for n in 0..layers {
            let (theirs, o) = (format!("{side}/layer_{n}"), format!("{side}.blocks.{n}"));
            let of = |part: &str| format!("{o}.{part}");
            let (q, k, v) = (of("attn.query"), of("attn.key"), of("attn.value"));
            linear(&format!("{theirs}/self_attention/linear_0"), &[&q, &k, &v]);
            linear(&format!("{theirs}/self_attention/linear_1"), &[&of("attn.out")]);
            if side == "decoder" {
                let (k, v) = (of("cross_attn.key"), of("cross_attn.value"));
                linear(
                    &format!("{theirs}/attention/linear_0"),
                    &[&of("cross_attn.query")],
                );
                linear(&format!("{theirs}/attention/linear_1"), &[&k, &v]);
                linear(&format!("{theirs}/attention/linear_2"), &[&of("cross_attn.out")]);
            }
            linear(&format!("{theirs}/ffn/linear_0"), &[&of("mlp.0")]);
            linear(&format!("{theirs}/ffn/linear_1"), &[&of("mlp.2")]);
        }
    }
    for conv in ["conv1", "conv2"] {
        linear(&format!("encoder/{conv}"), &[&format!("encoder.{conv}")]);
    }
    for side in ["encoder", "decoder"] {
        let name = format!("{side}/position_encodings/encodings");
        all.push(array(c, &name, &[&format!("{side}.positional_embedding")]));
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// The same with int8 matrices: `round(weight * scale)`, `scale = 127 / largest magnitude of the row`.
pub fn quantised(c: &Checkpoint) -> Vec<Variable> {
    let mut all = Vec::new();
    for v in variables(c) {
        if v.shape.len() < 2 || v.name.contains("position") {
            all.push(v);
            continue;
        }
        let (values, _) = v.bytes.as_chunks::<2>();
        let values: Vec<f32> = values
            .iter()
            .map(|b| half::f16::from_le_bytes(*b).to_f32())
            .collect();
        let (mut bytes, mut scales) = (Vec::new(), Vec::new());
        for row in values.chunks(values.len() / v.shape[0] as usize) {
            let scale = 127.0 / row.iter().fold(0.0, |m: f32, v| m.max(v.abs()));
            bytes.extend(row.iter().map(|v| ((v * scale).round() as i8).cast_unsigned()));
            scales.extend(scale.to_le_bytes());
        }
        all.push(Variable {
            name: format!("{}_scale", v.name),
            shape: vec![v.shape[0]],
            kind: 0,
            bytes: scales,
        });
        all.push(Variable { kind: 1, bytes, ..v });
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

pub fn to_bytes(variables: &[Variable], aliases: &[(&str, &str)]) -> Vec<u8> {
    fn string(out: &mut Vec<u8>, s: &str) {
        out.extend((s.len() as u16 + 1).to_le_bytes());
        out.extend(s.as_bytes());
        out.push(0);
    }
    let mut out = 6_u32.to_le_bytes().to_vec();
    string(&mut out, "WhisperSpec");
    out.extend(3_u32.to_le_bytes());
    out.extend((variables.len() as u32).to_le_bytes());
    for v in variables {
        string(&mut out, &v.name);
        out.push(v.shape.len() as u8);
        out.extend(v.shape.iter().flat_map(|d| d.to_le_bytes()));
        out.push(v.kind);
        out.extend((v.bytes.len() as u32).to_le_bytes());
        out.extend(&v.bytes);
    }
    out.extend((aliases.len() as u32).to_le_bytes());
    for (alias, name) in aliases {
        string(&mut out, alias);
        string(&mut out, name);
    }
    out
}

/// A whole directory, with vocabulary and settings.
pub fn write(dir: &Path, variables: &[Variable], aliases: &[(&str, &str)]) {
    fs::write(dir.join("model.bin"), to_bytes(variables, aliases)).unwrap();
    fs::write(
        dir.join("config.json"),
        r#"{"alignment_heads": [[0, 3], [1, 0]]}"#,
    )
    .unwrap();
    let printable = |b: u8| matches!(b, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    let others: Vec<u8> = (0..=255).filter(|b| !printable(*b)).collect();
    let character = |b: &u8| match others.iter().position(|o| o == b) {
        Some(i) => char::from_u32(256 + i as u32).unwrap(),
        None => char::from(*b),
    };
    let mut tokens: Vec<String> = crate::synthetic::tokens(DIMS.ordinary_tokens())
        .iter()
        .map(|t| t.iter().map(character).collect())
        .collect();
    tokens.push("<|endoftext|>".to_owned());
    tokens.resize(DIMS.n_vocab, "<|0.00|>".to_owned());
    fs::write(dir.join("vocabulary.json"), serde_json::to_vec(&tokens).unwrap()).unwrap();
}
