//! The model inside the program.

/// What `--model` means where it is not given.
#[cfg(feature = "bundled-model")]
pub(crate) const DEFAULT_MODEL: &str = NAME;
/// What `--model` means where it is not given.
#[cfg(not(feature = "bundled-model"))]
pub(crate) const DEFAULT_MODEL: &str = "tiny.en";

/// How the model inside the program is called.
pub(crate) const NAME: &str = "bundled";

/// File name of the model, in `tools/cli/model/`.
#[cfg(feature = "bundled-model")]
macro_rules! model_file {
    () => {
        "ggml-tiny.en-q8_0.bin"
    };
}

/// The model's bytes, where they lie in the program file; nothing is copied.
#[cfg(feature = "bundled-model")]
pub(crate) fn model() -> Option<(&'static [u8], &'static str)> {
    static MODEL: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/model/", model_file!()));
    Some((MODEL, concat!(model_file!(), " inside xdna")))
}

/// The program was built without one.
#[cfg(not(feature = "bundled-model"))]
pub(crate) fn model() -> Option<(&'static [u8], &'static str)> {
    None
}
