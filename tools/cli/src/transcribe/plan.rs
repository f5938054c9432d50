//! What the flags ask for, checked as a whole before anything is opened.

use std::path::Path;

use xdna_whisper::{
    Whisper,
    options::{Options, Suppress, Task},
};

use super::{files::Output, placement};
use crate::{
    args::{self, Format, Transcribe},
    exit::usage,
    terminal::say,
};

/// A run, worked out.
#[derive(Debug)]
pub(super) struct Plan {
    /// For the library.
    pub(super) options: Options,
    /// Why operators run where they run.
    pub(super) reason: &'static str,
    /// Input files, each with the files to write for it.
    pub(super) files: Vec<(std::ffi::OsString, Vec<Output>)>,
}

impl Plan {
    /// Checks what the flags say about each other.
    ///
    /// # Errors
    /// Usage, and no device.
    pub(super) fn new(args: &Transcribe) -> anyhow::Result<Self> {
        words(args)?;
        if args.temperature > 1.0 && args.temperature_increment_on_fallback.0.is_some() {
            return Err(usage(
                "--temperature above 1 has nothing to fall back to: give --temperature-increment-on-fallback None",
            ));
        }
        if args.fp16 {
            log::info!("--fp16 is ignored: computing is in 32-bit floats");
        }
        let stdin = args.audio.iter().filter(|a| *a == "-").count();
        if stdin > 1 {
            return Err(usage("stdin (`-`) can be read once only"));
        }
        let files = files(args)?;
        Ok(Self {
            reason: placement::reason(args.device)?,
            options: options(args),
            files,
        })
    }
}

/// The reference's rules for the options of subtitles.
fn words(args: &Transcribe) -> anyhow::Result<()> {
    let needing = [
        ("--highlight-words", args.highlight_words),
        ("--max-line-count", args.max_line_count.0.is_some()),
        ("--max-line-width", args.max_line_width.0.is_some_and(|n| n > 0)),
        (
            "--max-words-per-line",
            args.max_words_per_line.0.is_some_and(|n| n > 0),
        ),
    ];
    if let Some((name, _)) = needing.iter().find(|(_, given)| *given && !args.word_timestamps) {
        return Err(usage(format!("{name} requires --word-timestamps")));
    }
    if args.max_line_count.0.is_some() && args.max_line_width.0.is_none() {
        say("note: --max-line-count has no effect without --max-line-width");
    }
    if args.max_words_per_line.0.is_some() && args.max_line_width.0.is_some() {
        say("note: --max-words-per-line has no effect with --max-line-width");
    }
    Ok(())
}

fn options(args: &Transcribe) -> Options {
    let suppress = &args.suppress_tokens;
    let ids = suppress.ids.clone();
    Options {
        task: match args.task {
            args::Task::Transcribe => Task::Transcribe,
            args::Task::Translate => Task::Translate,
        },
        language: args.language.0.clone(),
        temperature: temperatures(args.temperature, args.temperature_increment_on_fallback.0),
        best_of: args.best_of.0,
        beam_size: args.beam_size.0,
        patience: args.patience.0,
        length_penalty: args.length_penalty.0,
        suppress_tokens: if suppress.symbols {
            Suppress::NonSpeech(ids)
        } else {
            Suppress::Only(ids)
        },
        initial_prompt: args.initial_prompt.clone(),
        carry_initial_prompt: args.carry_initial_prompt,
        condition_on_previous_text: args.condition_on_previous_text,
        compression_ratio_threshold: args.compression_ratio_threshold.0,
        logprob_threshold: args.logprob_threshold.0,
        no_speech_threshold: args.no_speech_threshold.0,
        word_timestamps: args.word_timestamps,
        prepend_punctuations: args.prepend_punctuations.clone(),
        append_punctuations: args.append_punctuations.clone(),
        clip_timestamps: args.clip_timestamps.0.clone(),
        hallucination_silence_threshold: args.hallucination_silence_threshold.0,
        seed: args.seed,
        ..Options::default()
    }
}

/// Makes options fit an English-only model, as the reference's command line does.
pub(super) fn suit(options: &mut Options, whisper: &Whisper) {
    if whisper.is_multilingual() {
        return;
    }
    if let Some(language) = options.language.replace("en".to_owned()).filter(|l| l != "en") {
        say(&format!(
            "note: the model knows English only; `{language}` is ignored"
        ));
    }
    if options.task == Task::Translate {
        say("note: the model knows English only and does not translate");
        options.task = Task::Transcribe;
    }
}

/// `numpy.arange(first, 1.0 + 1e-6, step)`; `first` alone without a step.
fn temperatures(first: f64, step: Option<f64>) -> Vec<f64> {
    let Some(step) = step else { return vec![first] };
    (0..)
        .map(|i| first + f64::from(i) * step)
        .take_while(|t| *t < 1.0 + 1e-6)
        .collect()
}

/// Input files with their outputs.
fn files(args: &Transcribe) -> anyhow::Result<Vec<(std::ffi::OsString, Vec<Output>)>> {
    let mut formats = args.output_format.clone();
    if formats.is_empty() && args.output_dir.is_some() {
        formats.push(Format::All);
    }
    let dir = args.output_dir.as_deref().unwrap_or(Path::new(""));
    let files: Vec<_> = args
        .audio
        .iter()
        .map(|a| (a.clone(), Output::all(a, dir, &formats)))
        .collect();
    let mut seen = std::collections::BTreeMap::new();
    for (input, outputs) in &files {
        for output in outputs {
            if let Some(other) = seen.insert(&output.path, input) {
                return Err(usage(format!(
                    "{} and {} would both be written to {}",
                    other.display(),
                    input.display(),
                    output.path.display()
                )));
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temperatures_are_the_references() {
        assert_eq!(
            temperatures(0.0, Some(0.2)),
            [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]
        );
        assert_eq!(temperatures(0.5, Some(0.3)), [0.5, 0.8]);
        assert_eq!(temperatures(0.0, None), [0.0]);
    }

    #[test]
    fn defaults_are_the_references_command_lines() {
        let matches = args::command()
            .try_get_matches_from(["xdna", "transcribe", "a.wav"])
            .unwrap();
        let cli = <args::Cli as clap::FromArgMatches>::from_arg_matches(&matches).unwrap();
        let args::Verb::Transcribe(args) = cli.verb else {
            panic!("another verb")
        };
        let expected = Options {
            beam_size: Some(5),
            best_of: Some(5),
            temperature: temperatures(0.0, Some(0.2)),
            clip_timestamps: vec![0.0],
            ..Options::default()
        };
        assert_eq!(options(&args), expected);
    }
}
