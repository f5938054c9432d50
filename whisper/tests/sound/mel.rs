//! The log-mel spectrogram against openai-whisper's, on every golden array there is.

use std::path::Path;

use xdna_whisper::{
    audio::Pcm,
    mel::{LogMel, WINDOW_FRAMES, filterbank},
};

use crate::data::{Tests, npy, wav};

pub fn add(tests: &mut Tests) {
    for n_mels in [80, 128] {
        tests.add(&format!("filters_{n_mels}"), move |data| {
            let (shape, golden) = npy(data.join(format!("golden/arrays/mel_filters.{n_mels}.npy")));
            assert_eq!(shape, [n_mels, 201]);
            assert_eq!(filterbank(n_mels), golden);
        });
    }
    for n_mels in [80, 128] {
        tests.add(&format!("speech_padded_to_a_window_{n_mels}"), move |data| {
            let samples = wav(data.join("audio/jfk-16k.wav"));
            agrees(&samples, n_mels, &data, &format!("jfk-16k.mel{n_mels}.padded30s"));
        });
    }
    tests.add("speech_with_30_s_of_silence", |data| {
        agrees(
            &wav(data.join("audio/jfk-16k.wav")),
            80,
            &data,
            "jfk-16k.mel80.plus30s",
        );
    });
    tests.add("noise_that_ends_within_a_frame", |data| {
        let samples = npy(data.join("golden/arrays/short777.samples.npy")).1;
        assert_eq!(samples.len(), 777);
        agrees(&samples, 80, &data, "short777.mel80.padded30s");
    });
    tests.add("zeros", |data| agrees(&[0.0; 16_000], 80, &data, "zeros.mel80"));
}

/// Windows of many sizes and places agree with the golden `(n_mels, frames)` to 1e-4.
fn agrees(samples: &[f32], n_mels: usize, data: &Path, name: &str) {
    let (shape, golden) = npy(data.join(format!("golden/arrays/{name}.npy")));
    let [rows, frames] = shape[..] else {
        panic!("{shape:?}")
    };
    assert_eq!(rows, n_mels);
    let pcm = Pcm(samples);
    let mut mel = LogMel::new(&pcm, n_mels, &|| false).unwrap();
    assert_eq!(mel.content_frames(), samples.len() / 160);
    let mut out = vec![0.0; WINDOW_FRAMES * n_mels];
    // Whole, then forwards with overlap, then back.
    for (start, len) in [
        (0, frames),
        (1, 3),
        (frames / 3, frames / 3),
        (frames / 2, 7),
        (2, frames - 2),
    ] {
        mel.window(start, len, &mut out).unwrap();
        let mut worst = 0.0f32;
        for (i, frame) in out.chunks(n_mels).take(len).enumerate() {
            for (m, &x) in frame.iter().enumerate() {
                worst = worst.max((x - golden[m * frames + start + i]).abs());
            }
        }
        assert!(worst <= 1e-4, "{name}, {len} frames from {start}: {worst}");
        assert!(out[len * n_mels..].iter().all(|&x| x == 0.0));
    }
}
