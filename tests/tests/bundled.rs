//! The model that comes with the program, against openai-whisper on the float16 weights it was made of.
#![forbid(unsafe_code)]

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, OnceLock},
};

use libtest_mimic::{Arguments, Failed, Trial};
use xdna_ops::{Cpu, DType};
use xdna_tests::golden::{self, Golden};
use xdna_whisper::{
    Cancel, Whisper,
    audio::{AudioFile, Channel},
    convert, model,
};

/// Where q8_0 weights give another text than float16 ones; `tools/cli/model/README.md` says how it differs.
const DIFFERENT: [&str; 6] = [
    "tiny.en/cards-002.wav.beam5",
    "tiny.en/cards-002.wav.greedy",
    "tiny.en/librivox-0890.wav.greedy",
    "tiny.en/longform-mixed.flac.beam5",
    "tiny.en/longform-mixed.flac.greedy",
    "tiny.en/two-speakers.wav.greedy",
];

/// The one whisper.cpp file beside the command line's crate.
fn bundled() -> Result<PathBuf, Failed> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/cli/model");
    let files = std::fs::read_dir(&dir)?.collect::<Result<Vec<_>, _>>()?;
    let models: Vec<_> = files
        .iter()
        .map(|f| f.path())
        .filter(|p| p.extension().is_some_and(|e| e == "bin"))
        .collect();
    match models.as_slice() {
        [model] => Ok(model.clone()),
        _ => Err(format!("{}: {} models", dir.display(), models.len()).into()),
    }
}

fn load() -> Result<Whisper, Failed> {
    Ok(Whisper::new(model::load(&bundled()?)?, Arc::new(Cpu::new(0)?))?)
}

fn same_text(data: &Path, golden: &Golden) -> Result<(), Failed> {
    static MODEL: OnceLock<Result<Whisper, String>> = OnceLock::new();
    let whisper = MODEL.get_or_init(|| load().map_err(|e| e.message().unwrap_or("not loaded").to_owned()));
    let whisper = whisper.as_ref().map_err(Clone::clone)?;
    let audio = AudioFile::new(&golden.audio(data), Channel::Mix, None)?;
    let ours = whisper
        .transcribe(&audio, &golden.options, &Cancel::default(), &mut |_| {})?
        .transcript
        .text;
    let same = ours == golden.result.text;
    match (same, DIFFERENT.contains(&golden.name.as_str())) {
        (true, false) | (false, true) => Ok(()),
        (true, true) => Err("the same text as with float16 weights: take it off the list".into()),
        (false, false) => Err(format!("{ours:?}\n   for {:?}", golden.result.text).into()),
    }
}

/// The checked-in bytes are what `xdna convert` makes of the released weights.
fn same_bytes(data: &Path) -> Result<(), Failed> {
    let mut ours = Vec::new();
    convert::write_ggml(
        &model::load(&data.join("models/tiny.en"))?,
        DType::Q8_0,
        &mut ours,
    )?;
    if ours == std::fs::read(bundled()?)? {
        Ok(())
    } else {
        Err("other bytes".into())
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let Some(data) = golden::data_dir() else {
        let trial = Trial::test("bundled model", || Ok(())).with_ignored_flag(true);
        let trial = trial.with_kind("no reference data: set XDNA_TESTDATA");
        return libtest_mimic::run(&arguments, vec![trial]).exit_code();
    };
    let goldens = match Golden::all(&data) {
        Ok(goldens) => goldens,
        Err(e) => {
            let trial = Trial::test("golden files can be read", move || Err(format!("{e:#}").into()));
            return libtest_mimic::run(&arguments, vec![trial]).exit_code();
        }
    };
    let wanted = goldens
        .into_iter()
        .filter(|g| g.model == "tiny.en" && ["greedy", "beam5"].contains(&g.kind.as_str()));
    let trials = wanted.map(|golden| {
        let data = data.clone();
        Trial::test(golden.name.clone(), move || same_text(&data, &golden))
    });
    let mut trials: Vec<Trial> = trials.collect();
    trials.push(Trial::test(
        "the model is what convert makes of the released weights",
        move || same_bytes(&data),
    ));
    libtest_mimic::run(&arguments, trials).exit_code()
}
