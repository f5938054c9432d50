//! Results of openai-whisper, as `golden/README.md` of the reference data describes them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Map, Value};
use xdna_whisper::{
    Options, Segment, Transcript, Word,
    options::{Suppress, Task},
};

/// The reference data: `XDNA_TESTDATA`, else `../shared` beside the workspace; `None` where there is none.
pub fn data_dir() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared");
    let root = std::env::var_os("XDNA_TESTDATA").map_or_else(|| PathBuf::from(default), PathBuf::from);
    root.join("golden").is_dir().then_some(root)
}

/// The directory of a model's weights: `base` is where `XDNA_TEST_BASE` says, the others lie in the reference data.
pub fn model_dir(data: &Path, model: &str) -> Option<PathBuf> {
    let dir = match model {
        "base" => PathBuf::from(std::env::var_os("XDNA_TEST_BASE")?),
        _ => data.join("models").join(model),
    };
    dir.is_dir().then_some(dir)
}

/// One call of `whisper.transcribe` and what it returned.
#[derive(Clone, Debug)]
pub struct Golden {
    /// `tiny.en/jfk-16k.wav.greedy`.
    pub name: String,
    /// `tiny.en`, `base`, `micro` or `micro-v3`.
    pub model: String,
    /// File name in `audio`.
    pub clip: String,
    /// Name of the options: `greedy`, `beam5`, `words`...
    pub kind: String,
    /// The options.
    pub options: Options,
    /// The result; floats are rounded to six digits.
    pub result: Transcript,
}

impl Golden {
    /// Reads one file of `golden/transcripts/MODEL`.
    ///
    /// # Errors
    /// Where it cannot be read, or has an option that has no counterpart.
    pub fn load(path: &Path) -> Result<Self> {
        let read = || -> Result<Self> {
            let file: File = serde_json::from_slice(&fs::read(path)?)?;
            let stem = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .context("file name")?;
            let kind = stem.rsplit_once('.').context("no name of options")?.1.to_owned();
            let name = format!("{}/{stem}", file.model);
            let (options, result) = (options(&file.options)?, file.result.into());
            Ok(Self {
                name,
                model: file.model,
                clip: file.clip,
                kind,
                options,
                result,
            })
        };
        read().with_context(|| path.display().to_string())
    }

    /// All transcripts, in the order of their names.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub fn all(data: &Path) -> Result<Vec<Self>> {
        let mut paths = Vec::new();
        for model in fs::read_dir(data.join("golden/transcripts"))? {
            for file in fs::read_dir(model?.path())? {
                paths.push(file?.path());
            }
        }
        paths.retain(|path| !path.to_string_lossy().ends_with(".language.json"));
        paths.sort();
        paths.iter().map(|path| Self::load(path)).collect()
    }

    /// What the reference heard: 16 kHz, where the clip itself is in another rate.
    pub fn audio(&self, data: &Path) -> PathBuf {
        audio(data, &self.clip)
    }
}

/// 16 kHz WAV of a clip where there is one, else the clip.
pub fn audio(data: &Path, clip: &str) -> PathBuf {
    let pcm = data.join("golden/pcm").join(format!("{clip}.16k.wav"));
    if pcm.is_file() {
        pcm
    } else {
        data.join("audio").join(clip)
    }
}

/// Languages that base takes a clip for: the eight most probable ones, with their probabilities to six digits.
#[derive(Clone, Debug)]
pub struct Languages {
    /// File name in `audio`.
    pub clip: String,
    /// Language code and probability, descending.
    pub probabilities: Vec<(String, f64)>,
}

impl Languages {
    /// All of them, in the order of the clips' names.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub fn all(data: &Path) -> Result<Vec<Self>> {
        let mut all = Vec::new();
        for file in fs::read_dir(data.join("golden/transcripts/base"))? {
            let path = file?.path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .context("file name")?;
            let Some(clip) = name.strip_suffix(".language.json") else {
                continue;
            };
            let table: Map<String, Value> = serde_json::from_slice(&fs::read(&path)?)?;
            let entry = |(code, p): (&String, &Value)| Some((code.clone(), p.as_f64()?));
            let mut probabilities: Vec<_> = table.iter().filter_map(entry).collect();
            probabilities.sort_by(|(_, a), (_, b)| b.total_cmp(a));
            all.push(Self {
                clip: clip.to_owned(),
                probabilities,
            });
        }
        all.sort_by(|a, b| a.clip.cmp(&b.clip));
        Ok(all)
    }
}

