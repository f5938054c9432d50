//! Flags of `xdna transcribe`: openai-whisper's under their names with their defaults, and ours.

use std::{ffi::OsString, path::PathBuf};

use clap::{Arg, ArgAction, Args, ValueEnum};

use xdna_whisper::audio::{RawSpec, RawSpecError};

use super::values::{Clips, Maybe, Tokens, boolean, clips, language, maybe, number, tokens};
use crate::bundled;

/// Where operators run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Device {
    /// The NPU for what it can do, the CPU for the rest
    Auto,
    /// The CPU alone
    Cpu,
    /// The NPU; ends with exit code 3 where there is none to use
    Npu,
}

/// Which channel to listen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ear {
    /// All of them, mixed as ffmpeg mixes them
    Mix,
    /// The first
    Left,
    /// The second; the first where there is only one
    Right,
}

fn raw(text: &str) -> Result<RawSpec, RawSpecError> {
    text.parse()
}

/// What to write down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Task {
    /// The words spoken
    Transcribe,
    /// Their meaning in English
    Translate,
}

/// Kind of output file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Txt,
    Vtt,
    Srt,
    Tsv,
    Json,
    Lrc,
    /// txt, vtt, srt, tsv and json
    All,
}

const EXAMPLES: &str = "\
Flags can be spelled with dashes or underscores; booleans are given bare, or with True or False.
XDNA_* variables and a configuration file can set other defaults: see `xdna config --help`.

Examples:
  xdna transcribe talk.mp3                         text, a segment a line as it is finished
  xdna transcribe --timestamps talk.mp3            the same with start and end in front
  xdna transcribe --format srt,json -o out *.mp3   files out/NAME.srt, out/NAME.json as well
  xdna transcribe --word-timestamps --highlight-words --format vtt talk.mp3
  ffmpeg -i film.mkv -f wav - | xdna transcribe -
  arecord -f S16_LE -r 16000 -d 5 -t raw | xdna transcribe --raw s16le:16000:1 -
  xdna transcribe --beam-size None --json talk.mp3 | jq -r '.files[].text'";

/// Marks the flags that [`switches`] treats.
const BOOL: &str = "BOOL";

/// Makes the flags marked [`BOOL`] take `True` or `False` after an equals sign, or nothing, and lets the others take
/// negative numbers, if only to say what range they must be in.
pub(crate) fn switches(arg: Arg) -> Arg {
    if arg.get_value_names().is_none_or(|names| *names != [BOOL]) {
        let takes_value = arg.get_long().is_some() && arg.get_action().takes_values();
        return if takes_value {
            arg.allow_negative_numbers(true)
        } else {
            arg
        };
    }
    let is_off = arg.get_default_values().is_empty();
    let arg = arg
        .action(ArgAction::Set)
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("True");
    if is_off {
        arg.default_value("False").hide_default_value(true)
    } else {
        arg
    }
}

#[derive(Args, Clone, Debug)]
#[command(after_help = format!("{EXAMPLES}\n\n{}", crate::exit::HELP), infer_long_args = true, args_override_self = true)]
pub(crate) struct Transcribe {
    /// Sound files (WAV, AIFF, CAF, FLAC, MP3, AAC, M4A, OGG, Opus, MKV, WebM); `-` is stdin
    #[arg(required = true, value_name = "FILES")]
    pub(crate) audio: Vec<OsString>,

    /// Model: a name of `xdna models`, a path, or `bundled`, which is inside the program
    #[arg(long, help_heading = "Model", default_value = bundled::DEFAULT_MODEL)]
    pub(crate) model: String,
    /// Directory of downloaded models, looked in before the usual places [default: ~/.cache/xdna/models]
    #[arg(long, help_heading = "Model", value_name = "DIR")]
    pub(crate) model_dir: Option<PathBuf>,
    /// Download the model where it is not on disk
    #[arg(long, help_heading = "Model", value_name = BOOL, value_parser = boolean)]
    pub(crate) download: bool,
    /// Where to run: what runs where and why, --plan tells
    #[arg(long, help_heading = "Model", value_enum, default_value = "auto")]
    pub(crate) device: Device,
    /// Say on stderr, before the first file, which operator of the model runs where, and why; part of --json with that
    #[arg(long, help_heading = "Model", value_name = BOOL, value_parser = boolean)]
    pub(crate) plan: bool,
    /// Threads of the CPU, 0 to 1024; 0 is one a core
    #[arg(long, help_heading = "Model", value_name = "N", default_value = "0", value_parser = maybe(0..=1024_usize))]
    pub(crate) threads: Maybe<usize>,
    /// Accepted and ignored: computing is in 32-bit floats
    #[arg(long, help_heading = "Model", value_name = BOOL, value_parser = boolean, default_value = "True")]
    pub(crate) fp16: bool,

