//! The whole way from a file to words with nothing but what is checked in: the bundled model, public-domain speech, and the
//! numbers that openai-whisper gives on the float16 weights (this speech decodes to the same tokens from q8_0 ones).
#![forbid(unsafe_code)]

use std::{
    path::Path,
    sync::{Arc, OnceLock},
    thread,
    time::{Duration, Instant},
};

use xdna_ops::Cpu;
use xdna_tests::golden::Golden;
use xdna_whisper::{
    Cancel, Error, Event, Options, Transcription, Whisper,
    audio::{AudioFile, Channel, Pcm},
    model,
};

const MODEL: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../tools/cli/model/ggml-tiny.en-q8_0.bin"
);
const CLIP_0870: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/librivox-0870.wav");
const CLIP_0880: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/librivox-0880.wav");

fn load(threads: usize) -> Whisper {
    let checkpoint = model::load(Path::new(MODEL)).unwrap();
    Whisper::new(checkpoint, Arc::new(Cpu::new(threads).unwrap())).unwrap()
}

fn whisper() -> &'static Whisper {
    static MODEL: OnceLock<Whisper> = OnceLock::new();
    MODEL.get_or_init(|| load(0))
}

fn transcribe(whisper: &Whisper, clip: &str, options: &Options) -> Transcription {
    let audio = AudioFile::new(Path::new(clip), Channel::Mix, None).unwrap();
    whisper
        .transcribe(&audio, options, &Cancel::default(), &mut |_| {})
        .unwrap()
}

fn golden(name: &str) -> Golden {
    Golden::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name)).unwrap()
}

#[test]
fn words_and_their_times_are_those_of_openai_whisper() {
    let golden = golden("librivox-0870.words.json");
    let ours = transcribe(whisper(), CLIP_0870, &golden.options).transcript;
    assert_eq!(ours.text, golden.result.text);
    assert_eq!(ours.segments.len(), golden.result.segments.len());
    for (ours, reference) in ours.segments.iter().zip(&golden.result.segments) {
        assert_eq!(ours.tokens, reference.tokens);
        let words = |s: &xdna_whisper::Segment| s.words.clone().unwrap();
        for (a, b) in words(ours).iter().zip(&words(reference)) {
            assert_eq!(a.word, b.word);
            assert!(
                (a.start - b.start).abs() <= 0.020_001 && (a.end - b.end).abs() <= 0.020_001,
                "{a:?} {b:?}"
            );
        }
    }
}

