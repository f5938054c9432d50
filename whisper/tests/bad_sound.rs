//! What is no sound, or an odd one: refused with the reason, or read as documented.
#![cfg(feature = "decode")]

use std::{
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use opus_pure::{Application, MAX_PACKET_BYTES, OggOpusWriter, OpusEncoder, OpusHead};
use proptest::prelude::*;
use xdna_whisper::audio::{Audio, AudioError, AudioFile, Channel, Fault, RawSpec};

fn read(file: &AudioFile) -> Result<Vec<f32>, AudioError> {
    let mut samples = file.open()?;
    let (mut all, mut some) = (Vec::new(), vec![0.0; 1000]);
    loop {
        match samples.read(&mut some)? {
            0 => return Ok(all),
            n => all.extend_from_slice(&some[..n]),
        }
    }
}

fn decode(bytes: Vec<u8>) -> Result<Vec<f32>, AudioError> {
    read(&AudioFile::from_bytes("x.wav".into(), bytes, Channel::Mix, None)?)
}

fn raw(spec: &str, bytes: Vec<u8>) -> Vec<f32> {
    let spec: RawSpec = spec.parse().unwrap();
    read(&AudioFile::from_bytes("x".into(), bytes, Channel::Mix, Some(spec)).unwrap()).unwrap()
}

fn fault(result: Result<Vec<f32>, AudioError>) -> Fault {
    match result {
        Err(AudioError::File { path, fault }) => {
            assert!(!path.as_os_str().is_empty());
            fault
        }
        other => panic!("{other:?}"),
    }
}

/// A WAV file whose header says what it is told to.
fn wav(tag: u16, channels: u16, rate: u32, bits: u16, claimed: u32, data: &[u8]) -> Vec<u8> {
    let block = channels.wrapping_mul(bits / 8);
    let mut file = Vec::new();
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&claimed.saturating_add(36).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt \x10\0\0\0");
    file.extend_from_slice(&tag.to_le_bytes());
    file.extend_from_slice(&channels.to_le_bytes());
    file.extend_from_slice(&rate.to_le_bytes());
    file.extend_from_slice(&rate.wrapping_mul(block.into()).to_le_bytes());
    file.extend_from_slice(&block.to_le_bytes());
    file.extend_from_slice(&bits.to_le_bytes());
    file.extend_from_slice(b"data");
    file.extend_from_slice(&claimed.to_le_bytes());
    file.extend_from_slice(data);
    file
}

fn sound_wav(tag: u16, channels: u16, rate: u32, bits: u16, data: &[u8]) -> Vec<u8> {
    wav(tag, channels, rate, bits, data.len() as u32, data)
}

#[test]
fn sizes_that_a_pipe_left_open_are_those_of_the_file() {
    let data: Vec<u8> = (0..1600_i16).flat_map(i16::to_le_bytes).collect();
    let sound = decode(wav(1, 1, 16000, 16, 3200, &data)).unwrap();
    assert_eq!(sound.len(), 1600);
    // riff and data size: ffmpeg, sox, arecord, GStreamer, and writers that never came back
    let open = [
        (u32::MAX, u32::MAX),
        (0x7fff_f024, 0x7fff_f000),
        (0x8000_0024, 0x8000_0000),
        (0, 0),
        (0, 3200),
        (36, 0),
    ];
    for (riff, size) in open {
        let mut bytes = wav(1, 1, 16000, 16, 3200, &data);
        bytes[4..8].copy_from_slice(&riff.to_le_bytes());
        bytes[40..44].copy_from_slice(&size.to_le_bytes());
        assert_eq!(decode(bytes).unwrap(), sound, "{riff:#x} {size:#x}");
    }
    // nothing measured, nothing in it; and a sound of nothing before something else
    assert_eq!(decode(wav(1, 1, 16000, 16, 0, &[])).unwrap().len(), 0);
    let mut other = wav(1, 1, 16000, 16, 0, b"LIST\x04\0\0\0INFO");
    other[4..8].copy_from_slice(&48_u32.to_le_bytes());
    assert_eq!(decode(other).unwrap().len(), 0);
}

#[test]
fn what_is_no_file_is_an_io_error_with_its_name() {
    for path in ["/no/such/file.wav", "/dev/null/file.wav"] {
        let error = AudioFile::new(Path::new(path), Channel::Mix, None).unwrap_err();
        assert!(matches!(error, AudioError::Io { .. }), "{error:?}");
        assert!(error.to_string().starts_with(path), "{error}");
    }
}

#[test]
fn a_directory_is_refused() {
    let dir = std::env::temp_dir();
    let error = AudioFile::new(&dir, Channel::Mix, None).unwrap_err();
    assert!(
        matches!(
            error,
            AudioError::File {
                fault: Fault::Directory,
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn an_empty_file_is_refused() {
    assert_eq!(fault(decode(Vec::new())), Fault::Empty);
    let error = AudioFile::new(Path::new("/dev/null"), Channel::Mix, None).unwrap_err();
    assert_eq!(error.to_string(), "/dev/null: the file is empty");
}

#[test]
fn other_files_are_no_sound() {
    let text = "It was the best of times, it was the worst of times. ".repeat(2000);
    let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let picture = [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &[7; 5000]].concat();
    for bytes in [
        b"x".to_vec(),
        text.into(),
        picture,
        program,
        vec![0; 100_000],
        vec![0xff; 100_000],
    ] {
        let start = bytes[..bytes.len().min(8)].to_vec();
        let refused = fault(decode(bytes));
        assert!(refused == Fault::NotAudio, "{start:x?}: {refused}");
    }
}

#[test]
fn codecs_that_are_not_read_are_named() {
    for (tag, name) in [
        (0x11, "IMA ADPCM"),
        (2, "Microsoft ADPCM"),
        (0x161, "Windows Media Audio"),
        (0x31, "GSM 6.10"),
    ] {
        let refused = fault(decode(sound_wav(tag, 1, 8000, 4, &[0; 1000])));
        assert!(refused.to_string().contains(name), "{tag}: {refused}");
        assert!(
            matches!(refused, Fault::Codec(_) | Fault::Container(_)),
            "{tag}: {refused:?}"
        );
    }
}

#[test]
fn numbers_no_sound_has_are_refused() {
    for (channels, rate) in [
        (1, 0),
        (1, 10),
        (1, u32::MAX),
        (0, 16_000),
        (65_535, 16_000),
        (300, 16_000),
    ] {
        let refused = fault(decode(sound_wav(1, channels, rate, 16, &[0; 1000])));
        assert!(
            matches!(
                refused,
                Fault::Range { .. } | Fault::Container(_) | Fault::Codec(_) | Fault::Crash(_)
            ),
            "{channels} {rate}: {refused:?}"
        );
    }
}

#[test]
fn claims_beyond_the_end_cost_nothing() {
    let samples: Vec<u8> = (0..2000i16).flat_map(i16::to_le_bytes).collect();
    for claimed in [4001, 1 << 20, 0x7fff_fffe, u32::MAX - 36, u32::MAX] {
        let sound = decode(wav(1, 1, 16_000, 16, claimed, &samples)).unwrap();
        assert_eq!(sound.len(), 2000, "{claimed}");
        assert_eq!(sound[1999], 1999.0 / 32768.0);
    }
}

#[test]
fn no_samples_are_a_sound_of_length_0() {
    assert_eq!(decode(sound_wav(1, 1, 16_000, 16, &[])).unwrap(), [0.0; 0]);
    assert_eq!(decode(sound_wav(1, 2, 44_100, 16, &[])).unwrap(), [0.0; 0]);
    assert_eq!(raw("s16le", Vec::new()), [0.0; 0]);
    assert_eq!(raw("s16le", vec![1]), [0.0; 0]);
}

#[test]
fn one_sample_is_one_sample() {
    assert_eq!(decode(sound_wav(1, 1, 16_000, 16, &[0, 64])).unwrap(), [0.5]);
    assert_eq!(decode(sound_wav(1, 1, 8000, 16, &[0, 64])).unwrap().len(), 2);
    assert_eq!(decode(sound_wav(1, 1, 48_000, 16, &[0, 64])).unwrap().len(), 0);
    assert_eq!(decode(sound_wav(1, 1, 24_000, 16, &[0, 64])).unwrap().len(), 1);
}

#[test]
fn silence_is_silence_at_any_rate() {
    for rate in [8000, 16_000, 44_100, 192_000] {
        let sound = decode(sound_wav(1, 2, rate, 16, &vec![0; rate as usize * 4])).unwrap();
        assert_eq!(sound, vec![0.0; 16_000], "{rate}");
    }
}

#[test]
fn what_is_no_number_is_0_and_what_is_too_loud_is_clipped() {
    let values = [
        0.5f32,
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        3.0,
        -3.0,
        1e30,
        -0.25,
    ];
    let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    let top = 32767.0 / 32768.0;
    assert_eq!(
        decode(sound_wav(3, 1, 16_000, 32, &bytes)).unwrap(),
        [0.5, 0.0, top, -1.0, top, -1.0, top, -0.25]
    );
    let many = bytes.repeat(1000);
    let resampled = decode(sound_wav(3, 1, 48_000, 32, &many)).unwrap();
    assert_eq!(resampled.len(), 2667);
    assert!(resampled.iter().all(|x| (-1.0..1.0).contains(x)));
}

#[test]
fn every_raw_format_means_what_ffmpeg_means_by_it() {
    let ints = |f: fn(i64) -> Vec<u8>| {
        [0i64, 1 << 30, -1 << 31, 1 << 24]
            .into_iter()
            .flat_map(f)
            .collect::<Vec<u8>>()
    };
    let floats = |f: fn(f64) -> Vec<u8>| {
        [0.0, 0.5, -1.0, 1.0 / 128.0]
            .into_iter()
            .flat_map(f)
            .collect::<Vec<u8>>()
    };
    let expected = [0.0, 0.5, -1.0, 1.0 / 128.0];
    for (spec, bytes) in [
        ("u8", ints(|x| vec![((x >> 24) + 128) as u8])),
        ("s8", ints(|x| vec![(x >> 24) as u8])),
        ("s16le", ints(|x| ((x >> 16) as i16).to_le_bytes().to_vec())),
        ("s16be", ints(|x| ((x >> 16) as i16).to_be_bytes().to_vec())),
        (
            "u16le",
            ints(|x| (((x >> 16) + 32_768) as u16).to_le_bytes().to_vec()),
        ),
        (
            "u16be",
            ints(|x| (((x >> 16) + 32_768) as u16).to_be_bytes().to_vec()),
        ),
        ("s24le", ints(|x| (x as i32).to_le_bytes()[1..].to_vec())),
        ("s24be", ints(|x| (x as i32).to_be_bytes()[..3].to_vec())),
        ("s32le", ints(|x| (x as i32).to_le_bytes().to_vec())),
        ("s32be", ints(|x| (x as i32).to_be_bytes().to_vec())),
        ("u32le", ints(|x| ((x + (1 << 31)) as u32).to_le_bytes().to_vec())),
        ("f32le", floats(|x| (x as f32).to_le_bytes().to_vec())),
        ("f32be", floats(|x| (x as f32).to_be_bytes().to_vec())),
        ("f64le", floats(|x| x.to_le_bytes().to_vec())),
        ("f64be", floats(|x| x.to_be_bytes().to_vec())),
    ] {
        assert_eq!(raw(spec, bytes), expected, "{spec}");
    }
    // ITU-T G.711: both ends and the middle of the scales.
    let of_32768 = |values: &[i32]| values.iter().map(|x| *x as f32 / 32768.0).collect::<Vec<_>>();
    assert_eq!(
        raw("mulaw", vec![0xff, 0x7f, 0x80, 0x00]),
        of_32768(&[0, 0, 32_124, -32_124])
    );
    assert_eq!(
        raw("alaw", vec![0xd5, 0x55, 0xaa, 0x2a]),
        of_32768(&[8, -8, 32_256, -32_256])
    );
    assert_eq!(RawSpec::FORMATS.len(), 17);
}

#[test]
fn raw_channels_and_rates_are_honoured() {
    let frames: Vec<u8> = (0..1000).flat_map(|_| [0, 64, 0, 0]).collect();
    assert_eq!(raw("s16le:16000:2", frames.clone()), vec![0.25; 1000]);
    assert_eq!(raw("s16le:8000:2", frames).len(), 2000);
}

struct Breaks(usize);

impl Read for Breaks {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let n = buf.len().min(self.0);
        buf[..n].fill(0);
        self.0 -= n;
        Ok(n)
    }
}

#[test]
fn a_stream_that_breaks_is_an_error_and_one_that_ends_early_is_not() {
    let spec: RawSpec = "s16le".parse().unwrap();
    let broken = AudioFile::from_reader("pipe".into(), Breaks(1000), Channel::Mix, Some(spec.clone()));
    assert!(broken.unwrap_err().to_string().starts_with("pipe: "));
    let early =
        AudioFile::from_reader("pipe".into(), Breaks(1000).take(500), Channel::Mix, Some(spec)).unwrap();
    assert_eq!(read(&early).unwrap().len(), 250);
    let nothing = AudioFile::from_reader("pipe".into(), io::empty(), Channel::Mix, None).unwrap_err();
    assert_eq!(nothing.to_string(), "pipe: the file is empty");
}

#[test]
fn a_fifo_is_read_twice() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fifo");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    let samples: Vec<u8> = (0..30_000i16).flat_map(i16::to_le_bytes).collect();
    let writer = std::thread::spawn({
        let path = path.clone();
        move || {
            std::fs::File::create(path)
                .unwrap()
                .write_all(&wav(1, 1, 16_000, 16, u32::MAX, &samples))
                .unwrap()
        }
    });
    let file = AudioFile::new(&path, Channel::Mix, None).unwrap();
    writer.join().unwrap();
    let first = read(&file).unwrap();
    assert_eq!(first.len(), 30_000);
    assert_eq!(read(&file).unwrap(), first);
}

#[test]
fn a_full_disk_says_what_to_do() {
    let source = io::Error::from(io::ErrorKind::StorageFull);
    let error = AudioError::Spool {
        path: "standard input".into(),
        dir: PathBuf::from("/tmp"),
        source,
    };
    let text = error.to_string();
    assert!(
        text.starts_with("standard input: ") && text.contains("/tmp") && text.contains("TMPDIR"),
        "{text}"
    );
}

/// An OGG Opus file of a tone, `len` samples at 48 kHz long, its end trimmed.
fn opus(channels: usize, len: usize) -> Vec<u8> {
    let mut encoder = OpusEncoder::new(48_000, channels, Application::Audio).unwrap();
    let head = OpusHead::for_encoder(&encoder, 48_000);
    let total = len + usize::from(head.pre_skip);
    let mut writer = OggOpusWriter::new(Vec::new(), head).unwrap();
    let mut packet = vec![0; MAX_PACKET_BYTES];
    for start in (0..total).step_by(960) {
        let tone = |i: usize| {
            if i < len {
                (i as f32 * 0.05).sin() * 0.5
            } else {
                0.0
            }
        };
        let block: Vec<f32> = (start..start + 960)
            .flat_map(|i| vec![tone(i); channels])
            .collect();
        let n = encoder.encode(&block, 960, &mut packet).unwrap();
        writer
            .write_packet_with_duration(&packet[..n], (total - start).min(960) as u32)
            .unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn opus_is_as_long_as_what_was_encoded() {
    for (channels, len) in [(1, 48_000), (2, 48_000), (1, 50_001), (2, 3000)] {
        let sound = decode(opus(channels, len)).unwrap();
        assert_eq!(
            sound.len(),
            (len as f64 / 3.0).round() as usize,
            "{channels} {len}"
        );
        let original: Vec<f32> = (0..sound.len()).map(|i| (i as f32 * 0.15).sin() * 0.5).collect();
        let product: f32 = sound.iter().zip(&original).map(|(a, b)| a * b).sum();
        let powers: f32 = [&sound, &original]
            .map(|s| s.iter().map(|x| x * x).sum::<f32>())
            .iter()
            .product();
        assert!(
            product / powers.sqrt() > 0.99,
            "{channels} {len}: {}",
            product / powers.sqrt()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_understood_or_refused(
        magic in prop::sample::select(vec![
            &b""[..], b"RIFF\xff\xff\0\0WAVEfmt ", b"FORM\0\0\xff\xffAIFFCOMM", b"fLaC\0\0\0\x22", b"OggS\0\x02", b"ID3\x04\0\0",
            b"\x1a\x45\xdf\xa3", b"\0\0\0\x18ftypM4A ", b"caff\0\x01\0\0desc", b"\xff\xf1\x50\x40", b"\xff\xfb\x90\x44",
        ]),
        rest in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        let bytes = [magic, &rest].concat();
        let most = bytes.len() * 100_000;
        // With overflow checks on, demuxers panic on some; that must come out as an error like any other.
        if let Ok(sound) = decode(bytes) {
            prop_assert!(sound.len() <= most);
        }
    }

    #[test]
    fn damaged_opus_is_understood_or_refused(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let mut bytes = opus(1, 9600);
        for (index, value) in flips {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        if let Err(e) = decode(bytes) {
            prop_assert!(!matches!(e, AudioError::File { fault: Fault::Crash(_), .. }), "{}", e);
        }
    }
}
