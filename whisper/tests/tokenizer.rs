//! The tokenizer against tables made with openai-whisper (`data/make_tokenizer.py`) and the `tokenizers` crate.

use std::{fs, path::PathBuf, sync::Arc};

use libtest_mimic::{Arguments, Failed, Trial};
use serde::Deserialize;
use xdna_whisper::{
    options::Task,
    tokenizer::{Tokenizer, Vocabulary},
};

#[derive(Deserialize)]
struct Table {
    special: Kinds,
    encodings: Vec<(String, Vec<u32>, Vec<u32>)>,
    decodings: Vec<(String, Vec<u32>, String, String)>,
    words: Vec<Words>,
}

/// Language, tokens, words, tokens of each word.
type Words = (Option<String>, Vec<u32>, Vec<String>, Vec<Vec<u32>>);

#[derive(Deserialize)]
struct Kinds {
    english: Special,
    multilingual: Special,
    v3: Special,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Special {
    n_vocab: usize,
    eot: u32,
    sot: u32,
    sot_prev: u32,
    sot_lm: u32,
    no_speech: u32,
    no_timestamps: u32,
    timestamp_begin: u32,
    transcribe: u32,
    translate: u32,
    sot_sequence: Vec<u32>,
    sot_sequence_including_notimestamps: Vec<u32>,
    all_language_tokens: Vec<u32>,
    all_language_codes: Vec<String>,
    non_speech_tokens: Vec<u32>,
}

fn of(t: &Tokenizer, n_vocab: usize) -> Special {
    Special {
        n_vocab,
        eot: t.eot(),
        sot: t.sot(),
        sot_prev: t.sot_prev(),
        sot_lm: t.sot_lm(),
        no_speech: t.no_speech(),
        no_timestamps: t.no_timestamps(),
        timestamp_begin: t.timestamp_begin(),
        transcribe: t.transcribe(),
        translate: t.translate(),
        sot_sequence: t.sot_sequence().to_vec(),
        sot_sequence_including_notimestamps: t.sot_sequence_including_notimestamps(),
        all_language_tokens: t.all_language_tokens().to_vec(),
        all_language_codes: t.all_language_codes().into_iter().map(str::to_owned).collect(),
        non_speech_tokens: t.non_speech_tokens(),
    }
}

fn models() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared");
    let root = std::env::var_os("XDNA_TESTDATA").map_or_else(|| PathBuf::from(default), PathBuf::from);
    Some(root.join("models")).filter(|path| path.is_dir())
}

