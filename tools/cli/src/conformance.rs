//! `xdna conformance`: the flags of the conformance program, in the terms of this one.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches, value_parser};
use xdna_conformance::options::{AXES, EVIDENCE, EXAMPLE, EXIT, FLAGS, Flag, NOTES};

/// The flags given, as the conformance program takes them.
#[derive(Clone, Debug)]
pub(crate) struct Flags(Vec<OsString>);

/// Runs the checks; ends as the conformance program does.
pub(crate) fn run(flags: Flags) -> ExitCode {
    xdna_conformance::run(flags.0.into_iter())
}

fn all() -> impl Iterator<Item = (&'static Flag, Option<&'static str>)> {
    let axes = "What the machine cannot tell (every value left open is allowed)";
    let plain = FLAGS.iter().map(|flag| (flag, None));
    plain.chain(AXES.iter().map(move |flag| (flag, Some(axes))))
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        let args = all().map(|(flag, heading)| {
            let arg = Arg::new(flag.name)
                .long(flag.name)
                .help(flag.help)
                .help_heading(heading);
            match flag.value {
                Some(value) => arg.value_name(value).value_parser(value_parser!(OsString)),
                None => arg.action(ArgAction::SetTrue),
            }
        });
        command.args(args).after_help(format!(
            "{EVIDENCE}\n\n{NOTES}\n\n{EXIT}\n\nExample: xdna conformance {EXAMPLE}"
        ))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut given = Vec::new();
        for (flag, _) in all() {
            let long = OsString::from(format!("--{}", flag.name));
            match flag.value {
                None if matches.get_flag(flag.name) => given.push(long),
                Some(_) => {
                    let value = matches.get_one::<OsString>(flag.name).cloned();
                    given.extend(value.into_iter().flat_map(|value| [long.clone(), value]));
                }
                None => {}
            }
        }
        Ok(Self(given))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
