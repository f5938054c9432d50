//! Output files against those of the reference's writers.

use std::path::Path;

use libtest_mimic::{Arguments, Failed, Trial};
use serde::Deserialize;
use xdna_tests::golden;
use xdna_whisper::{
    Transcript,
    output::{self, Format, WriteOptions},
};

/// Written by `data/make_writers.py`.
const TABLE: &str = include_str!("../data/writers.json");

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Layout {
    max_line_width: Option<usize>,
    max_line_count: Option<usize>,
    max_words_per_line: Option<usize>,
    highlight_words: bool,
}

impl From<&Layout> for WriteOptions {
    fn from(layout: &Layout) -> Self {
        Self {
            max_line_width: layout.max_line_width,
            max_line_count: layout.max_line_count,
            max_words_per_line: layout.max_words_per_line,
            highlight_words: layout.highlight_words,
        }
    }
}

fn written(format: &str, transcript: &Transcript, options: &WriteOptions) -> Result<String, Failed> {
    let mut file = Vec::new();
    output::write(format.parse::<Format>()?, transcript, options, &mut file)?;
    Ok(String::from_utf8(file)?)
}

fn random_results() -> Result<(), Failed> {
    let cases: Vec<Vec<(String, Layout, String)>> = serde_json::from_str(TABLE)?;
    assert!(cases.len() >= 40);
    for files in &cases {
        let json = files
            .iter()
            .find(|(format, ..)| format == "json")
            .ok_or("no result")?;
        let transcript = golden::transcript(json.2.as_bytes())?;
        for (format, layout, expected) in files {
            assert_eq!(written(format, &transcript, &layout.into())?, *expected);
        }
    }
    Ok(())
}

fn folder(name: &str, transcript: &Transcript, options: &WriteOptions, count: usize) -> Result<(), Failed> {
    let data = golden::data_dir().ok_or("checked before the test was made")?;
    let files: Vec<_> =
        std::fs::read_dir(data.join("golden/writers").join(name))?.collect::<Result<_, _>>()?;
    assert_eq!(files.len(), count);
    for file in files {
        let path = file.path();
        let format = path.extension().and_then(|e| e.to_str()).ok_or("no extension")?;
        let expected = std::fs::read_to_string(&path)?;
        assert_eq!(
            written(format, transcript, options)?,
            expected,
            "{}",
            path.display()
        );
    }
    Ok(())
}

fn plain() -> Result<(), Failed> {
    let data = golden::data_dir().ok_or("checked before the test was made")?;
    let transcript = golden::transcript(&std::fs::read(
        data.join("golden/writers/plain/two-speakers.json"),
    )?)?;
    folder("plain", &transcript, &WriteOptions::default(), 5)
}

fn with_words() -> Result<(), Failed> {
    let data = golden::data_dir().ok_or("checked before the test was made")?;
    let words = data.join("golden/transcripts/tiny.en/two-speakers.wav.words.json");
    let transcript = golden::Golden::load(Path::new(&words))?.result;
    let default = WriteOptions::default();
    let lines = WriteOptions {
        max_line_width: Some(42),
        max_line_count: Some(2),
        ..default.clone()
    };
    folder("words", &transcript, &default, 2)?;
    folder("width42x2", &transcript, &lines, 2)?;
    folder(
        "words3",
        &transcript,
        &WriteOptions {
            max_words_per_line: Some(3),
            ..default.clone()
        },
        2,
    )?;
    folder(
        "highlight",
        &transcript,
        &WriteOptions {
            highlight_words: true,
            ..default
        },
        2,
    )
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
        Trial::test("random_results_are_written_as_by_the_reference", random_results),
        trial("files_without_words_are_the_golden_ones", plain),
        trial("files_with_words_are_the_golden_ones", with_words),
    ];
    libtest_mimic::run(&args, trials).exit();
}
