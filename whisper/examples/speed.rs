//! Times `transcribe` on one clip and prints the result as one JSON object, for side-by-side comparisons.
//!
//! `cargo run --release -p xdna-whisper --example speed -- MODEL CLIP THREADS RUNS [BEAM]`: greedy (or with beams), temperature 0,
//! English. `load_s` is loading the model, `times_s` each call, `peak_kib` the peak memory of the process.
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
    let [path, clip, threads, runs, beams @ ..] = arguments.as_slice() else {
        return Err("usage: speed MODEL CLIP THREADS RUNS [BEAM]".into());
    };
    let beam_size = beams.first().map(|n| n.parse()).transpose()?;
    let options = Options {
        language: Some("en".into()),
        temperature: vec![0.0],
        beam_size,
        ..Options::default()
    };

    let started = Instant::now();
    let backend: Arc<dyn Backend> = Arc::new(Cpu::new(threads.parse()?)?);
    let whisper = Whisper::new(model::load(Path::new(path))?, backend)?;
    let load = started.elapsed();
    let (mut times, mut stages, mut text) = (Vec::new(), Vec::new(), String::new());
    for _ in 0..runs.parse::<usize>()? {
        let started = Instant::now();
        let audio = AudioFile::new(Path::new(clip), Channel::Mix, None)?;
        let result = whisper.transcribe(&audio, &options, &Cancel::default(), &mut |_| {})?;
        times.push(started.elapsed().as_secs_f64());
        let s = result.stats;
        let seconds = |d: std::time::Duration| d.as_secs_f64();
        stages.push(serde_json::json!({
            "mel_s": seconds(s.mel), "encoder_s": seconds(s.encoder), "encoder_runs": s.encoder_runs,
            "decoder_s": seconds(s.decoder), "decoder_steps": s.decoder_steps,
        }));
        text = result.transcript.text;
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| {
        line.strip_prefix("VmHWM:")?
            .trim()
            .strip_suffix(" kB")?
            .parse::<u64>()
            .ok()
    });
    let result = serde_json::json!({
        "text": text.trim(), "load_s": load.as_secs_f64(), "times_s": times, "peak_kib": peak, "stages": stages,
        "backend": whisper.backend().name(),
    });
    println!("{result}");
    Ok(())
}
