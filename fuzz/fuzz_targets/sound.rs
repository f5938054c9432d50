//! Any bytes are a sound or are refused: no panic gets out, and memory stays that of a few packets.
#![no_main]

use std::sync::Once;

use libfuzzer_sys::fuzz_target;
use xdna_whisper::audio::{Audio, AudioFile, Channel};

/// Samples after which an input has shown enough: silence packs thousands to the byte.
const ENOUGH: usize = 10_000_000;

fuzz_target!(|bytes: &[u8]| {
    // The library turns panics of decoders into errors; the fuzzer's hook would abort before it can.
    static QUIET: Once = Once::new();
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    let raw = bytes
        .strip_prefix(b"RAW")
        .map(|_| "s24be:44100:3".parse().unwrap());
    let Ok(file) = AudioFile::from_bytes("fuzz".into(), bytes.to_vec(), Channel::Mix, raw) else {
        return;
    };
    let Ok(mut samples) = file.open() else { return };
    let (mut some, mut total) = (vec![0.0; 4096], 0);
    while let Ok(n @ 1..) = samples.read(&mut some) {
        assert!(some[..n].iter().all(|x| (-1.0..1.0).contains(x)));
        total += n;
        if total > ENOUGH {
            return;
        }
    }
});
