//! What is not a whole and sound model is refused, with the tensor and the shape it should have.
use std::{fs, path::Path};

use serde_json::{Value, json};
use xdna_ops::DType;
use xdna_whisper::{
    convert::huggingface_directory,
    model::{Checkpoint, load},
};

use crate::{
    ct2,
    safetensors::Safetensors,
    synthetic::{checkpoint, ggml, refusal},
};

/// Places of the header's numbers in a whisper.cpp file.
const N_VOCAB: usize = 4;
const N_AUDIO_STATE: usize = 12;
const N_AUDIO_HEAD: usize = 16;
const N_AUDIO_LAYER: usize = 20;
const N_MELS: usize = 40;
const TYPE: usize = 44;
/// Where the number of tokens follows the header and the mel filters.
const N_TOKENS: usize = 56 + 80 * 201 * 4;

fn patched(at: usize, value: u32) -> String {
    let mut file = ggml(DType::Q8_0);
    file[at..at + 4].copy_from_slice(&value.to_le_bytes());
    refusal(file).to_string()
}

/// Where the values of a tensor begin in a whisper.cpp file.
fn values_of(file: &[u8], name: &str) -> usize {
    let name = name.as_bytes();
    file.windows(name.len()).position(|w| w == name).unwrap() + name.len()
}

#[test]
fn dimensions_out_of_range() {
    assert_eq!(
        patched(N_VOCAB, 60_000),
        "n_vocab is 60000, expected 51766 to 51866"
    );
    assert_eq!(
        patched(N_AUDIO_HEAD, 3),
        "n_audio_head is 3, expected a divisor of the width, 32"
    );
    assert_eq!(
        patched(N_AUDIO_HEAD, 0),
        "n_audio_head is 0, expected a divisor of the width, 32"
    );
    assert_eq!(
        patched(N_AUDIO_STATE, 64),
        "n_text_state is 32, expected 64, the width of the encoder"
    );
    assert_eq!(
        patched(N_AUDIO_LAYER, 1 << 30),
        "n_audio_layer is 1073741824, expected 1 to 256"
    );
    assert_eq!(
        patched(N_VOCAB, u32::MAX),
        "m.bin: n_vocab is -1, expected a number from 0"
    );
    assert_eq!(
        patched(N_MELS, 81),
        "m.bin: shape of the mel filters is 80 x 201, with n_mels = 81, expected n_mels x 201"
    );
}

#[test]
fn more_layers_than_there_are() {
    assert_eq!(
        patched(N_AUDIO_LAYER, 2),
        "tensor encoder.blocks.1.attn.query.weight [32, 32] is missing"
    );
}

#[test]
fn blocks_of_an_older_layout() {
    assert_eq!(
        patched(TYPE, 1007),
        "m.bin: version of the quantised blocks is 1, expected 2"
    );
}

#[test]
fn a_tokenizer_of_another_size() {
    let mut file = ggml(DType::F16);
    // The last token goes: its length, three bytes.
    let tensors = file.len() - from_first_tensor(&file);
    file.drain(tensors - 7..tensors);
    file[N_TOKENS..N_TOKENS + 4].copy_from_slice(&50_255_u32.to_le_bytes());
    assert_eq!(
        refusal(file).to_string(),
        "the tokenizer has 50255 ordinary tokens, 51864 tokens in all call for 50256"
    );
}

/// Bytes from the first tensor's header on.
fn from_first_tensor(file: &[u8]) -> usize {
    let first = "encoder.positional_embedding";
    let header = 3 * 4 + 2 * 4;
    file.len() - (values_of(file, first) - first.len() - header)
}

