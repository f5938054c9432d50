//! `--stats` and `--json`.

use std::time::Duration;

use serde_json::{Value, json};
use xdna_whisper::{Segment, Stats, Transcript};

use super::placement::Placement;

/// How the model was loaded.
#[derive(Clone, Debug, Default)]
pub(super) struct Loaded {
    /// Where it came from.
    pub(super) origin: String,
    /// How long it took.
    pub(super) took: Duration,
    /// What runs where, if that is asked for.
    pub(super) plan: Option<Placement>,
}

/// `12.3 ms`, `4.56 s`.
fn duration(d: Duration) -> String {
    let seconds = d.as_secs_f64();
    if seconds < 1.0 {
        format!("{:.1} ms", seconds * 1e3)
    } else {
        format!("{seconds:.2} s")
    }
}

/// `1 window`, `2 windows`.
fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// Lines of `--stats` for one file.
pub(super) fn stats(file: &str, loaded: &Loaded, s: &Stats) -> Vec<String> {
    let speed = s.audio.as_secs_f64() / s.total.as_secs_f64().max(1e-9);
    let tokens = s.tokens as f64 / s.decoder.as_secs_f64().max(1e-9);
    let other = s.total.saturating_sub(s.mel + s.encoder + s.decoder + s.words);
    let ran = format!(
        "{}, all operators (there are none for the NPU in this version)",
        s.backend
    );
    vec![
        format!(
            "{file}: {} of sound in {}, {speed:.1}x realtime",
            duration(s.audio),
            duration(s.total)
        ),
        format!("  model    {:>9}  {}", duration(loaded.took), loaded.origin),
        format!("  ran on   {ran}"),
        format!(
            "  mel      {:>9}  reading and resampling included",
            duration(s.mel)
        ),
        format!(
            "  encoder  {:>9}  {}",
            duration(s.encoder),
            count(s.encoder_runs, "window")
        ),
        format!(
            "  decoder  {:>9}  {}, {} ({tokens:.1}/s), {}",
            duration(s.decoder),
            count(s.decoder_steps, "step"),
            count(s.tokens, "token"),
            count(s.fallbacks, "fallback")
        ),
        format!("  words    {:>9}", duration(s.words)),
        format!("  other    {:>9}", duration(other)),
    ]
}

fn ns(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

fn segment(s: &Segment) -> Value {
    let mut value = json!({
        "id": s.id, "seek": s.seek, "start": s.start, "end": s.end, "text": s.text, "tokens": s.tokens,
        "temperature": s.temperature, "avg_logprob": s.avg_logprob,
        "compression_ratio": s.compression_ratio, "no_speech_prob": s.no_speech_prob,
    });
    if let (Some(words), Some(object)) = (&s.words, value.as_object_mut()) {
        let word = |w: &xdna_whisper::Word| json!({"word": w.word, "start": w.start, "end": w.end, "probability": w.probability});
        object.insert("words".to_owned(), words.iter().map(word).collect());
    }
    value
}

/// One file of `--json`, transcribed.
pub(super) fn done(file: &str, transcript: &Transcript, outputs: Vec<String>, s: &Stats) -> Value {
    json!({
        "file": file, "status": "done", "language": transcript.language, "text": transcript.text,
        "segments": transcript.segments.iter().map(segment).collect::<Vec<_>>(),
        "outputs": outputs,
        "stats": {
            "audio_ns": ns(s.audio), "total_ns": ns(s.total), "mel_ns": ns(s.mel),
            "encoder_ns": ns(s.encoder), "encoder_runs": s.encoder_runs,
            "decoder_ns": ns(s.decoder), "decoder_steps": s.decoder_steps,
            "words_ns": ns(s.words),
            "tokens": s.tokens, "fallbacks": s.fallbacks, "backend": s.backend,
        },
    })
}

/// One file of `--json` that could not be transcribed.
pub(super) fn failed(file: &str, error: &str) -> Value {
    json!({"file": file, "status": "failed", "error": error})
}

/// One file of `--json` that a signal cut short, with the segments that were finished.
pub(super) fn interrupted(file: &str, segments: &[Segment]) -> Value {
    let text: String = segments.iter().map(|s| s.text.as_str()).collect();
    let segments: Vec<_> = segments.iter().map(segment).collect();
    json!({"file": file, "status": "interrupted", "text": text, "segments": segments})
}

/// The object of `--json`.
pub(super) fn object(model: &str, loaded: &Loaded, files: Vec<Value>) -> Value {
    let mut object = json!({
        "schema": "xdna.transcribe/1",
        "model": {"name": model, "origin": loaded.origin, "load_ns": ns(loaded.took)},
        "files": files,
    });
    if let Some(plan) = &loaded.plan {
        object["plan"] = plan.json();
    }
    object
}
