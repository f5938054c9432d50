//! Every format against what is known of the same sound: its original, and what ffmpeg made of it.

use std::path::Path;

use xdna_whisper::audio::{Audio, AudioFile, Channel};

use crate::data::{Tests, wav};

/// A file of `audio/formats` made of `librivox-0870.wav`.
struct Made {
    name: &'static str,
    /// Samples at 16 kHz; ffmpeg gives as many, one more at most.
    len: usize,
    /// Samples it begins late: what encoders put in front and these containers do not say.
    lag: usize,
    /// Loudness: ffmpeg makes two channels of one at -3 dB each.
    gain: f64,
    /// Decibels from the original to what differs, once gain and lag are taken into account.
    snr: f64,
}

const HALF: f64 = std::f64::consts::FRAC_1_SQRT_2;

#[rustfmt::skip]
const MADE: [Made; 13] = [
    Made { name: "96000-stereo.flac", len: 113_600, lag: 0,   gain: HALF, snr: 60.0 },
    Made { name: "alac.m4a",          len: 113_600, lag: 0,   gain: HALF, snr: 60.0 },
    Made { name: "alaw-8000.wav",     len: 113_600, lag: 0,   gain: 1.0,  snr: 20.0 },
    Made { name: "f32-22050.wav",     len: 113_600, lag: 0,   gain: 1.0,  snr: 60.0 },
    Made { name: "mulaw-8000.wav",    len: 113_600, lag: 0,   gain: 1.0,  snr: 20.0 },
    Made { name: "aac",               len: 114_056, lag: 372, gain: 1.0,  snr: 14.0 },
    Made { name: "caf",               len: 113_600, lag: 0,   gain: 1.0,  snr: 60.0 },
    Made { name: "m4a",               len: 113_685, lag: 0  , gain: 1.0,  snr: 14.0 },
    Made { name: "mkv",               len: 114_005, lag: 341, gain: 1.0,  snr: 17.0 },
    Made { name: "mp3",               len: 113_600, lag: 0,   gain: 1.0,  snr: 24.0 },
    Made { name: "ogg",               len: 113_600, lag: 0,   gain: 1.0,  snr: 20.0 },
    Made { name: "opus",              len: 113_600, lag: 0,   gain: 1.0,  snr: 14.0 },
    Made { name: "webm",              len: 113_600, lag: 0,   gain: 1.0,  snr: 14.0 },
];

/// Files of which ffmpeg's own 16 kHz version is there, and decibels to what differs.
///
/// The MP3 of 24 kHz is decoded in another way by the ffmpeg of the golden files: libavcodec 62.28 differs from them
/// by the same 28 dB, and from us by 74 dB.
const GOLDEN: [(&str, f64); 4] = [
    ("french.aiff", 70.0),
    ("chinese.flac", 55.0),
    ("hotwords.mp3", 70.0),
    ("licence-60s.mp3", 28.0),
];

