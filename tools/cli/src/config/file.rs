//! Settings from the configuration file.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use clap::Command;
use toml::{Table, Value};

use super::{Origin, Setting, key_of};
use crate::exit::usage;

/// Where the file is, and whether somebody demanded that it be there.
pub(super) fn path() -> Option<(PathBuf, bool)> {
    let set = |name: &str| env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(path) = set("XDNA_CONFIG") {
        return Some((path, true));
    }
    // the XDG rules: a relative path counts as unset
    let home = set("XDG_CONFIG_HOME").filter(|p| p.is_absolute());
    let home = home.or_else(|| Some(set("HOME")?.join(".config")))?;
    Some((home.join("xdna").join("config.toml"), false))
}

/// Reads the file; none at all, where `$XDNA_CONFIG` does not name one.
///
/// # Errors
/// A file that cannot be read or is no TOML, unknown keys, values that no flag takes.
pub(super) fn read(verb: &Command) -> anyhow::Result<Vec<Setting>> {
    let Some((path, demanded)) = path() else {
        return Ok(Vec::new());
    };
    match fs::read_to_string(&path) {
        Ok(text) => parse(verb, &path, &text),
        Err(e) if e.kind() == io::ErrorKind::NotFound && !demanded => Ok(Vec::new()),
        Err(e) => Err(usage(format!("file {}: {e}", path.display()))),
    }
}

fn parse(verb: &Command, path: &Path, text: &str) -> anyhow::Result<Vec<Setting>> {
    let refuse = |what: String| usage(format!("file {}: {what}", path.display()));
    let table: Table = text.parse().map_err(|e: toml::de::Error| refuse(e.to_string()))?;
    let mut settings: Vec<Setting> = Vec::new();
    for (name, value) in table {
        let key =
            key_of(verb, &name).map_err(|n| refuse(format!("unknown key `{name}`; did you mean `{n}`?")))?;
        if settings.iter().any(|s| s.key == key) {
            return Err(refuse(format!("`{name}` says again what `{key}` is")));
        }
        let value = plain(&value)
            .ok_or_else(|| refuse(format!("`{name}` is no text, number, boolean or list of them")))?;
        settings.push(Setting {
            key,
            value,
            origin: Origin::File(path.to_owned()),
        });
    }
    Ok(settings)
}

/// The value as a flag would be given.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(s) => Some(s.clone()),
        Value::Integer(n) => Some(n.to_string()),
        Value::Float(x) => Some(x.to_string()),
        Value::Boolean(true) => Some("True".to_owned()),
        Value::Boolean(false) => Some("False".to_owned()),
        Value::Array(list) => list
            .iter()
            .map(plain)
            .collect::<Option<Vec<_>>>()
            .map(|parts| parts.join(",")),
        Value::Datetime(_) | Value::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<(String, String)>, String> {
        let verb = crate::args::command()
            .find_subcommand("transcribe")
            .unwrap()
            .clone();
        let settings = super::parse(&verb, Path::new("c.toml"), text).map_err(|e| e.to_string())?;
        Ok(settings.into_iter().map(|s| (s.key, s.value)).collect())
    }

    #[test]
    fn values_read_as_flags() {
        let text =
            "beam-size = 3\nformat = ['txt', 'srt']\nword_timestamps = true\npatience = 1.5\nprompt = ''";
        let pairs = parse(text).unwrap();
        let expected = [
            ("beam_size", "3"),
            ("output_format", "txt,srt"),
            ("patience", "1.5"),
            ("initial_prompt", ""),
            ("word_timestamps", "True"),
        ];
        assert!(
            expected
                .iter()
                .all(|(k, v)| pairs.contains(&((*k).to_owned(), (*v).to_owned()))),
            "{pairs:?}"
        );
    }

    #[test]
    fn what_is_no_setting_is_refused_by_name() {
        let refused = |text: &str| parse(text).unwrap_err();
        assert_eq!(
            refused("beam_sise = 3"),
            "file c.toml: unknown key `beam_sise`; did you mean `beam_size`?"
        );
        assert!(refused("model = { name = 'x' }").contains("`model` is no text"));
        assert!(refused("prompt = 'a'\ninitial_prompt = 'b'").contains("says again"));
        assert!(refused("model = ").contains("c.toml"));
    }
}