fn read(model: &str, file: &str) -> Vec<u8> {
    let path = models()
        .expect("checked before the test was made")
        .join(model)
        .join(file);
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn table() -> Table {
    serde_json::from_str(include_str!("data/tokenizer.json")).unwrap()
}

fn vocabulary(model: &str) -> Arc<Vocabulary> {
    Arc::new(Vocabulary::from_tokenizer_json(&read(model, "tokenizer.json")).unwrap())
}

fn english() -> Tokenizer {
    Tokenizer::new(
        vocabulary("tiny.en"),
        51864,
        Some("French"),
        Some(Task::Translate),
    )
    .unwrap()
}

fn multilingual(language: Option<&str>) -> Tokenizer {
    let n_vocab = if language == Some("yue") { 51866 } else { 51865 };
    Tokenizer::new(vocabulary("micro"), n_vocab, language, None).unwrap()
}

fn special_tokens() -> Result<(), Failed> {
    let expected = table().special;
    assert_eq!(of(&english(), 51864), expected.english);
    assert_eq!(of(&multilingual(None), 51865), expected.multilingual);
    let v3 = Tokenizer::new(
        vocabulary("micro-v3"),
        51866,
        Some("Cantonese"),
        Some(Task::Translate),
    )?;
    assert_eq!(of(&v3, 51866), expected.v3);
    assert_eq!((english().language(), english().language_token()), (None, None));
    assert_eq!((v3.language(), v3.language_token()), (Some("yue"), Some(50358)));
    assert_eq!(v3.to_language_token("fr")?, 50265);
    assert!(multilingual(None).to_language_token("yue").is_err());
    Ok(())
}

fn encodings() -> Result<(), Failed> {
    let (english, multilingual) = (english(), multilingual(None));
    let encodings = table().encodings;
    assert!(encodings.len() > 300);
    for (text, en, multi) in encodings {
        assert_eq!(english.encode(&text), en, "{text:?}");
        assert_eq!(multilingual.encode(&text), multi, "{text:?}");
        assert_eq!(
            (english.decode(&en), multilingual.decode(&multi)),
            (text.clone(), text)
        );
    }
    Ok(())
}

fn decodings() -> Result<(), Failed> {
    let (english, multilingual) = (english(), multilingual(None));
    for (model, tokens, text, timed) in table().decodings {
        let tokenizer = if model == "english" {
            &english
        } else {
            &multilingual
        };
        assert_eq!(tokenizer.decode(&tokens), text, "{tokens:?}");
        assert_eq!(tokenizer.decode_with_timestamps(&tokens), timed, "{tokens:?}");
    }
    assert_eq!(english.decode(&[50256, 51863, 51864, u32::MAX]), "<|endoftext|>");
    assert_eq!(
        english.decode_with_timestamps(&[51863, 51864, u32::MAX]),
        "<|30.00|>"
    );
    Ok(())
}

fn words() -> Result<(), Failed> {
    let mut tokenizer = english();
    for (language, tokens, words, word_tokens) in table().words {
        if tokenizer.language() != language.as_deref() {
            tokenizer = multilingual(language.as_deref());
        }
        assert_eq!(
            tokenizer.split_to_word_tokens(&tokens),
            (words, word_tokens),
            "{language:?} {tokens:?}"
        );
    }
    assert_eq!(tokenizer.split_to_word_tokens(&[]), (vec![], vec![]));
    Ok(())
}

fn files_agree() -> Result<(), Failed> {
    for model in ["tiny.en", "micro", "micro-v3"] {
        let whole = vocabulary(model);
        let listed = Vocabulary::from_vocab_json(&read(model, "vocab.json"))?;
        let bytes: Vec<_> = (0..whole.len() as u32)
            .map(|id| whole.bytes(id).to_vec())
            .collect();
        let counted = Vocabulary::from_bytes(bytes.clone())?;
        assert_eq!((listed.len(), counted.len()), (whole.len(), whole.len()));
        assert!((0..whole.len() as u32).all(|id| listed.bytes(id) == bytes[id as usize]));
    }
    let mixed = Tokenizer::new(vocabulary("micro"), 51864, None, None).unwrap_err();
    assert_eq!(
        mixed.to_string(),
        "the vocabulary has 50257 ordinary tokens, a model of 51864 tokens takes 50256"
    );
    assert!(Tokenizer::new(vocabulary("tiny.en"), 51865, None, None).is_err());
    for n_vocab in [0, 51765, 51867, usize::MAX] {
        assert!(Tokenizer::new(vocabulary("tiny.en"), n_vocab, None, None).is_err());
    }
    for unknown in ["klingon", "yue"] {
        let error = Tokenizer::new(vocabulary("micro"), 51865, Some(unknown), None).unwrap_err();
        assert_eq!(error.to_string(), format!("unsupported language: {unknown}"));
    }
    Ok(())
}

fn main() {
    let args = Arguments::from_args();
    let absent = models().is_none();
    let trial = |name: &str, run: fn() -> Result<(), Failed>| {
        let name = if absent {
            format!("{name} (needs XDNA_TESTDATA)")
        } else {
            name.to_owned()
        };
        Trial::test(name, run).with_ignored_flag(absent)
    };
    let trials = vec![
        trial("special_tokens_are_the_references", special_tokens),
        trial("texts_encode_as_in_the_reference", encodings),
        trial("tokens_decode_as_in_the_reference", decodings),
        trial("words_split_as_in_the_reference", words),
        trial("vocabulary_files_agree_and_foreign_ones_are_refused", files_agree),
    ];
    libtest_mimic::run(&args, trials).exit();
}
