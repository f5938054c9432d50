//! Models of any shape against openai-whisper: random weights, made for the test, in sizes and precisions that no released
//! model has. `XDNA_TEST_PYTHON` names a Python with numpy, torch and openai-whisper.
#![forbid(unsafe_code)]

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    sync::Arc,
};

use libtest_mimic::{Arguments, Failed, Trial};
use xdna_ops::Cpu;
use xdna_whisper::{Cancel, Whisper, audio::Pcm, model};

const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/reference");

/// Name and arguments of `make_random_whisper.py`.
const SHAPES: [(&str, &str); 5] = [
    ("tiny, bf16", "--size tiny --dtype bf16 --round bf16"),
    (
        "like a distilled model",
        "--size large-v3 --d-model 128 --heads 2 --enc-layers 3 --dec-layers 1 --dtype f16",
    ),
    (
        "English only, three heads",
        "--size tiny --d-model 192 --heads 3 --layers 2 --english-only --dtype f32",
    ),
    (
        "heads of 40",
        "--size base --d-model 80 --heads 2 --layers 2 --dtype f32",
    ),
    (
        "heads of 80, 128 bins",
        "--size large-v3 --d-model 240 --heads 3 --layers 1 --dtype f16",
    ),
];

fn run(command: &mut Command) -> Result<(), Failed> {
    let out = command.output()?;
    if out.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&out.stderr).into_owned().into())
    }
}

fn same_arrays(python: &Path, arguments: &str) -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let model_dir = dir.path().join("model");
    let maker = Path::new(REFERENCE).join("make_random_whisper.py");
    run(Command::new(python)
        .arg(maker)
        .args(arguments.split(' '))
        .arg("--out")
        .arg(&model_dir))?;
    let whisper = Whisper::new(model::load(&model_dir)?, Arc::new(Cpu::new(0)?))?;

    let bins = whisper.dims().n_mels;
    let noise =
        (0..3000 * bins as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / 1.7e7 * 2.0 - 0.7);
    let mel: Vec<f32> = noise.collect(); // time-major
    let by_bin: Vec<u8> = (0..bins)
        .flat_map(|b| mel.iter().skip(b).step_by(bins))
        .flat_map(|v| v.to_le_bytes())
        .collect();
    let (mel_file, out) = (dir.path().join("mel"), dir.path().join("out"));
    std::fs::write(&mel_file, by_bin)?;
    let sot = whisper.dims().n_vocab as u32 - 1501 - if whisper.is_multilingual() { 106 } else { 107 };
    let tokens: Vec<u32> = [sot]
        .into_iter()
        .chain((0..40).map(|i| i * 1201 % 50_000))
        .collect();
    let list = tokens.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    run(Command::new(python)
        .arg(Path::new(REFERENCE).join("arrays.py"))
        .arg(&model_dir)
        .arg(mel_file)
        .arg(list)
        .arg(&out))?;

    let features = whisper.embed_audio(&mel, &mut |_, _| {})?;
    let logits = whisper.logits(&tokens, &features)?;
    let reference = std::fs::read(out)?;
    let reference: Vec<f32> = reference
        .as_chunks::<4>()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b))
        .collect();
    let (encoded, decoded) = reference.split_at(features.len());
    for (what, ours, reference) in [("encoder", &features, encoded), ("logits", &logits, decoded)] {
        if ours.len() != reference.len() {
            return Err(format!("{what}: {} values for {}", ours.len(), reference.len()).into());
        }
        let largest = reference.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        let off = ours
            .iter()
            .zip(reference)
            .fold(0.0f32, |m, (a, b)| m.max((a - b).abs()));
        if off.is_nan() || off > 1e-3 * largest {
            return Err(format!("{what}: off by {off} of {largest}").into());
        }
    }
    // Random weights say nothing, but they must come to an end.
    whisper.transcribe(
        &Pcm(vec![0.1; 16_000]),
        &Default::default(),
        &Cancel::default(),
        &mut |_| {},
    )?;
    Ok(())
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    // A Python that has other packages than these is as good as none.
    let has_packages = |python: &PathBuf| {
        let import = Command::new(python)
            .args(["-c", "import numpy, torch, whisper"])
            .output();
        import.is_ok_and(|out| out.status.success())
    };
    let python = std::env::var_os("XDNA_TEST_PYTHON")
        .map(PathBuf::from)
        .filter(has_packages);
    let trial = |(name, shape): (&str, &'static str)| match python.clone() {
        Some(python) => Trial::test(name, move || same_arrays(&python, shape)),
        None => Trial::test(
            format!("{name} (needs XDNA_TEST_PYTHON with numpy, torch and openai-whisper)"),
            || Ok(()),
        )
        .with_ignored_flag(true),
    };
    libtest_mimic::run(&arguments, SHAPES.map(trial).into()).exit_code()
}
