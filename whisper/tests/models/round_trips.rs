use std::{fs, path::Path};

use serde_json::{Value, json};
use xdna_ops::DType;
use xdna_whisper::{
    convert::{ConvertError, ggml_file, huggingface_directory, write_ggml, write_safetensors},
    model::{Checkpoint, load, load_bytes},
};

use crate::{
    ct2,
    safetensors::Safetensors,
    synthetic::{DIMS, checkpoint, ggml, tokens, values},
};

fn assert_same(loaded: &Checkpoint, origin: &str) {
    assert_eq!(loaded.dims, DIMS);
    assert!(loaded.origin.starts_with(origin), "{}", loaded.origin);
    for (id, token) in tokens(DIMS.ordinary_tokens()).iter().enumerate() {
        assert_eq!(loaded.vocabulary.bytes(id as u32), token, "token {id}");
    }
    let (expected, found) = (values(&checkpoint()), values(loaded));
    assert_eq!(
        expected.keys().collect::<Vec<_>>(),
        found.keys().collect::<Vec<_>>()
    );
    for (name, values) in expected {
        assert!(values == found[&name], "{name}");
    }
}

/// Largest error of any matrix, in parts of the largest magnitude there is (0.5).
fn worst(loaded: &Checkpoint) -> f32 {
    let (expected, found) = (values(&checkpoint()), values(loaded));
    let errors = expected
        .iter()
        .flat_map(|(name, a)| a.iter().zip(&found[name]).map(|(a, b)| (a - b).abs() / 0.5));
    errors.fold(0.0, f32::max)
}

#[test]
fn a_whisper_cpp_file_is_read_back() {
    let loaded = load_bytes(ggml(DType::F16).into(), "m.bin").unwrap();
    assert_same(&loaded, "whisper.cpp file m.bin");
    // Such files name no alignment heads, and a model of these dimensions was never released.
    assert_eq!(loaded.alignment_heads, None);
    assert_eq!(loaded.tensors["encoder.conv1.weight"].dtype, DType::F16);
    assert_eq!(loaded.tensors["decoder.token_embedding.weight"].dtype, DType::F16);
    assert_eq!(loaded.tensors["encoder.positional_embedding"].dtype, DType::F32);
    assert_eq!(loaded.tensors["encoder.conv1.bias"].shape, [32]);
}

#[test]
fn quantised_whisper_cpp_files_are_read_back() {
    for (dtype, bound) in [
        (DType::Q4_0, 1.0 / 7.9),
        (DType::Q4_1, 1.0 / 14.5),
        (DType::Q5_0, 1.0 / 15.8),
        (DType::Q5_1, 1.0 / 30.0),
        (DType::Q8_0, 0.5 / 118.0),
    ] {
        let loaded = load_bytes(ggml(dtype).into(), "m.bin").unwrap();
        assert_eq!(
            loaded.tensors["decoder.blocks.1.cross_attn.key.weight"].dtype,
            dtype
        );
        assert_eq!(loaded.tensors["encoder.conv2.weight"].dtype, DType::F16);
        assert_eq!(loaded.tensors["decoder.ln.bias"].dtype, DType::F32);
        let worst = worst(&loaded);
        assert!(worst > 0.0 && worst <= bound, "{dtype}: {worst}");
    }
}

#[test]
fn quantised_weights_are_passed_on_unchanged() {
    let file = ggml(DType::Q5_1);
    let loaded = load_bytes(file.clone().into(), "m.bin").unwrap();
    let mut again = Vec::new();
    write_ggml(&loaded, DType::Q5_1, &mut again).unwrap();
    assert!(file == again);
}

#[test]
fn a_hugging_face_directory_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        let path = dir.path().join(dtype.to_string());
        huggingface_directory(&checkpoint(), dtype, &path, false).unwrap();
        let loaded = load(&path).unwrap();
        if dtype == DType::BF16 {
            let worst = worst(&loaded);
            assert!(worst > 0.0 && worst < 1.0 / 256.0, "{worst}");
        } else {
            assert_same(&loaded, "Hugging Face directory ");
        }
        assert_eq!(loaded.alignment_heads, checkpoint().alignment_heads);
        assert_eq!(loaded.tensors["encoder.conv1.weight"].dtype, dtype);
        let by_file = load(&path.join("model.safetensors")).unwrap();
        assert_eq!(by_file.dims, DIMS);
    }
}

#[test]
fn a_tokenizer_in_two_files_will_do() {
    let dir = hugging_face();
    fs::remove_file(dir.path().join("m/tokenizer.json")).unwrap();
    assert_same(&load(&dir.path().join("m")).unwrap(), "Hugging Face directory ");
}

#[test]
fn names_may_lack_the_outer_module() {
    let dir = hugging_face();
    let path = dir.path().join("m/model.safetensors");
    let mut file = Safetensors::read(&path);
    for name in file.names() {
        file.rename(&name, name.strip_prefix("model.").unwrap());
    }
    file.write(&path);
    assert_same(&load(&dir.path().join("m")).unwrap(), "Hugging Face directory ");
}

#[test]
fn a_tied_output_projection_may_be_stored_again() {
    let dir = hugging_face();
    let path = dir.path().join("m/model.safetensors");
    let mut file = Safetensors::read(&path);
    let embedding = file.array("model.decoder.embed_tokens.weight").to_vec();
    file.push("proj_out.weight", "F16", &[51_864, 32], &embedding);
    file.write(&path);
    assert_same(&load(&dir.path().join("m")).unwrap(), "Hugging Face directory ");

    let mut file = Safetensors::read(&path);
    file.array_mut("proj_out.weight")[0] ^= 1;
    file.write(&path);
    assert_eq!(
        load(&dir.path().join("m")).unwrap_err().to_string(),
        "tensor proj_out.weight [51864, 32] is not part of a model of these dimensions"
    );
}

