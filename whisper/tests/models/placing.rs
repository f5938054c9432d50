//! Files appear whole, under their names, and never over others unasked.
use std::{fs, os::unix::fs::PermissionsExt};

use xdna_ops::DType;
use xdna_whisper::{
    convert::{ConvertError, ggml_file, huggingface_directory},
    model::load,
};

use crate::synthetic::{DIMS, checkpoint};

#[test]
fn a_file_is_replaced_only_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.bin");
    fs::write(&path, "precious").unwrap();
    let refused = ggml_file(&checkpoint(), DType::Q8_0, &path, false).unwrap_err();
    assert!(matches!(refused, ConvertError::Exists { .. }), "{refused}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    ggml_file(&checkpoint(), DType::Q8_0, &path, true).unwrap();
    assert_eq!(load(&path).unwrap().dims, DIMS);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o600, 0o600, "{mode:o}");
}

#[test]
fn a_directory_is_replaced_only_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("precious"), "").unwrap();
    let refused = huggingface_directory(&checkpoint(), DType::F16, &path, false).unwrap_err();
    assert!(matches!(refused, ConvertError::Exists { .. }), "{refused}");
    assert!(path.join("precious").exists());
    huggingface_directory(&checkpoint(), DType::F16, &path, true).unwrap();
    assert!(!path.join("precious").exists());
    assert_eq!(load(&path).unwrap().dims, DIMS);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_model_may_be_converted_onto_itself() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.bin");
    ggml_file(&checkpoint(), DType::F16, &path, false).unwrap();
    let loaded = load(&path).unwrap();
    ggml_file(&loaded, DType::Q8_0, &path, true).unwrap();
    let tensors = load(&path).unwrap().tensors;
    assert_eq!(tensors["decoder.token_embedding.weight"].dtype, DType::Q8_0);
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let refused = ggml_file(&checkpoint(), DType::F16, "/nowhere/m.bin".as_ref(), false).unwrap_err();
    let start = "/nowhere/m.bin: No such file or directory (os error 2)";
    assert!(refused.to_string().starts_with(start), "{refused}");
}