/// Reads a result as the reference's JSON writer leaves it.
///
/// # Errors
/// Where it is none.
pub fn transcript(json: &[u8]) -> Result<Transcript> {
    Ok(serde_json::from_slice::<ResultJson>(json)?.into())
}

/// Keyword arguments of `whisper.transcribe`.
fn options(given: &Map<String, Value>) -> Result<Options> {
    let mut o = Options::default();
    for (key, value) in given {
        let float = || {
            value
                .as_f64()
                .with_context(|| format!("{key}: {value} is no number"))
        };
        let optional = || {
            if value.is_null() {
                Ok(None)
            } else {
                float().map(Some)
            }
        };
        let count = || Ok::<_, anyhow::Error>(Some(float()? as usize));
        let flag = || {
            value
                .as_bool()
                .with_context(|| format!("{key}: {value} is no boolean"))
        };
        let text = || {
            value
                .as_str()
                .with_context(|| format!("{key}: {value} is no string"))
        };
        match key.as_str() {
            "fp16" => {} // the reference data is float32 throughout
            "temperature" => o.temperature = vec![float()?],
            "beam_size" => o.beam_size = count()?,
            "best_of" => o.best_of = count()?,
            "patience" => o.patience = optional()?,
            "length_penalty" => o.length_penalty = optional()?,
            "word_timestamps" => o.word_timestamps = flag()?,
            "prepend_punctuations" => o.prepend_punctuations = text()?.to_owned(),
            "append_punctuations" => o.append_punctuations = text()?.to_owned(),
            "hallucination_silence_threshold" => o.hallucination_silence_threshold = optional()?,
            "without_timestamps" => o.without_timestamps = flag()?,
            "suppress_tokens" if value == "" => o.suppress_tokens = Suppress::Only(Vec::new()),
            "condition_on_previous_text" => o.condition_on_previous_text = flag()?,
            "initial_prompt" => o.initial_prompt = Some(text()?.to_owned()),
            "carry_initial_prompt" => o.carry_initial_prompt = flag()?,
            "clip_timestamps" => {
                o.clip_timestamps = text()?.split(',').map(str::parse).collect::<Result<_, _>>()?
            }
            "no_speech_threshold" => o.no_speech_threshold = optional()?,
            "logprob_threshold" => o.logprob_threshold = optional()?,
            "compression_ratio_threshold" => o.compression_ratio_threshold = optional()?,
            "language" => o.language = Some(text()?.to_owned()),
            "task" if value == "translate" => o.task = Task::Translate,
            _ => bail!("option {key} = {value} has no counterpart"),
        }
    }
    Ok(o)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    model: String,
    clip: String,
    options: Map<String, Value>,
    result: ResultJson,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResultJson {
    text: String,
    segments: Vec<SegmentJson>,
    language: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SegmentJson {
    id: usize,
    seek: usize,
    start: f64,
    end: f64,
    text: String,
    tokens: Vec<u32>,
    temperature: f64,
    avg_logprob: f64,
    compression_ratio: f64,
    no_speech_prob: f64,
    words: Option<Vec<WordJson>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WordJson {
    word: String,
    start: f64,
    end: f64,
    probability: f64,
}

impl From<ResultJson> for Transcript {
    fn from(
        ResultJson {
            text,
            segments,
            language,
        }: ResultJson,
    ) -> Self {
        let segments = segments.into_iter().map(Segment::from).collect();
        Self {
            text,
            segments,
            language,
        }
    }
}

impl From<SegmentJson> for Segment {
    fn from(s: SegmentJson) -> Self {
        let word = |WordJson {
                        word,
                        start,
                        end,
                        probability,
                    }| Word {
            word,
            start,
            end,
            probability,
        };
        Self {
            id: s.id,
            seek: s.seek,
            start: s.start,
            end: s.end,
            text: s.text,
            tokens: s.tokens,
            temperature: s.temperature,
            avg_logprob: s.avg_logprob,
            compression_ratio: s.compression_ratio,
            no_speech_prob: s.no_speech_prob,
            words: s.words.map(|words| words.into_iter().map(word).collect()),
        }
    }
}
