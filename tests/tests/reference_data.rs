//! The reference data is whole and understood.

use std::path::PathBuf;

use libtest_mimic::{Arguments, Failed, Trial};
use xdna_tests::{
    golden::{self, Golden, Languages},
    npy,
};
use xdna_whisper::options::{Suppress, Task};

fn data() -> PathBuf {
    golden::data_dir().expect("checked before the test was made")
}

fn transcripts() -> Result<(), Failed> {
    let all = Golden::all(&data())?;
    let of = |model| all.iter().filter(|golden| golden.model == model).count();
    assert_eq!(["base", "tiny.en", "micro", "micro-v3"].map(of), [67, 59, 2, 2]);
    for golden in &all {
        assert!(golden.audio(&data()).is_file(), "{}", golden.name);
        assert_eq!(golden.options.temperature, [0.0], "{}", golden.name);
        let words = golden
            .result
            .segments
            .iter()
            .any(|segment| segment.words.is_some());
        assert_eq!(words, golden.options.word_timestamps, "{}", golden.name);
    }
    let named = |name: &str| all.iter().find(|golden| golden.name == name).unwrap();
    let clips = named("base/longform-mixed.flac.clips");
    assert_eq!(clips.options.clip_timestamps, [3.0, 9.5, 41.0, 60.0]);
    assert_eq!(named("base/french.aiff.translate").options.task, Task::Translate);
    let nosuppress = &named("tiny.en/jfk-16k.wav.nosuppress").options;
    assert_eq!(nosuppress.suppress_tokens, Suppress::Only(vec![]));
    let nospeech = &named("base/licence-60s.mp3.nospeech").options;
    assert_eq!(
        (nospeech.no_speech_threshold, nospeech.logprob_threshold),
        (Some(0.2), None)
    );
    let patience = &named("tiny.en/jfk-16k.wav.patience").options;
    assert_eq!(
        (patience.beam_size, patience.patience, patience.length_penalty),
        (Some(5), Some(2.0), Some(0.6))
    );
    let french = named("base/french.aiff.greedy");
    assert!(french.audio(&data()).ends_with("golden/pcm/french.aiff.16k.wav"));
    assert_eq!(french.result.language, "fr");
    Ok(())
}

fn languages() -> Result<(), Failed> {
    let all = Languages::all(&data())?;
    let chinese = all.iter().find(|l| l.clip == "chinese.flac").unwrap();
    assert_eq!(
        chinese.probabilities[..2],
        [("zh".to_owned(), 0.976386), ("en".to_owned(), 0.009046)]
    );
    assert!(all.iter().all(|l| l.probabilities.len() == 8));
    Ok(())
}

fn arrays() -> Result<(), Failed> {
    let mut read = 0;
    for file in std::fs::read_dir(data().join("golden/arrays"))? {
        let path = file?.path();
        if path.to_string_lossy().ends_with(".tokens.npy") {
            let tokens = npy::i64(&path)?.values;
            assert!(
                tokens.iter().all(|token| (0..51866).contains(token)),
                "{}",
                path.display()
            );
        } else {
            let values = npy::f32(&path)?.values;
            assert!(values.iter().all(|v| v.is_finite()), "{}", path.display());
        }
        read += 1;
    }
    assert_eq!(read, 26);
    let encoder = npy::f32(data().join("golden/arrays/tiny.en.jfk-16k.encoder.npy"))?;
    assert_eq!(encoder.shape, [1500, 384]);
    Ok(())
}

fn main() {
    let args = Arguments::from_args();
    let absent = golden::data_dir().is_none();
    let trial = |name: &str, run: fn() -> Result<(), Failed>| {
        let name = if absent {
            format!("{name} (needs XDNA_TESTDATA)")
        } else {
            name.to_owned()
        };
        Trial::test(name, run).with_ignored_flag(absent)
    };
    let trials = vec![
        trial("transcripts_are_read_with_their_options", transcripts),
        trial("language_tables_are_read", languages),
        trial("arrays_are_read", arrays),
    ];
    libtest_mimic::run(&args, trials).exit();
}
