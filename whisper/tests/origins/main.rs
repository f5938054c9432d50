//! Models of other programs' making: real weights, and files that whisper.cpp, CTranslate2 and transformers write and read.
//!
//! `XDNA_TESTDATA` names the reference data, `XDNA_TEST_BASE` the real base model, `XDNA_TEST_PYTHON` a Python that has
//! some of openai-whisper, safetensors, pywhispercpp, ctranslate2 and transformers. What is not there is shown as ignored.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use libtest_mimic::{Arguments, Failed, Trial};
use xdna_ops::DType;
use xdna_whisper::{
    convert::{ggml_file, huggingface_directory},
    model::{Checkpoint, load},
};

const SPEECH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/librivox-0870.wav");
/// What every one of these programs hears in it with tiny.en.
const HEARD: &str = "And Mr. John Dashwood had then leisure to consider how much there might be prudently in his power to do for them.";

fn models() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared");
    let root = std::env::var_os("XDNA_TESTDATA").map_or_else(|| PathBuf::from(default), PathBuf::from);
    Some(root.join("models")).filter(|path| path.is_dir())
}

fn base() -> Option<PathBuf> {
    std::env::var_os("XDNA_TEST_BASE")
        .map(PathBuf::from)
        .filter(|path| path.is_dir())
}

/// The Python, where it has all of `modules`.
fn python(modules: &[&str]) -> Option<PathBuf> {
    let python = std::env::var_os("XDNA_TEST_PYTHON").map(PathBuf::from)?;
    let imports = format!("import {}", modules.join(", "));
    let output = Command::new(&python).args(["-c", &imports]).output().ok()?;
    output.status.success().then_some(python)
}

/// Runs a program to its end and gives what it printed.
fn run(command: &mut Command) -> Result<String, Failed> {
    let out = command.output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if !out.status.success() {
        return Err(format!("{command:?}: {}\n{}", out.status, text(&out.stderr)).into());
    }
    Ok(text(&out.stdout))
}

fn script(python: &Path, name: &str) -> Command {
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/origins/").to_owned() + name);
    command
}

/// Largest difference of any weight, in steps of the largest magnitude of its row over 127.
fn difference(a: &Checkpoint, b: &Checkpoint) -> f32 {
    let mut worst = 0.0_f32;
    assert_eq!(a.dims, b.dims);
    for (name, shape) in a.dims.tensors() {
        let (x, y) = (a.values(&name, &shape).unwrap(), b.values(&name, &shape).unwrap());
        let row = if shape.len() == 1 {
            x.len()
        } else {
            shape[1..].iter().product()
        };
        for (x, y) in x.chunks(row).zip(y.chunks(row)) {
            let largest = x.iter().fold(f32::MIN_POSITIVE, |m, v| m.max(v.abs()));
            let error = x.iter().zip(y).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
            worst = worst.max(error / largest * 127.0);
        }
    }
    worst
}

fn real_models_load(models: &Path) -> Result<(), Failed> {
    for (name, width, tokens) in [
        ("tiny.en", 384, 50_256),
        ("micro", 64, 50_257),
        ("micro-v3", 64, 50_257),
    ] {
        let c = load(&models.join(name))?;
        assert_eq!(
            (c.dims.n_text_state, c.vocabulary.len()),
            (width, tokens),
            "{name}"
        );
        assert!(c.alignment_heads.is_some(), "{name}");
    }
    Ok(())
}

/// Nanoseconds this thread has run: unlike the clock it does not count what a busy machine does meanwhile.
fn thread_time() -> u64 {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split_whitespace().next().unwrap().parse().unwrap()
}

fn base_loads_at_once(base: &Path) -> Result<(), Failed> {
    load(base)?; // into the page cache
    let start = thread_time();
    load(base)?;
    let took = thread_time() - start;
    assert!(took < 200_000_000, "{} ms", took / 1_000_000);
    Ok(())
}

fn files_are_those_of_whisper_cpp(models: &Path, python: &Path) -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let c = load(&models.join("tiny.en"))?;
    for dtype in [
        DType::F16,
        DType::Q4_0,
        DType::Q4_1,
        DType::Q5_0,
        DType::Q5_1,
        DType::Q8_0,
    ] {
        let (ours, theirs) = (dir.path().join("ours"), dir.path().join("theirs"));
        ggml_file(&c, dtype, &ours, true)?;
        let mut writer = script(python, "ggml_writer.py");
        run(writer
            .arg(models.join("tiny.en"))
            .arg(&theirs)
            .arg(dtype.to_string()))?;
        assert!(fs::read(&ours)? == fs::read(&theirs)?, "{dtype}");
        assert_eq!(
            load(&theirs)?.tensors["decoder.token_embedding.weight"].dtype,
            dtype
        );
    }
    Ok(())
}

