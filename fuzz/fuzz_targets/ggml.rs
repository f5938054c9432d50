//! Any bytes are a whisper.cpp file or are refused; what is handed out lies within them, and loading agrees.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xdna_whisper::model::{ggml, load_bytes};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(model) = ggml::parse(&bytes.to_vec().into()) {
        let stored: usize = model.tensors.values().map(|t| t.bytes.as_slice().len()).sum();
        assert!(stored <= bytes.len());
    }
    // A whole model is far larger than any input here.
    assert!(load_bytes(bytes.to_vec().into(), "fuzz").is_err());
});
