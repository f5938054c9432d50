//! Times `transcribe` on clips and prints a JSON object a clip, for side-by-side comparisons.
//!
//! `cargo run --release -p xdna-whisper --example speed -- MODEL THREADS RUNS:CLIP ...`: greedy, temperature 0, English. `load_s` is
//! loading the model, `times_s` each call, `peak_kib` the peak memory of the process so far.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program")]

use std::{error::Error, path::Path, sync::Arc, time::Instant};

use xdna_ops::{Backend, Cpu};
use xdna_whisper::{
    Cancel, Options, Whisper,
    audio::{AudioFile, Channel},
    model,
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, threads, jobs @ ..] = arguments.as_slice() else {
        return Err("usage: speed MODEL THREADS RUNS:CLIP ...".into());
    };
    let options = Options {
        language: Some("en".into()),
        temperature: vec![0.0],
        ..Options::default()
    };

    let started = Instant::now();
    let backend: Arc<dyn Backend> = Arc::new(Cpu::new(threads.parse()?)?);
    let whisper = Whisper::new(model::load(Path::new(path))?, backend)?;
    let load = started.elapsed();
    for job in jobs {
        let (runs, clip) = job.split_once(':').ok_or("a job is RUNS:CLIP")?;
        let (mut times, mut stages, mut text) = (Vec::new(), Vec::new(), String::new());
        for _ in 0..runs.parse::<usize>()? {
            let started = Instant::now();
            let audio = AudioFile::new(Path::new(clip), Channel::Mix, None)?;
            let result = whisper.transcribe(&audio, &options, &Cancel::default(), &mut |_| {})?;
            times.push(started.elapsed().as_secs_f64());
            let s = result.stats;
            stages.push(serde_json::json!({
                "mel_s": s.mel.as_secs_f64(), "encoder_s": s.encoder.as_secs_f64(), "encoder_runs": s.encoder_runs,
                "decoder_s": s.decoder.as_secs_f64(), "decoder_steps": s.decoder_steps,
            }));
            text = result.transcript.text;
        }
        let result = serde_json::json!({
            "clip": clip, "text": text.trim(), "load_s": load.as_secs_f64(), "times_s": times, "peak_kib": peak_kib()?,
            "stages": stages, "backend": whisper.backend().name(),
        });
        println!("{result}");
    }
    Ok(())
}

/// Peak memory of this process.
fn peak_kib() -> Result<Option<u64>, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(peak.and_then(|value| value.trim().strip_suffix(" kB")?.parse().ok()))
}
