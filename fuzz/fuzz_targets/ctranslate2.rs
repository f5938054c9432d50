//! Any bytes are a CTranslate2 model or are refused; what is handed out lies within them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xdna_whisper::model::ctranslate2::{self, Variable};

fuzz_target!(|bytes: &[u8]| {
    let Ok(model) = ctranslate2::parse(&bytes.to_vec().into()) else {
        return;
    };
    for (name, variable) in &model.variables {
        if let Variable::Tensor(t) = variable {
            assert!(t.bytes.as_slice().len() <= bytes.len(), "{name}");
        }
    }
});
