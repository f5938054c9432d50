//! Any bytes are a safetensors file or are refused; what is handed out lies within them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xdna_whisper::model::safetensors;

fuzz_target!(|bytes: &[u8]| {
    let Ok(tensors) = safetensors::parse(&bytes.to_vec().into()) else {
        return;
    };
    let stored: usize = tensors.values().map(|t| t.bytes.as_slice().len()).sum();
    assert!(stored <= bytes.len());
});