#[test]
fn every_way_of_ending_early() {
    let file = ggml(DType::Q8_0);
    let positions = values_of(&file, "encoder.positional_embedding");
    for (len, message) in [
        (0, "m.bin: magic number ends at byte 4 of a file of 0 bytes"),
        (10, "m.bin: n_audio_ctx ends at byte 12 of a file of 10 bytes"),
        (
            1000,
            "m.bin: mel filters ends at byte 64376 of a file of 1000 bytes",
        ),
        (
            N_TOKENS + 5,
            "m.bin: length of a token ends at byte 64384 of a file of 64381 bytes",
        ),
    ] {
        assert_eq!(refusal(file[..len].to_vec()).to_string(), message);
    }
    let refused = refusal(file[..positions + 100].to_vec()).to_string();
    assert!(
        refused.starts_with("m.bin: encoder.positional_embedding ends at byte "),
        "{refused}"
    );
    // A file that ends between two tensors lacks the rest.
    let second = values_of(&file, "encoder.conv1.weight") - "encoder.conv1.weight".len() - 6 * 4;
    assert_eq!(
        refusal(file[..second].to_vec()).to_string(),
        "tensor encoder.conv1.weight [32, 80, 3] is missing"
    );
    let mut longer = file;
    longer.extend([0; 5]);
    let refused = refusal(longer).to_string();
    assert!(
        refused.starts_with("m.bin: length of a tensor's name ends at byte "),
        "{refused}"
    );
}

#[test]
fn claimed_sizes_are_not_believed() {
    let file = ggml(DType::Q8_0);
    // What follows the tokens is read as tokens until one leaves the file.
    let mut at = N_TOKENS + 4;
    while at < file.len() {
        let len = u32::from_le_bytes(*file[at..].first_chunk().unwrap()) as usize;
        at += 4 + len;
    }
    assert_eq!(
        patched(N_TOKENS, i32::MAX as u32),
        format!("m.bin: token ends at byte {at} of a file of {} bytes", file.len())
    );
}

#[test]
fn weights_that_are_no_numbers() {
    let spoilt = |dtype, name: &str, at: usize, bytes: &[u8]| {
        let mut file = ggml(dtype);
        let at = values_of(&file, name) + at;
        file[at..at + bytes.len()].copy_from_slice(bytes);
        refusal(file).to_string()
    };
    assert_eq!(
        spoilt(DType::F16, "decoder.blocks.1.mlp.2.weight", 2 * 130, &[0, 0x7e]),
        "tensor decoder.blocks.1.mlp.2.weight [32, 128] holds NaN at 130"
    );
    assert_eq!(
        spoilt(
            DType::F16,
            "decoder.ln.bias",
            4 * 3,
            &f32::NEG_INFINITY.to_le_bytes()
        ),
        "tensor decoder.ln.bias [32] holds -inf at 3"
    );
    // Scale of the second block, minimum of the second block.
    assert_eq!(
        spoilt(DType::Q8_0, "decoder.blocks.0.attn.out.weight", 34, &[0, 0x7c]),
        "tensor decoder.blocks.0.attn.out.weight [32, 32] holds inf at 32"
    );
    assert_eq!(
        spoilt(
            DType::Q5_1,
            "decoder.blocks.0.attn.out.weight",
            24 + 2,
            &[1, 0xfc]
        ),
        "tensor decoder.blocks.0.attn.out.weight [32, 32] holds NaN at 32"
    );
}

#[test]
fn unknown_types_and_names() {
    let mut file = ggml(DType::Q8_0);
    let at = values_of(&file, "encoder.conv2.bias");
    // rank, length of the name, type, two extents, name
    let kind = at - "encoder.conv2.bias".len() - 3 * 4;
    file[kind] = 14;
    assert_eq!(
        refusal(file).to_string(),
        "m.bin: tensor encoder.conv2.bias is stored as ggml type 14"
    );
    let mut file = ggml(DType::Q8_0);
    file[at - 5] = b'!';
    assert_eq!(
        refusal(file).to_string(),
        "tensor encoder.conv2.bias [32] is missing"
    );
}

// --- Hugging Face directories

struct Directory(tempfile::TempDir);

impl Directory {
    fn new(dtype: DType) -> Self {
        let dir = tempfile::tempdir().unwrap();
        huggingface_directory(&checkpoint(), dtype, &dir.path().join("m"), false).unwrap();
        Self(dir)
    }

    fn path(&self, file: &str) -> std::path::PathBuf {
        self.0.path().join("m").join(file)
    }