fn checkpoints_of_openai_load(models: &Path, python: &Path) -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    for name in ["tiny.en", "micro-v3"] {
        let path = dir.path().join("model.pt");
        run(script(python, "pt_writer.py").arg(models.join(name)).arg(&path))?;
        let (original, loaded) = (load(&models.join(name))?, load(&path)?);
        assert_eq!(difference(&original, &loaded), 0.0, "{name}");
        assert_eq!(loaded.vocabulary.len(), original.vocabulary.len(), "{name}");
        for id in 0..original.vocabulary.len() as u32 {
            assert_eq!(
                loaded.vocabulary.bytes(id),
                original.vocabulary.bytes(id),
                "{name} {id}"
            );
        }
        if name == "tiny.en" {
            continue;
        }
        let whole = fs::read(&path)?;
        let step = whole.len() / 20;
        for at in (7..whole.len())
            .step_by(step)
            .chain(whole.len() - 22..whole.len())
        {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x55;
            fs::write(&path, &damaged)?;
            // Either it is refused, or the byte was one of padding or of the archive's notes.
            if let Ok(loaded) = load(&path) {
                assert_eq!(difference(&original, &loaded), 0.0, "{name}, byte {at}");
            }
        }
    }
    Ok(())
}

fn whisper_cpp_hears(models: &Path, python: &Path, dtype: DType) -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("model.bin");
    ggml_file(&load(&models.join("tiny.en"))?, dtype, &path, false)?;
    let heard = run(script(python, "transcribe_with_whisper_cpp.py")
        .arg(&path)
        .arg(SPEECH))?;
    let last = heard.lines().last().unwrap_or_default().trim();
    assert_eq!(last, HEARD);
    Ok(())
}

fn transformers_hears(models: &Path, python: &Path) -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("model");
    huggingface_directory(&load(&models.join("tiny.en"))?, DType::F16, &path, false)?;
    let heard = run(script(python, "transcribe_with_transformers.py")
        .arg(&path)
        .arg(SPEECH))?;
    assert_eq!(heard.trim(), HEARD);
    Ok(())
}

fn ctranslate2_converts(models: &Path, python: &Path, quantisation: &str, bound: f32) -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("model");
    let mut converter = Command::new(python);
    converter.args([
        "-m",
        "ctranslate2.converters.transformers",
        "--quantization",
        quantisation,
    ]);
    run(converter
        .arg("--model")
        .arg(models.join("micro"))
        .arg("--output_dir")
        .arg(&path))?;
    let (original, loaded) = (load(&models.join("micro"))?, load(&path)?);
    let worst = difference(&original, &loaded);
    assert!(worst <= bound, "{worst} steps");
    assert_eq!(loaded.alignment_heads, original.alignment_heads);
    Ok(())
}

fn main() {
    let arguments = Arguments::from_args();
    let (models, base) = (models(), base());
    let mut trials = Vec::new();
    let mut add = |name: &str, test: Option<Box<dyn FnOnce() -> Result<(), Failed> + Send>>, needs: &str| {
        trials.push(match test {
            Some(test) => Trial::test(name, test),
            None => Trial::test(format!("{name} (needs {needs})"), || Ok(())).with_ignored_flag(true),
        });
    };
    let both = |python: &Option<PathBuf>| models.clone().zip(python.clone());
    let needs = |modules: &[&str]| format!("XDNA_TESTDATA and XDNA_TEST_PYTHON with {}", modules.join(", "));
    let test = models.clone().map(|m| boxed(move || real_models_load(&m)));
    add("real_models_load", test, "XDNA_TESTDATA");
    add(
        "base_loads_at_once",
        base.map(|b| boxed(move || base_loads_at_once(&b))),
        "XDNA_TEST_BASE",
    );
    let modules = ["pywhispercpp", "whisper", "safetensors"];
    let test = both(&python(&modules)).map(|(m, p)| boxed(move || files_are_those_of_whisper_cpp(&m, &p)));
    add("files_are_those_of_whisper_cpp", test, &needs(&modules));
    let modules = ["whisper", "torch", "safetensors"];
    let test = both(&python(&modules)).map(|(m, p)| boxed(move || checkpoints_of_openai_load(&m, &p)));
    let test = test.filter(|_| cfg!(feature = "pytorch"));
    add("checkpoints_of_openai_load", test, &needs(&modules));
    let modules = ["pywhispercpp"];
    let whisper_cpp = python(&modules);
    for dtype in [DType::F16, DType::Q5_1, DType::Q8_0] {
        let test = both(&whisper_cpp).map(|(m, p)| boxed(move || whisper_cpp_hears(&m, &p, dtype)));
        add(&format!("whisper_cpp_hears_{dtype}"), test, &needs(&modules));
    }
    let modules = ["transformers", "torch"];
    let test = both(&python(&modules)).map(|(m, p)| boxed(move || transformers_hears(&m, &p)));
    add("transformers_hears", test, &needs(&modules));
    let modules = ["ctranslate2", "transformers", "torch"];
    let ctranslate2 = python(&modules);
    for (quantisation, bound) in [
        ("float32", 0.0),
        ("float16", 0.0),
        ("bfloat16", 0.5),
        ("int8", 0.501),
        ("int8_float16", 0.501),
        ("int8_float32", 0.501),
    ] {
        let test = both(&ctranslate2);
        let test = test.map(|(m, p)| boxed(move || ctranslate2_converts(&m, &p, quantisation, bound)));
        add(
            &format!("ctranslate2_converts_to_{quantisation}"),
            test,
            &needs(&modules),
        );
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn boxed(
    test: impl FnOnce() -> Result<(), Failed> + Send + 'static,
) -> Box<dyn FnOnce() -> Result<(), Failed> + Send> {
    Box::new(test)
}
