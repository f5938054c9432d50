//! Settings: flag, then environment, then configuration file, then default.
//!
//! A setting is a long flag of `xdna transcribe`. What environment and file say is put in front of the command line
//! as flags, so that there is one parser, one set of ranges and one set of messages.

mod env;
mod file;
mod show;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use clap::{Arg, ArgMatches, Command, parser::ValueSource};

pub(crate) use show::show;
use xdna_whisper::model::locate::Places;

use crate::exit::usage;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An environment variable.
    Environment(String),
    /// The configuration file.
    File(PathBuf),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

/// One setting that somebody made.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// Its key: the flag's name with underscores.
    pub(crate) key: String,
    /// Its value, as the flag would be given.
    pub(crate) value: String,
    /// Who made it.
    pub(crate) origin: Origin,
}

/// The flags that are settings, under their keys.
pub(crate) fn keys(verb: &Command) -> impl Iterator<Item = (String, &Arg)> {
    verb.get_arguments()
        .filter(|arg| arg.get_id() != "help")
        .filter_map(|arg| Some((arg.get_long()?.replace('-', "_"), arg)))
}

/// The key that `name` means: itself, an alias, either spelled with dashes.
fn key_of(verb: &Command, name: &str) -> Result<String, String> {
    let name = name.replace('-', "_");
    let called = |arg: &Arg| {
        let names = arg.get_long_and_visible_aliases().unwrap_or_default();
        names.iter().any(|n| n.replace('-', "_") == name)
    };
    keys(verb)
        .find(|(_, arg)| called(arg))
        .map(|(key, _)| key)
        .ok_or_else(|| {
            let names =
                keys(verb).flat_map(|(_, arg)| arg.get_long_and_visible_aliases().unwrap_or_default());
            let names = names.map(|n| n.replace('-', "_"));
            let score = |n: &String| strsim::jaro_winkler(n, &name);
            names
                .max_by(|a, b| score(a).total_cmp(&score(b)))
                .unwrap_or_default()
        })
}

/// What environment and file say, each setting once, values checked.
///
/// # Errors
/// Unknown keys (naming the nearest known one), values that the flag would refuse, a file that cannot be read.
pub(crate) fn load(verb: &Command) -> anyhow::Result<Vec<Setting>> {
    let mut settings = env::read(verb)?;
    for setting in file::read(verb)? {
        if settings.iter().all(|s| s.key != setting.key) {
            settings.push(setting);
        }
    }
    settings.iter().try_for_each(|s| check(verb, s))?;
    Ok(settings)
}

/// Where models are kept, as the settings say.
pub(crate) fn places(settings: &[Setting]) -> Places {
    let dir = settings
        .iter()
        .find(|s| s.key == "model_dir")
        .map(|s| PathBuf::from(&s.value));
    places_with(dir.as_deref())
}

/// The usual places, with `model_dir` for our own directory where it is given.
pub(crate) fn places_with(model_dir: Option<&Path>) -> Places {
    let usual = Places::from_env();
    match model_dir {
        Some(dir) => usual.with_own(dir),
        None => usual,
    }
}

/// The flag that says the same as `setting`.
fn flag(setting: &Setting) -> OsString {
    format!("--{}={}", setting.key.replace('_', "-"), setting.value).into()
}

/// Parses `setting` alone.
fn check(verb: &Command, setting: &Setting) -> anyhow::Result<()> {
    let result = verb
        .clone()
        .try_get_matches_from([OsString::from("transcribe"), flag(setting), "-".into()]);
    let Err(e) = result else { return Ok(()) };
    let text = e.to_string();
    let text = text.lines().next().unwrap_or_default();
    Err(usage(format!(
        "{}: {}",
        setting.origin,
        text.trim_start_matches("error: ")
    )))
}

/// The command line with the settings it does not overrule put in front.
pub(crate) fn merge(
    args: &[OsString],
    matches: &ArgMatches,
    verb: &Command,
    settings: &[Setting],
) -> Vec<OsString> {
    let overruled = |key: &str| {
        let id = keys(verb)
            .find(|(k, _)| k == key)
            .map(|(_, arg)| arg.get_id().clone());
        id.is_some_and(|id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine))
    };
    let mut merged = args[..2].to_vec();
    merged.extend(settings.iter().filter(|s| !overruled(&s.key)).map(flag));
    merged.extend_from_slice(&args[2..]);
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verb() -> Command {
        crate::args::command()
            .find_subcommand("transcribe")
            .unwrap()
            .clone()
    }

    #[test]
    fn keys_have_one_name_and_several_spellings() {
        assert_eq!(key_of(&verb(), "beam-size"), Ok("beam_size".to_owned()));
        assert_eq!(key_of(&verb(), "prompt"), Ok("initial_prompt".to_owned()));
        assert_eq!(key_of(&verb(), "beamsize"), Err("beam_size".to_owned()));
        assert_eq!(key_of(&verb(), "langage"), Err("language".to_owned()));
    }

    #[test]
    fn a_flag_overrules_a_setting() {
        let verb = verb();
        let args = ["xdna", "transcribe", "--beam-size", "1", "a.wav"].map(OsString::from);
        let matches = verb.clone().try_get_matches_from(&args[1..]).unwrap();
        let setting = |key: &str, value: &str| Setting {
            key: key.to_owned(),
            value: value.to_owned(),
            origin: Origin::Environment("X".to_owned()),
        };
        let merged = merge(
            &args,
            &matches,
            &verb,
            &[setting("beam_size", "3"), setting("best_of", "2")],
        );
        let expected = ["xdna", "transcribe", "--best-of=2", "--beam-size", "1", "a.wav"];
        assert_eq!(merged, expected.map(OsString::from));
    }
}
