//! Running the program from tests.

use std::{
    ffi::OsStr,
    process::{Command, Output},
};

/// The program, with nothing of the caller's settings.
pub fn xdna<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xdna"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("XDNA_")) {
        command.env_remove(name);
    }
    command
        .env_remove("RUST_LOG")
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env("COLUMNS", "100");
    command.args(args);
    command
}

/// Exit code, stdout and stderr.
pub fn end(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}