#[test]
fn shards_are_joined() {
    let dir = hugging_face();
    let m = dir.path().join("m");
    let whole = Safetensors::read(&m.join("model.safetensors"));
    let mut map = serde_json::Map::new();
    let names = whole.names();
    for (i, names) in names.chunks(names.len() / 2 + 1).enumerate() {
        let file = format!("model-0000{}-of-00002.safetensors", i + 1);
        let mut shard = Safetensors::default();
        for name in names {
            let entry = &whole.header[name];
            let shape: Vec<u64> = serde_json::from_value(entry["shape"].clone()).unwrap();
            shard.push(name, entry["dtype"].as_str().unwrap(), &shape, whole.array(name));
            map.insert(name.clone(), Value::from(file.clone()));
        }
        shard.write(&m.join(file));
    }
    let index = |map: &serde_json::Map<_, _>| {
        fs::write(
            m.join("model.safetensors.index.json"),
            json!({"metadata": {}, "weight_map": map}).to_string(),
        )
        .unwrap();
    };
    index(&map);
    fs::remove_file(m.join("model.safetensors")).unwrap();
    assert_same(&load(&m).unwrap(), "Hugging Face directory ");

    map.insert(
        "model.decoder.layer_norm.bias".to_owned(),
        Value::from("../m.safetensors"),
    );
    index(&map);
    let refused = load(&m).unwrap_err().to_string();
    assert!(
        refused
            .ends_with("weight_map is \"../m.safetensors\", expected names of files in the same directory"),
        "{refused}"
    );
}

#[test]
fn a_repository_of_the_cache_stands_for_its_main_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let repository = dir.path().join("models--openai--whisper-made-up");
    fs::create_dir_all(repository.join("refs")).unwrap();
    fs::create_dir_all(repository.join("snapshots")).unwrap();
    fs::write(repository.join("refs/main"), "0123abcd").unwrap();
    let snapshot = repository.join("snapshots/0123abcd");
    huggingface_directory(&checkpoint(), DType::F16, &snapshot, false).unwrap();
    assert_same(&load(&repository).unwrap(), "Hugging Face directory ");
}

#[test]
fn a_faster_whisper_directory_is_read() {
    let dir = tempfile::tempdir().unwrap();
    ct2::write(dir.path(), &ct2::variables(&checkpoint()), &ct2::ALIASES);
    let loaded = load(dir.path()).unwrap();
    assert_same(&loaded, "faster-whisper directory ");
    assert_eq!(loaded.alignment_heads, Some(vec![(0, 3), (1, 0)]));
    assert_same(
        &load(&dir.path().join("model.bin")).unwrap(),
        "faster-whisper directory ",
    );

    // The vocabulary as lines, as converters wrote it before 2023.
    let tokens: Vec<String> =
        serde_json::from_slice(&fs::read(dir.path().join("vocabulary.json")).unwrap()).unwrap();
    fs::write(dir.path().join("vocabulary.txt"), tokens.join("\n")).unwrap();
    fs::remove_file(dir.path().join("vocabulary.json")).unwrap();
    assert_same(&load(dir.path()).unwrap(), "faster-whisper directory ");
}

#[test]
fn int8_rows_carry_the_inverse_of_the_stored_scale() {
    let dir = tempfile::tempdir().unwrap();
    ct2::write(dir.path(), &ct2::quantised(&checkpoint()), &ct2::ALIASES);
    let loaded = load(dir.path()).unwrap();
    for name in [
        "encoder.conv1.weight",
        "decoder.blocks.0.attn.value.weight",
        "decoder.token_embedding.weight",
    ] {
        let tensor = &loaded.tensors[name];
        assert_eq!(tensor.dtype, DType::I8, "{name}");
        assert_eq!(tensor.scales.len(), tensor.shape[0], "{name}");
    }
    let worst = worst(&loaded);
    assert!(worst > 0.0 && worst <= 0.501 / 127.0, "{worst}");
}

#[test]
fn types_that_a_format_lacks_are_refused() {
    let c = checkpoint();
    let ggml = |dtype| write_ggml(&c, dtype, &mut Vec::new()).unwrap_err().to_string();
    assert_eq!(
        ggml(DType::BF16),
        "a whisper.cpp file cannot hold bf16, only f16, q4_0, q4_1, q5_0, q5_1 and q8_0"
    );
    assert!(ggml(DType::F32).starts_with("a whisper.cpp file cannot hold f32"));
    let refused = write_safetensors(&c, DType::Q8_0, &mut Vec::new()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "a Hugging Face directory cannot hold q8_0, only f32, f16 and bf16"
    );
}

#[test]
fn nothing_is_left_of_a_model_that_cannot_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut c = checkpoint();
    c.tensors.remove("decoder.ln.bias");
    let refused = ggml_file(&c, DType::F16, &dir.path().join("m.bin"), false).unwrap_err();
    assert!(matches!(refused, ConvertError::Model(_)), "{refused}");
    let refused = huggingface_directory(&c, DType::F16, &dir.path().join("m"), false).unwrap_err();
    assert_eq!(refused.to_string(), "tensor decoder.ln.bias [32] is missing");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// A temporary directory with the model in half precision as `m`.
fn hugging_face() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let path: &Path = &dir.path().join("m");
    huggingface_directory(&checkpoint(), DType::F16, path, false).unwrap();
    dir
}
