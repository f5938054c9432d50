//! Exit codes, and how an error chooses one.

use std::{fmt, process::ExitCode};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything asked for was done; a closed pipe counts as done.
    Done,
    /// The operation, or one of several, failed.
    Failed,
    /// The command line, a variable or the configuration file is wrong.
    Usage,
    /// There is no device to run on.
    NoDevice,
    /// It works, with findings.
    Degraded,
    /// Stopped by a signal.
    Interrupted,
    /// As a program that was run for somebody ended: its code, or 128 and the signal's number.
    Program(u8),
}

/// The table for `--help`.
pub const HELP: &str = "\
Exit codes:
  0    done (a closed pipe counts as done)
  1    the operation failed, for one of several files at least
  2    wrong usage: command line, XDNA_* variable or configuration file
  3    no device: an NPU was demanded and cannot be used
  4    degraded: works, with findings
  130  interrupted";

impl Exit {
    /// The code an error asks for.
    pub fn of(error: &anyhow::Error) -> Self {
        match error.downcast_ref::<Refusal>() {
            Some(Refusal::Usage(_)) => Self::Usage,
            Some(Refusal::NoDevice(_)) => Self::NoDevice,
            Some(Refusal::Interrupted) => Self::Interrupted,
            None => Self::Failed,
        }
    }
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::NoDevice => 3,
            Exit::Degraded => 4,
            Exit::Interrupted => 130,
            Exit::Program(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(u8::from(exit))
    }
}

/// Errors that have an exit code of their own.
#[derive(Debug)]
pub enum Refusal {
    /// What was asked for makes no sense.
    Usage(String),
    /// There is no such device, or nothing here can use it.
    NoDevice(String),
    /// A signal came.
    Interrupted,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::NoDevice(text) => f.write_str(text),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for Refusal {}

/// There is no device that could do it.
pub fn no_device(text: impl Into<String>) -> anyhow::Error {
    Refusal::NoDevice(text.into()).into()
}

/// What `error` says, with its causes where it does not quote them itself.
pub fn message(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// A usage error.
pub fn usage(text: impl Into<String>) -> anyhow::Error {
    Refusal::Usage(text.into()).into()
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let cause = || std::io::Error::other("no space");
        let quoted = anyhow::Error::from(cause()).context("a.txt: no space");
        assert_eq!(message(&quoted), "a.txt: no space");
        let unquoted = Err::<(), _>(cause()).context("a.txt").unwrap_err();
        assert_eq!(message(&unquoted), "a.txt: no space");
    }
}
