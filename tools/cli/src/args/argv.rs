//! Makes openai-whisper's spelling of flags ours before clap sees it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use clap::{Arg, Command};

use super::boolean;

/// Flags with underscores get dashes, and a boolean followed by `True` or `False` gets it as its value.
///
/// Values of flags, and whatever follows `--`, are left alone. A flag may be shortened as long as it is unambiguous.
pub(crate) fn normalise(args: Vec<OsString>, root: &Command) -> Vec<OsString> {
    let verb = args
        .get(1)
        .and_then(|a| a.to_str())
        .and_then(|v| root.find_subcommand(v));
    let Some(verb) = verb else { return args };
    let mut out: Vec<OsString> = args[..2].to_vec();
    let mut rest = args[2..].iter().peekable();
    while let Some(token) = rest.next() {
        if token == "--" {
            out.push(token.clone());
            out.extend(rest.cloned());
            break;
        }
        let (name, value) = split(token);
        let Some(arg) = find(verb, &name) else {
            out.push(token.clone());
            continue;
        };
        let joined = |value: &OsStr| {
            let parts = [name.as_bytes(), b"=", value.as_bytes()];
            OsString::from_vec(parts.concat())
        };
        match value {
            Some(value) => out.push(joined(value)),
            None if arg.is_require_equals_set() => {
                let given = rest.next_if(|next| next.to_str().is_some_and(|next| boolean(next).is_ok()));
                out.push(given.map_or_else(|| OsString::from(&name), |given| joined(given)));
            }
            None => {
                out.push(OsString::from(&name));
                if arg.get_action().takes_values() {
                    out.extend(rest.next().cloned());
                }
            }
        }
    }
    out
}

/// `--beam_size=3` as (`--beam-size`, `3`); anything else as itself.
fn split(token: &OsStr) -> (String, Option<&OsStr>) {
    let bytes = token.as_bytes();
    let end = bytes
        .iter()
        .position(|&b| b == b'=')
        .filter(|_| bytes.starts_with(b"--"));
    let name = String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]);
    let name = if name.starts_with("--") {
        name.replace('_', "-")
    } else {
        name.into_owned()
    };
    (name, end.map(|end| OsStr::from_bytes(&bytes[end + 1..])))
}

/// The flag called `name` (`--beam-size`, `--beam`, `-o`).
fn find<'a>(verb: &'a Command, name: &str) -> Option<&'a Arg> {
    if let Some(long) = name.strip_prefix("--") {
        let names = |arg: &'a Arg| arg.get_long_and_visible_aliases().unwrap_or_default();
        let exact = verb.get_arguments().find(|arg| names(arg).contains(&long));
        let mut starting = verb
            .get_arguments()
            .filter(|arg| names(arg).iter().any(|n| n.starts_with(long)));
        return exact.or_else(|| starting.next().filter(|_| starting.next().is_none()));
    }
    let short = name.strip_prefix('-')?;
    verb.get_arguments()
        .find(|arg| arg.get_short().is_some_and(|s| short == s.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalised(line: &str) -> String {
        let args = line.split(' ').map(OsString::from).collect();
        let out = normalise(args, &crate::args::command());
        out.join(OsStr::new(" ")).into_string().unwrap()
    }

    #[test]
    fn the_references_spelling_becomes_ours() {
        assert_eq!(
            normalised(
                "xdna transcribe a.wav --beam_size 3 --output_dir my_dir --word_timestamps True -f srt"
            ),
            "xdna transcribe a.wav --beam-size 3 --output-dir my_dir --word-timestamps=True -f srt"
        );
        assert_eq!(
            normalised("xdna transcribe --best_of=2 b_c.wav"),
            "xdna transcribe --best-of=2 b_c.wav"
        );
        assert_eq!(
            normalised("xdna transcribe --word_time false x"),
            "xdna transcribe --word-time=false x"
        );
    }

    #[test]
    fn values_and_file_names_are_left_alone() {
        assert_eq!(
            normalised("xdna transcribe --stats a_b.wav"),
            "xdna transcribe --stats a_b.wav"
        );
        assert_eq!(
            normalised("xdna transcribe --prompt --a_b x -- --c_d"),
            "xdna transcribe --prompt --a_b x -- --c_d"
        );
        assert_eq!(
            normalised("xdna transcribe --no_such True"),
            "xdna transcribe --no_such True"
        );
    }
}