    /// Which channel to listen to: left, right, or the mean of all
    #[arg(
        long,
        help_heading = "Sound",
        default_value = "mix",
        value_name = "left|right|mix"
    )]
    pub(crate) channel: Ear,
    /// Files are samples without a header: FORMAT:RATE:CHANNELS, such as s16le:16000:1
    #[arg(long, help_heading = "Sound", value_name = "SPEC", value_parser = raw)]
    pub(crate) raw: Option<RawSpec>,
    /// Only these parts: START,END,START,END,... in seconds; without a last END, to the end of the file
    #[arg(long, help_heading = "Sound", value_name = "SECONDS", default_value = "0", value_parser = clips)]
    pub(crate) clip_timestamps: Clips,

    /// Files to write beside the text on stdout, several with commas; also spelled --format
    #[arg(
        long,
        short = 'f',
        visible_alias = "format",
        help_heading = "Output",
        value_enum,
        value_delimiter = ',',
        value_name = "FORMATS"
    )]
    pub(crate) output_format: Vec<Format>,
    /// Directory for the files, made where missing [default: the current one; given alone, the format is all]
    #[arg(long, short = 'o', help_heading = "Output", value_name = "DIR")]
    pub(crate) output_dir: Option<PathBuf>,
    /// Replace files that exist
    #[arg(long, help_heading = "Output", value_name = BOOL, value_parser = boolean)]
    pub(crate) force: bool,
    /// Start and end in front of every line on stdout
    #[arg(long, help_heading = "Output", value_name = BOOL, value_parser = boolean)]
    pub(crate) timestamps: bool,
    /// Print one JSON object, schema `xdna.transcribe/1`, at the end, and no text
    #[arg(long, help_heading = "Output", value_name = BOOL, value_parser = boolean)]
    pub(crate) json: bool,
    /// Say on stderr what ran where and how long each stage took
    #[arg(long, help_heading = "Output", value_name = BOOL, value_parser = boolean)]
    pub(crate) stats: bool,
    /// With False: no text on stdout
    #[arg(long, help_heading = "Output", value_name = BOOL, value_parser = boolean, default_value = "True")]
    pub(crate) verbose: bool,

    /// Transcribe, or translate to English (multilingual models)
    #[arg(long, help_heading = "Decoding", value_enum, default_value = "transcribe")]
    pub(crate) task: Task,
    /// Language spoken, code or English name (`fr`, `French`); None detects it
    #[arg(long, help_heading = "Decoding", default_value = "None", value_parser = language)]
    pub(crate) language: Maybe<String>,
    /// Temperature to sample at, 0 to 100; 0 takes the most probable, above 1 there is no other to fall back to
    #[arg(long, help_heading = "Decoding", value_name = "T", default_value = "0", value_parser = number(0.0..=100.0_f64))]
    pub(crate) temperature: f64,
    /// Candidates at temperatures above 0, 1 to 100, or None
    #[arg(long, help_heading = "Decoding", value_name = "N", default_value = "5", value_parser = maybe(1..=100_usize))]
    pub(crate) best_of: Maybe<usize>,
    /// Beams at temperature 0, 1 to 100; None decodes greedily
    #[arg(long, help_heading = "Decoding", value_name = "N", default_value = "5", value_parser = maybe(1..=100_usize))]
    pub(crate) beam_size: Maybe<usize>,
    /// Patience of beam search, 0.01 to 100 (arXiv 2204.05424); None is 1.0, the plain beam search
    #[arg(long, help_heading = "Decoding", value_name = "X", default_value = "None", value_parser = maybe(0.01..=100.0_f64))]
    pub(crate) patience: Maybe<f64>,
    /// Length penalty alpha, 0 to 1 (arXiv 1609.08144); None divides by the length
    #[arg(long, help_heading = "Decoding", value_name = "X", default_value = "None", value_parser = maybe(0.0..=1.0_f64))]
    pub(crate) length_penalty: Maybe<f64>,
    /// Token ids never sampled, with commas; -1 stands for most symbols that are not speech
    #[arg(long, help_heading = "Decoding", value_name = "IDS", default_value = "-1", value_parser = tokens,
        allow_hyphen_values = true)]
    pub(crate) suppress_tokens: Tokens,
    /// Text to put before the first window, to give names and style
    #[arg(
        long,
        visible_alias = "prompt",
        help_heading = "Decoding",
        value_name = "TEXT",
        allow_hyphen_values = true
    )]
    pub(crate) initial_prompt: Option<String>,
    /// Put the initial prompt before every window
    #[arg(long, help_heading = "Decoding", value_name = BOOL, value_parser = boolean)]
    pub(crate) carry_initial_prompt: bool,
    /// Give each window the text before it; with False it repeats itself less and joins less well
    #[arg(long, help_heading = "Decoding", value_name = BOOL, value_parser = boolean, default_value = "True")]
    pub(crate) condition_on_previous_text: bool,
    /// Step of temperature after a failed window, 0.01 to 1; None does not try again
    #[arg(long, help_heading = "Decoding", value_name = "T", default_value = "0.2", value_parser = maybe(0.01..=1.0_f64))]
    pub(crate) temperature_increment_on_fallback: Maybe<f64>,
    /// A window whose text compresses better than this has failed; or None
    #[arg(long, help_heading = "Decoding", value_name = "X", default_value = "2.4", value_parser = maybe(f64::MIN..=f64::MAX))]
    pub(crate) compression_ratio_threshold: Maybe<f64>,
    /// A window whose mean log-probability is lower has failed; or None
    #[arg(long, help_heading = "Decoding", value_name = "X", default_value = "-1.0", value_parser = maybe(f64::MIN..=f64::MAX),
        allow_hyphen_values = true)]
    pub(crate) logprob_threshold: Maybe<f64>,
    /// A failed window whose no-speech probability is higher is silence; or None
    #[arg(long, help_heading = "Decoding", value_name = "P", default_value = "0.6", value_parser = maybe(f64::MIN..=f64::MAX))]
    pub(crate) no_speech_threshold: Maybe<f64>,
    /// Seed of the sampling at temperatures above 0
    #[arg(long, help_heading = "Decoding", value_name = "N", default_value = "0")]
    pub(crate) seed: u64,

    /// Time every word
    #[arg(long, help_heading = "Words", value_name = BOOL, value_parser = boolean)]
    pub(crate) word_timestamps: bool,
    /// Punctuation that joins the word after it
    #[arg(
        long,
        help_heading = "Words",
        value_name = "CHARS",
        default_value = "\"'“¿([{-",
        allow_hyphen_values = true
    )]
    pub(crate) prepend_punctuations: String,
    /// Punctuation that joins the word before it
    #[arg(
        long,
        help_heading = "Words",
        value_name = "CHARS",
        default_value = "\"'.。,，!！?？:：”)]}、",
        allow_hyphen_values = true
    )]
    pub(crate) append_punctuations: String,
    /// Underline each word as it is spoken, in srt and vtt
    #[arg(long, help_heading = "Words", value_name = BOOL, value_parser = boolean)]
    pub(crate) highlight_words: bool,
    /// Characters a line of subtitles at most; 0 or None is no limit
    #[arg(long, help_heading = "Words", value_name = "N", default_value = "None", value_parser = maybe(0..=100_000_usize))]
    pub(crate) max_line_width: Maybe<usize>,
    /// Lines a subtitle at most, from 1, or None; needs --max-line-width
    #[arg(long, help_heading = "Words", value_name = "N", default_value = "None", value_parser = maybe(1..=100_000_usize))]
    pub(crate) max_line_count: Maybe<usize>,
    /// Words a subtitle at most; 0 or None is no limit; not with --max-line-width
    #[arg(long, help_heading = "Words", value_name = "N", default_value = "None", value_parser = maybe(0..=100_000_usize))]
    pub(crate) max_words_per_line: Maybe<usize>,
    /// Skip silence longer than this many seconds around suspected hallucinations, or None; only with
    /// --word-timestamps
    #[arg(long, help_heading = "Words", value_name = "SECONDS", default_value = "None", value_parser = maybe(0.0..=f64::MAX))]
    pub(crate) hallucination_silence_threshold: Maybe<f64>,
}
