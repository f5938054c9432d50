//! `xdna convert`, and what it writes put to use.

use std::{ffi::OsStr, fs, path::Path};

use libtest_mimic::Failed;

use crate::{
    common::{self, xdna},
    model,
    sound::{TEXT, sample},
};

pub const TESTS: &[crate::Test] = &[
    ("a_converted_model_hears_the_same", round_trip),
    ("a_form_that_cannot_hold_a_type_is_a_usage_error", types),
];

/// Runs `xdna convert` on the model of these tests.
fn convert(to: &Path, args: &[&str]) -> Result<(Option<i32>, String, String), Failed> {
    let from = model()
        .unwrap_or_default()
        .pop()
        .unwrap_or_else(|| "bundled".to_owned());
    let mut command = xdna([OsStr::new("convert"), from.as_ref(), to.as_os_str()]);
    Ok(common::end(&command.args(args).output()?))
}

fn hears(model: &Path) -> Result<(), Failed> {
    let flags = ["transcribe", "--beam-size", "None", "--model"].map(OsStr::new);
    let mut command = xdna(flags.into_iter().chain([model.as_os_str(), sample().as_os_str()]));
    let (code, stdout, stderr) = common::end(&command.output()?);
    assert_eq!((code, stdout), (Some(0), format!("{TEXT}\n")), "{stderr}");
    Ok(())
}

fn round_trip() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let (file, directory) = (dir.path().join("ggml-q8.bin"), dir.path().join("hf"));
    let (code, stdout, stderr) = convert(&file, &["--type", "q8_0"])?;
    assert_eq!(
        (code, stdout),
        (Some(0), format!("{}\n", file.display())),
        "{stderr}"
    );
    hears(&file)?;
    let (code, _, stderr) = convert(&directory, &[])?;
    assert_eq!(code, Some(0), "{stderr}");
    hears(&directory)?;

    fs::write(&file, "mine")?;
    let (code, _, stderr) = convert(&file, &["--type", "q8_0"])?;
    assert_eq!(code, Some(1));
    assert!(
        stderr.contains("ggml-q8.bin exists; --force replaces it"),
        "{stderr}"
    );
    assert_eq!(fs::read(&file)?, b"mine");
    let (code, ..) = convert(&file, &["--type", "q8_0", "--force"])?;
    assert_eq!(code, Some(0));
    assert!(fs::metadata(&file)?.len() > 1_000_000);
    Ok(())
}

fn types() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    for (name, dtype, says) in [
        ("x.bin", "bf16", "cannot hold bf16"),
        ("x", "q5_1", "cannot hold q5_1"),
    ] {
        let (code, _, stderr) = convert(&dir.path().join(name), &["--type", dtype])?;
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.contains(says), "{stderr}");
    }
    assert_eq!(fs::read_dir(dir.path())?.count(), 0);
    Ok(())
}
