//! Real files of every format, broken: understood or refused.

use std::path::{Path, PathBuf};

use xdna_whisper::audio::{Audio, AudioError, AudioFile, Channel, Fault};

use crate::data::Tests;

/// Rounds of damage to each file.
const ROUNDS: u64 = 12;

pub fn add(tests: &mut Tests) {
    tests.add("files_cut_short_give_their_beginning", |data| {
        for path in files(&data) {
            let whole = std::fs::read(&path).unwrap();
            let full = decode(whole.clone()).unwrap();
            for part in [1, 2, 3] {
                let name = path.display();
                match decode(whole[..whole.len() * part / 4].to_vec()) {
                    Ok(some) => {
                        let share = some.len() as f64 / full.len() as f64;
                        assert!((0.1..=0.95).contains(&share), "{name}, {part}/4: {share}");
                    }
                    // What is needed to read these may lie behind the sound.
                    Err(e) => {
                        let late = path.extension().is_some_and(|x| x == "m4a" || x == "caf");
                        assert!(
                            late && e.to_string().contains("incomplete"),
                            "{name}, {part}/4: {e}"
                        );
                    }
                }
            }
        }
    });
    tests.add("damage_in_the_middle_is_skipped", |data| {
        for path in files(&data) {
            let mut bytes = std::fs::read(&path).unwrap();
            let full = decode(bytes.clone()).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle..middle + 200].fill(0x55);
            let rest = decode(bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let lost = 1.0 - rest.len() as f64 / full.len() as f64;
            // A page of OGG is lost whole; the blocks of a Matroska cluster are found one from the other.
            let most = if path.extension().is_some_and(|x| x == "mkv" || x == "webm") {
                0.6
            } else {
                0.15
            };
            assert!((-0.01..most).contains(&lost), "{}: {lost}", path.display());
        }
    });
    tests.add("a_packet_is_damaged_once", |data| {
        let whole = std::fs::read(data.join("audio/formats/librivox-0870.aac")).unwrap();
        let full = decode(whole.clone()).unwrap().len();
        let frames = adts_frames(&whole);
        let spoil = |which: &dyn Fn(usize) -> bool| {
            let mut bytes = whole.clone();
            for (_, &(start, end)) in frames.iter().enumerate().filter(|(i, _)| which(*i)) {
                // An element that no AAC-LC stream has, to the end of the frame.
                bytes[start + 7..end].fill(0xa5);
            }
            decode(bytes)
        };
        let half = spoil(&|i| i % 2 == 1).unwrap().len();
        let share = half as f64 / full as f64;
        assert!((0.4..0.7).contains(&share), "{share}");
        let none = spoil(&|_| true).unwrap_err().to_string();
        let expected = format!("none of its {} packets can be decoded", frames.len());
        assert!(none.contains(&expected), "{none}");
    });
    tests.add("sound_that_is_lost_without_a_word_is_noticed", |data| {
        let path = data.join("audio/formats/mono-24-bit-44100Hz.flac");
        let head = std::fs::read(path).unwrap()[..100].to_vec();
        let refused = decode(head).unwrap_err().to_string();
        assert!(refused.contains("can be decoded"), "{refused}");
    });
    tests.add("any_damage_is_understood_or_refused", |data| {
        for path in files(&data) {
            let whole = std::fs::read(&path).unwrap();
            let whole = &whole[..whole.len().min(60_000)];
            for round in 0..ROUNDS {
                let mut random = Random(round + 1);
                let mut bytes = whole.to_vec();
                // Headers are where numbers are believed: damage them more often than the rest.
                for _ in 0..=random.below(20) {
                    let reach = if random.below(2) == 0 { 300 } else { bytes.len() };
                    let at = random.below(reach);
                    bytes[at] = [0, 0xff, 0x7f, 0x80, random.below(256) as u8][random.below(5)];
                }
                if let Err(e) = decode(bytes) {
                    assert!(!crashed(&e), "{} {round}: {e}", path.display());
                }
            }
        }
    });
    tests.add("aac_profiles_are_refused_by_name", |data| {
        let formats = data.join("audio/formats");
        let mut adts = std::fs::read(formats.join("librivox-0870.aac")).unwrap();
        for i in 0..adts.len() - 7 {
            if adts[i] == 0xff && adts[i + 1] & 0xf6 == 0xf0 {
                adts[i + 2] &= 0x3f;
            }
        }
        assert_eq!(
            decode(adts).unwrap_err().to_string().split(" is ").next(),
            Some("test: AAC Main")
        );
        let mut m4a = std::fs::read(formats.join("librivox-0870.m4a")).unwrap();
        // The configuration follows tag and length of its descriptor.
        let esds = m4a.windows(4).position(|w| w == b"esds").unwrap();
        let at = esds
            + m4a[esds..]
                .windows(5)
                .position(|w| w == [5, 0x80, 0x80, 0x80, 5])
                .unwrap()
            + 5;
        assert_eq!(m4a[at] >> 3, 2);
        m4a[at] = 4 << 3 | m4a[at] & 7;
        let refused = decode(m4a).unwrap_err();
        assert!(refused.to_string().starts_with("test: AAC LTP"), "{refused}");
    });
}

/// Where each frame of an ADTS stream starts and ends (ISO 14496-3, 1.A.2.2).
fn adts_frames(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut frames = Vec::new();
    let mut at = 0;
    while at + 7 <= bytes.len() {
        let len = usize::from(bytes[at + 3] & 3) << 11
            | usize::from(bytes[at + 4]) << 3
            | usize::from(bytes[at + 5]) >> 5;
        frames.push((at, at + len));
        at += len;
    }
    frames
}

fn files(data: &Path) -> Vec<PathBuf> {
    let dir = std::fs::read_dir(data.join("audio/formats")).unwrap();
    let mut files: Vec<_> = dir.map(|f| f.unwrap().path()).collect();
    files.sort();
    files
}

fn decode(bytes: Vec<u8>) -> Result<Vec<f32>, AudioError> {
    let file = AudioFile::from_bytes("test".into(), bytes, Channel::Mix, None)?;
    let mut samples = file.open()?;
    let (mut all, mut some) = (Vec::new(), vec![0.0; 5000]);
    loop {
        match samples.read(&mut some)? {
            0 => return Ok(all),
            n => all.extend_from_slice(&some[..n]),
        }
    }
}

fn crashed(error: &AudioError) -> bool {
    matches!(
        error,
        AudioError::File {
            fault: Fault::Crash(_),
            ..
        }
    )
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % n as u64) as usize
    }
}