#[test]
fn beams_find_what_those_of_openai_whisper_find() {
    let golden = golden("librivox-0880.beam5.json");
    let ours = transcribe(whisper(), CLIP_0880, &golden.options).transcript;
    let tokens = |t: &xdna_whisper::Transcript| {
        t.segments
            .iter()
            .flat_map(|s| s.tokens.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(tokens(&ours), tokens(&golden.result));
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let options = Options {
        word_timestamps: true,
        beam_size: Some(3),
        ..Options::default()
    };
    let one = transcribe(&load(1), CLIP_0880, &options).transcript;
    for threads in [2, 3] {
        assert_eq!(
            transcribe(&load(threads), CLIP_0880, &options).transcript,
            one,
            "{threads} threads, to the last bit"
        );
    }
}

/// No result is good enough: every temperature is tried.
fn hopeless() -> Options {
    Options {
        logprob_threshold: Some(0.0),
        no_speech_threshold: None,
        best_of: Some(2),
        ..Options::default()
    }
}

#[test]
fn a_window_is_encoded_once_whatever_the_temperature() {
    let stats = transcribe(whisper(), CLIP_0880, &hopeless()).stats;
    assert_eq!((stats.encoder_runs, stats.fallbacks), (1, 5));
}

#[test]
fn samples_follow_from_the_seed() {
    let options = |seed| Options {
        temperature: vec![1.0],
        seed,
        ..hopeless()
    };
    let text = |seed| transcribe(whisper(), CLIP_0870, &options(seed)).transcript;
    assert_eq!(text(1), text(1));
    assert!(
        (2..8).any(|seed| text(seed).segments != text(1).segments),
        "seven seeds, one text"
    );
}

#[test]
fn sound_without_samples_and_with_one_gives_no_text() {
    for n in [0, 1, 159] {
        let result = whisper().transcribe(
            &Pcm(vec![0.5; n]),
            &Options::default(),
            &Cancel::default(),
            &mut |_| {},
        );
        let transcript = result.unwrap().transcript;
        assert_eq!(
            (transcript.text.as_str(), transcript.segments.len()),
            ("", 0),
            "{n} samples"
        );
    }
}

#[test]
fn silence_noise_and_sound_that_is_not_a_number_give_defined_results() {
    let nan = vec![f32::NAN; 16_000];
    let clipped: Vec<f32> = (0..16_000)
        .map(|i| if i % 80 < 40 { 1.0 } else { -1.0 })
        .collect();
    for samples in [vec![0.0; 16_000], nan, clipped, vec![f32::INFINITY; 1_000]] {
        let result = whisper().transcribe(
            &Pcm(samples),
            &Options::default(),
            &Cancel::default(),
            &mut |_| {},
        );
        assert!(
            result
                .unwrap()
                .transcript
                .segments
                .iter()
                .all(|s| s.end <= 30.0 && s.avg_logprob.is_finite())
        );
    }
}

#[test]
fn events_tell_segments_and_progress_as_they_come() {
    let audio = AudioFile::new(Path::new(CLIP_0870), Channel::Mix, None).unwrap();
    let (mut segments, mut done) = (Vec::new(), Duration::ZERO);
    let result =
        whisper().transcribe(
            &audio,
            &Options::default(),
            &Cancel::default(),
            &mut |event| match event {
                Event::Segment(segment) => segments.push(segment.clone()),
                Event::Progress { done: now, total } => {
                    assert!(now >= done && now <= total);
                    done = now;
                }
                _ => {}
            },
        );
    let result = result.unwrap();
    assert_eq!(segments, result.transcript.segments);
    assert!((result.stats.audio.as_secs_f64() - done.as_secs_f64()).abs() < 0.01);
}

#[test]
fn another_thread_ends_the_work() {
    let cancel = Cancel::default();
    let canceller = cancel.clone();
    let handle = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        canceller.cancel();
        Instant::now()
    });
    // Ten minutes of noise take longer than that.
    let noise: Vec<f32> = (0..16_000 * 600u32)
        .map(|i| ((i.wrapping_mul(2_654_435_761) >> 16) as f32 / 65536.0) - 0.5)
        .collect();
    let result = whisper().transcribe(&Pcm(noise), &Options::default(), &cancel, &mut |_| {});
    assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
    assert!(handle.join().unwrap() <= Instant::now());
}

#[test]
fn options_that_cannot_be_honoured_are_refused() {
    let wrong = [
        Options {
            temperature: vec![],
            ..Options::default()
        },
        Options {
            temperature: vec![-0.1],
            ..Options::default()
        },
        Options {
            beam_size: Some(0),
            ..Options::default()
        },
        Options {
            patience: Some(2.0),
            ..Options::default()
        },
        Options {
            patience: Some(0.01),
            beam_size: Some(5),
            ..Options::default()
        },
        Options {
            length_penalty: Some(1.5),
            ..Options::default()
        },
        Options {
            language: Some("klingon".into()),
            ..Options::default()
        },
        Options {
            clip_timestamps: vec![f64::NAN],
            ..Options::default()
        },
        Options {
            prefix: Some("a very long prefix ".repeat(200)),
            ..Options::default()
        },
    ];
    let audio = Pcm(vec![0.0; 16_000]);
    for options in wrong {
        let result = whisper().transcribe(&audio, &options, &Cancel::default(), &mut |_| {});
        assert!(matches!(result, Err(Error::Option(_))), "{options:?}: {result:?}");
    }
}
