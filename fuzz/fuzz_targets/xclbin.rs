//! Any bytes are refused by the readers of xclbins, or understood and written so that they are understood the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xdna_fuzz::{Target, formats::Readers};

fuzz_target!(|bytes: &[u8]| {
    Readers::of("xclbin").expect("a format").feed(bytes);
});