    fn edit_json(&self, file: &str, edit: impl FnOnce(&mut Value)) {
        let path = self.path(file);
        let mut value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        edit(&mut value);
        fs::write(path, value.to_string()).unwrap();
    }

    fn edit_weights(&self, edit: impl FnOnce(&mut Safetensors)) {
        let path = self.path("model.safetensors");
        let mut file = Safetensors::read(&path);
        edit(&mut file);
        file.write(&path);
    }

    /// The message, without the directory.
    fn refused(&self) -> String {
        let path = self.0.path().join("m");
        let message = load(&path).expect_err("a damaged model was loaded").to_string();
        message.replace(&format!("{}/", path.display()), "")
    }
}

#[test]
fn a_configuration_that_is_not_of_this_model() {
    for (key, value, message) in [
        (
            "model_type",
            json!("bert"),
            "config.json: model_type is bert, expected whisper",
        ),
        (
            "activation_function",
            json!("relu"),
            "config.json: activation_function is relu, expected gelu",
        ),
        (
            "scale_embedding",
            json!(true),
            "config.json: scale_embedding is true, expected false",
        ),
        (
            "encoder_ffn_dim",
            json!(100),
            "config.json: encoder_ffn_dim is 100, expected 128, four times d_model",
        ),
        ("num_mel_bins", json!(100), "n_mels is 100, expected 80 or 128"),
        (
            "num_mel_bins",
            json!(128),
            "tensor encoder.conv1.weight has shape [32, 80, 3], expected [32, 128, 3]",
        ),
        (
            "max_source_positions",
            json!(750),
            "n_audio_ctx is 750, expected 1500",
        ),
        (
            "max_target_positions",
            json!(100),
            "tensor decoder.positional_embedding has shape [448, 32], expected [100, 32]",
        ),
        (
            "decoder_layers",
            json!(3),
            "tensor decoder.blocks.2.attn.query.weight [32, 32] is missing",
        ),
        (
            "decoder_layers",
            json!(1),
            "tensor model.decoder.layers.1.encoder_attn.k_proj.weight [32, 32] is not part of a model of these dimensions",
        ),
        (
            "vocab_size",
            json!(51_865),
            "the tokenizer has 50256 ordinary tokens, 51865 tokens in all call for 50257",
        ),
        (
            "d_model",
            json!(-1),
            "config.json: JSON: invalid value: integer `-1`, expected usize",
        ),
    ] {
        let dir = Directory::new(DType::F16);
        dir.edit_json("config.json", |c| c[key] = value);
        let refused = dir.refused();
        assert!(refused.starts_with(message), "{key}: {refused}");
    }
}

#[test]
fn alignment_heads_beyond_the_decoder() {
    let dir = Directory::new(DType::F16);
    dir.edit_json("generation_config.json", |c| {
        c["alignment_heads"] = json!([[0, 0], [2, 1]])
    });
    assert_eq!(
        dir.refused(),
        "alignment head 1 of layer 2: the decoder has 2 layers of 4 heads"
    );
}

