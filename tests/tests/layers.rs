//! Encoder and decoder against arrays of openai-whisper: within 1e-3 of each array's largest value.
#![forbid(unsafe_code)]

use std::{path::Path, process::ExitCode, sync::Arc};

use libtest_mimic::{Arguments, Failed, Trial};
use xdna_ops::Cpu;
use xdna_tests::{golden, npy};
use xdna_whisper::{
    Whisper,
    model::{self, Stage},
};

const TOLERANCE: f32 = 1e-3;

/// Fails where `ours` is not as close to the array `name` as asked.
fn close(arrays: &Path, name: &str, ours: &[f32]) -> Result<(), Failed> {
    let reference = npy::f32(arrays.join(name))?;
    if ours.len() != reference.values.len() {
        return Err(format!("{name}: {} values for {:?}", ours.len(), reference.shape).into());
    }
    let largest = reference.values.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    let pairs = ours.iter().zip(&reference.values);
    let off = pairs
        .map(|(a, b)| {
            if (a - b).is_nan() {
                f32::INFINITY
            } else {
                (a - b).abs()
            }
        })
        .fold(0.0, f32::max);
    if off > TOLERANCE * largest {
        return Err(format!("{name}: off by {off}, {} of the largest value", off / largest).into());
    }
    Ok(())
}

/// Every `step`th row of `[rows, cols]`.
fn sparse(values: &[f32], cols: usize, step: usize) -> Vec<f32> {
    values
        .chunks_exact(cols)
        .step_by(step)
        .flatten()
        .copied()
        .collect()
}

fn transposed(values: &[f32], cols: usize) -> Vec<f32> {
    (0..cols)
        .flat_map(|c| values.iter().skip(c).step_by(cols))
        .copied()
        .collect()
}

fn layers(data: &Path, name: &str) -> Result<(), Failed> {
    let dir = golden::model_dir(data, name).ok_or("the model is not there")?;
    let whisper = Whisper::new(model::load(&dir)?, Arc::new(Cpu::new(0)?))?;
    let arrays = data.join("golden/arrays");
    let (bins, width) = (whisper.dims().n_mels, whisper.dims().n_audio_state);
    let mel = npy::f32(arrays.join(format!("jfk-16k.mel{bins}.padded30s.npy")))?;

    let mut outcome = Ok(());
    let mut stage = |stage: Stage, values: &[f32]| {
        let (layer, values) = match stage {
            Stage::Conv1 => ("conv1".to_owned(), transposed(&sparse(values, width, 50), width)),
            Stage::Conv2 => ("conv2".to_owned(), transposed(&sparse(values, width, 25), width)),
            Stage::Block(i) => (format!("block{i}"), sparse(values, width, 25)),
        };
        // Layer by layer the reference has tiny.en alone.
        if name == "tiny.en" && outcome.is_ok() {
            outcome = close(&arrays, &format!("{name}.jfk-16k.{layer}.npy"), &values);
        }
    };
    let features = whisper.embed_audio(&transposed(&mel.values, mel.shape[1]), &mut stage)?;
    outcome?;
    let every = if name == "tiny.en" { 1 } else { 25 };
    close(
        &arrays,
        &format!("{name}.jfk-16k.encoder.npy"),
        &sparse(&features, width, every),
    )?;

    let tokens = npy::i64(arrays.join(format!("{name}.jfk-16k.tokens.npy")))?;
    let tokens = tokens
        .values
        .iter()
        .map(|&t| u32::try_from(t))
        .collect::<Result<Vec<_>, _>>()?;
    close(
        &arrays,
        &format!("{name}.jfk-16k.logits.npy"),
        &whisper.logits(&tokens, &features)?,
    )
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let data = golden::data_dir();
    let trial = |name: &'static str| {
        let Some(data) = data.clone() else {
            let trial = Trial::test(name, || Ok(())).with_ignored_flag(true);
            return trial.with_kind("no reference data: set XDNA_TESTDATA");
        };
        let there = golden::model_dir(&data, name).is_some();
        let trial = Trial::test(name, move || layers(&data, name));
        if there {
            trial
        } else {
            trial
                .with_ignored_flag(true)
                .with_kind("no base model: set XDNA_TEST_BASE")
        }
    };
    libtest_mimic::run(
        &arguments,
        ["tiny.en", "base", "micro", "micro-v3"].map(trial).into(),
    )
    .exit_code()
}