pub fn add(tests: &mut Tests) {
    for made in MADE {
        let separator = if made.name.contains(['-', '.']) { "-" } else { "." };
        let name = format!("librivox-0870{separator}{}", made.name);
        tests.add(&name.clone(), move |data| {
            let original = wav(data.join("audio/librivox-0870.wav"));
            let sound = decode(&data.join("audio/formats").join(name), Channel::Mix);
            assert_eq!(sound.len(), made.len);
            assert_eq!(lag(&sound, &original), made.lag);
            let (gain, snr) = compare(&sound[made.lag..], &original);
            assert!((gain / made.gain - 1.0).abs() < 0.06, "gain {gain}");
            assert!(snr >= made.snr, "{snr} dB");
        });
    }
    for (name, least) in GOLDEN {
        tests.add(&format!("as_ffmpeg_{name}"), move |data| {
            let golden = wav(data.join(format!("golden/pcm/{name}.16k.wav")));
            let sound = decode(&data.join("audio").join(name), Channel::Mix);
            assert_eq!(sound.len(), golden.len());
            assert_eq!(lag(&sound, &golden), 0);
            let (gain, snr) = compare(&sound, &golden);
            assert!((gain - 1.0).abs() < 2e-3, "gain {gain}");
            assert!(snr >= least, "{snr} dB");
        });
    }
    tests.add("44100_stereo_flac", |data| {
        let original = wav(data.join("audio/jfk-16k.wav"));
        let sound = decode(&data.join("audio/formats/jfk-44100-stereo.flac"), Channel::Mix);
        assert_eq!((sound.len(), lag(&sound, &original)), (176_000, 0));
        assert!(compare(&sound, &original).1 >= 80.0);
    });
    tests.add("one_two_three_in_every_width", |data| {
        let formats = data.join("audio/formats");
        let first = decode(&formats.join("mono-16-bit-44100Hz.aiff"), Channel::Mix);
        assert_eq!(first.len(), 43_919);
        for (name, least) in [
            ("mono-24-bit-44100Hz.flac", 70.0),
            ("mono-24-bit-44100Hz.wav", 70.0),
            ("mono-32-bit-44100Hz.wav", 70.0),
            ("mono-8-bit-44100Hz.wav", 23.0),
            ("stereo-16-bit-44100Hz.aiff", 70.0),
            ("stereo-16-bit-44100Hz.wav", 70.0),
            ("stereo-24-bit-44100Hz.flac", 70.0),
        ] {
            let sound = decode(&formats.join(name), Channel::Mix);
            let (gain, snr) = compare(&sound, &first);
            assert!(
                sound.len() == first.len() && (gain - 1.0).abs() < 0.01 && snr >= least,
                "{name}: {snr} dB"
            );
        }
    });
    tests.add("each_channel_and_their_mean", |data| {
        let path = data.join("audio/stereo-two-channels.wav");
        let [left, right, mix] = [Channel::Left, Channel::Right, Channel::Mix].map(|c| decode(&path, c));
        assert!(left.len() == 80_000 && left != right);
        for ((l, r), m) in left.iter().zip(&right).zip(&mix) {
            assert!(((l + r) / 2.0 - m).abs() <= 1.0 / 32768.0);
        }
    });
    tests.add("16_bit_samples_are_taken_as_they_are", |data| {
        for name in ["jfk-16k.wav", "two-speakers.wav"] {
            let path = data.join("audio").join(name);
            assert_eq!(decode(&path, Channel::Mix), wav(path), "{name}");
        }
        let long = decode(&data.join("audio/longform-mixed.flac"), Channel::Mix);
        assert_eq!(long.len(), 2_718_853);
    });
}

fn decode(path: &Path, channel: Channel) -> Vec<f32> {
    let file = AudioFile::new(path, channel, None).unwrap();
    let mut samples = file.open().unwrap();
    let (mut all, mut some) = (Vec::new(), vec![0.0; 5000]);
    loop {
        match samples.read(&mut some).unwrap() {
            0 => return all,
            n => all.extend_from_slice(&some[..n]),
        }
    }
}

/// Samples that `sound` is later than `original`, up to 500, by the best correlation of its loudest second.
fn lag(sound: &[f32], original: &[f32]) -> usize {
    let power = |second: &[f32]| second.iter().map(|x| x * x).sum::<f32>();
    let seconds = original.chunks(16_000).enumerate();
    let (at, piece) = seconds.max_by(|a, b| power(a.1).total_cmp(&power(b.1))).unwrap();
    let product = |lag: usize| -> f64 {
        let shifted = sound.iter().skip(at * 16_000 + lag);
        piece
            .iter()
            .zip(shifted)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    };
    (0..500)
        .max_by(|a, b| product(*a).total_cmp(&product(*b)))
        .unwrap()
}

/// Gain of `sound` over `original` by least squares, and the decibels from it to the rest.
fn compare(sound: &[f32], original: &[f32]) -> (f64, f64) {
    let pairs = || {
        sound
            .iter()
            .zip(original)
            .map(|(a, b)| (f64::from(*a), f64::from(*b)))
    };
    let power: f64 = pairs().map(|(_, b)| b * b).sum();
    let gain = pairs().map(|(a, b)| a * b).sum::<f64>() / power;
    let rest: f64 = pairs().map(|(a, b)| (a - gain * b).powi(2)).sum();
    (gain, 10.0 * (gain * gain * power / rest.max(1e-12)).log10())
}