#[test]
fn safetensors_that_do_not_hold_together() {
    const NAME: &str = "model.decoder.layer_norm.bias";
    type Edit = fn(&mut Safetensors);
    let edits: [(Edit, &str); 8] = [
        (
            |f| drop(f.header.remove(NAME)),
            "model.safetensors: last tensor, model.decoder.layer_norm.weight ends at byte",
        ),
        (
            |f| f.rename("model.encoder.conv1.bias", "model.encoder.conv3.bias"),
            "tensor encoder.conv1.bias [32] is missing",
        ),
        (
            |f| f.header[NAME]["shape"] = json!([2, 16]),
            "tensor decoder.ln.bias has shape [2, 16], expected [32]",
        ),
        (
            |f| f.header[NAME]["shape"] = json!([33]),
            "model.safetensors: tensor model.decoder.layer_norm.bias: F16 [33] does not take 64 bytes",
        ),
        (
            |f| f.header[NAME]["shape"] = json!([1_u64 << 40, 1_u64 << 40]),
            "model.safetensors: tensor model.decoder.layer_norm.bias: F16 [1099511627776, 1099511627776] does not",
        ),
        (
            |f| f.header[NAME]["dtype"] = json!("I64"),
            "model.safetensors: tensor model.decoder.layer_norm.bias is stored as I64",
        ),
        (
            |f| f.data.truncate(f.data.len() - 1),
            "model.safetensors: tensor model.decoder.layer_norm.bias ends at byte",
        ),
        (
            |f| {
                let range = f.header["model.encoder.conv1.bias"]["data_offsets"].clone();
                f.header[NAME]["data_offsets"] = range;
            },
            "model.safetensors: tensor model.encoder.conv1.bias begins at",
        ),
    ];
    for (edit, message) in edits {
        let dir = Directory::new(DType::F16);
        dir.edit_weights(edit);
        let refused = dir.refused();
        let either = refused.starts_with(message)
            || refused
                .starts_with(&message.replace("model.encoder.conv1.bias begins", &format!("{NAME} begins")));
        assert!(either, "{refused}\n{message}");
    }
    let dir = Directory::new(DType::F16);
    fs::write(dir.path("model.safetensors"), (1_u64 << 60).to_le_bytes()).unwrap();
    assert_eq!(
        dir.refused(),
        "model.safetensors: header ends at byte 1152921504606846984 of a file of 8 bytes"
    );
}

#[test]
fn weights_that_are_no_numbers_in_any_precision() {
    for (dtype, at, bytes) in [
        (DType::F32, 4 * 7, f32::NAN.to_le_bytes().to_vec()),
        (DType::F16, 2 * 7, vec![0xff, 0x7f]),
        (DType::BF16, 2 * 7, vec![0xc0, 0x7f]),
    ] {
        let dir = Directory::new(dtype);
        dir.edit_weights(|f| {
            f.array_mut("model.encoder.layers.0.fc1.bias")[at..at + bytes.len()].copy_from_slice(&bytes);
        });
        assert_eq!(
            dir.refused(),
            "tensor encoder.blocks.0.mlp.0.bias [128] holds NaN at 7",
            "{dtype}"
        );
    }
}

#[test]
fn files_that_are_missing() {
    for file in ["config.json", "model.safetensors"] {
        let dir = Directory::new(DType::F16);
        fs::remove_file(dir.path(file)).unwrap();
        let message = "a directory without config.json and model.safetensors, and without model.bin";
        assert!(dir.refused().contains(message), "{}", dir.refused());
    }
    let dir = Directory::new(DType::F16);
    fs::remove_file(dir.path("tokenizer.json")).unwrap();
    fs::remove_file(dir.path("vocab.json")).unwrap();
    assert_eq!(
        dir.refused(),
        "vocab.json: No such file or directory (os error 2)"
    );
}

// --- faster-whisper directories

fn ct2_refusal(edit: impl FnOnce(&mut Vec<ct2::Variable>)) -> String {
    let dir = tempfile::tempdir().unwrap();
    let mut variables = ct2::variables(&checkpoint());
    edit(&mut variables);
    ct2::write(dir.path(), &variables, &ct2::ALIASES);
    message(load(dir.path()), dir.path())
}

fn message(loaded: Result<Checkpoint, xdna_whisper::model::ModelError>, dir: &Path) -> String {
    let message = loaded.expect_err("a damaged model was loaded").to_string();
    message.replace(&format!("{}/", dir.display()), "")
}

fn variable<'a>(all: &'a mut [ct2::Variable], name: &str) -> &'a mut ct2::Variable {
    all.iter_mut().find(|v| v.name == name).unwrap()
}

#[test]
fn ctranslate2_models_that_are_not_whole() {
    assert_eq!(
        ct2_refusal(|v| v.retain(|v| v.name != "encoder/layer_0/self_attention/linear_0/weight")),
        "tensor encoder.blocks.0.attn.query.weight [32, 32] is missing"
    );
    assert_eq!(
        ct2_refusal(|v| variable(v, "decoder/layer_1/attention/linear_1/weight").shape = vec![32, 64]),
        "tensor decoder.blocks.1.cross_attn.key.weight has shape [32, 64], expected [64, 32]"
    );
    assert_eq!(
        ct2_refusal(|v| variable(v, "decoder/layer_1/attention/linear_1/weight").shape = vec![64, 33]),
        "model.bin: tensor decoder/layer_1/attention/linear_1/weight: f16 [64, 33] does not take 4096 bytes"
    );
    assert_eq!(
        ct2_refusal(|v| variable(v, "decoder/layer_0/self_attention/linear_0/bias").bytes[64] = 1),
        "tensor decoder.blocks.0.attn.key.bias [32] is not part of a model of these dimensions"
    );
    assert_eq!(
        ct2_refusal(|v| variable(v, "decoder/activation").bytes[0] = 0),
        "model.bin: a decoder setting is decoder/activation = 0, expected 3 (GELU)"
    );
    assert_eq!(
        ct2_refusal(|v| variable(v, "decoder/layer_0/ffn/linear_0/weight").kind = 2),
        "model.bin: tensor decoder/layer_0/ffn/linear_0/weight is stored as int16"
    );
    assert_eq!(
        ct2_refusal(|v| v.retain(|v| v.name != "decoder/num_heads")),
        "model.bin: number of heads is not in decoder/num_heads, expected an integer"
    );
    assert_eq!(
        ct2_refusal(|v| variable(v, "encoder/conv1/bias").name = "encoder/conv2/bias".to_owned()),
        "model.bin: encoder/conv2/bias is there twice"
    );
}

#[test]
fn ctranslate2_scales_that_are_no_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let mut variables = ct2::quantised(&checkpoint());
    let name = "decoder/layer_0/self_attention/linear_0/weight_scale";
    // The inverse of 0 has no value; the row is the second of the keys.
    variable(&mut variables, name).bytes[33 * 4..34 * 4].fill(0);
    ct2::write(dir.path(), &variables, &ct2::ALIASES);
    assert_eq!(
        message(load(dir.path()), dir.path()),
        "tensor decoder.blocks.0.attn.key.weight [32, 32] holds inf at 32"
    );
    variables.retain(|v| v.name != name);
    ct2::write(dir.path(), &variables, &ct2::ALIASES);
    assert_eq!(
        message(load(dir.path()), dir.path()),
        "tensor decoder.blocks.0.attn.query.weight (scale) [96] is missing"
    );
}

#[test]
fn ctranslate2_files_of_another_kind() {
    let dir = tempfile::tempdir().unwrap();
    ct2::write(dir.path(), &[], &[]);
    let whole = fs::read(dir.path().join("model.bin")).unwrap();
    let refused = |edit: &dyn Fn(&mut Vec<u8>)| {
        let mut file = whole.clone();
        edit(&mut file);
        fs::write(dir.path().join("model.bin"), file).unwrap();
        message(load(dir.path()), dir.path())
    };
    assert_eq!(
        refused(&|f| f[0] = 5),
        "model.bin: CTranslate2 version is 5, expected 6"
    );
    assert_eq!(
        refused(&|f| f[6] = b'w'),
        "model.bin: kind of model is whisperSpec, expected WhisperSpec"
    );
    assert_eq!(
        refused(&|f| f[22] = 1),
        "model.bin: name is \"\", expected text that ends with a NUL"
    );
    assert_eq!(
        refused(&|f| f.push(0)),
        "model.bin: aliases ends at byte 30, the file goes on to 31"
    );
}

// --- something else

#[test]
fn other_files_are_refused_by_kind() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    for (content, expected) in [
        (&b"PK\x03\x04rest of a zip"[..], "no openai-whisper checkpoint: "),
        (
            b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.",
            "no openai-whisper checkpoint: ",
        ),
        (b"RIFF\x24\0\0\0WAVEfmt ", "no Whisper model"),
        (b"", "no Whisper model"),
        (b"GGUF\x03\0\0\0", "no Whisper model (a GGUF file)"),
    ] {
        fs::write(&path, content).unwrap();
        let refused = message(load(&path), dir.path());
        assert!(refused.contains(expected), "{refused}");
    }
    let refused = message(load(&dir.path().join("nothing")), dir.path());
    assert_eq!(refused, "nothing: No such file or directory (os error 2)");
}
