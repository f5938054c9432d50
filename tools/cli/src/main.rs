//! `xdna`: speech-to-text on AMD Ryzen AI NPUs, and tools for the device.
#![forbid(unsafe_code)]

mod args;
mod bundled;
mod config;
mod conformance;
mod convert;
mod fetch;
mod manual;
mod model;
mod models;
mod sim;
mod transcribe;

use std::{env, ffi::OsString, io::Write, process::ExitCode};

use clap::{ArgMatches, Command, FromArgMatches, error::ErrorKind};

use args::{Cli, Verb};
use xdna_terminal::{self as terminal, Exit, Out, exit};

fn main() -> ExitCode {
    // what symphonia stumbles over while it guesses formats is no news to people
    let filter = env_logger::Env::default().default_filter_or("warn,symphonia=off");
    let mut logger = env_logger::Builder::from_env(filter);
    logger.format(|to, record| {
        let text = terminal::clean(&record.args().to_string());
        writeln!(
            to,
            "{}: {}: {text}",
            record.level().as_str().to_lowercase(),
            record.target()
        )
    });
    logger.init();
    run(env::args_os().collect()).unwrap_or_else(|error| {
        terminal::say_block(&format!("xdna: {}", exit::message(&error)));
        Exit::of(&error).into()
    })
}

fn run(args: Vec<OsString>) -> anyhow::Result<ExitCode> {
    let root = args::command();
    let args = args::normalise(args, &root);
    let (cli, matches) = match parse(&root, &args) {
        Ok(parsed) => parsed,
        Err(e) => return refuse(&e).map(ExitCode::from),
    };
    let verb = |name: &str| {
        let mut verb = root.find_subcommand(name).cloned().unwrap_or_default();
        verb.build();
        verb
    };
    let places = || anyhow::Ok(config::places(&config::load(&verb("transcribe"))?));
    let mut out = Out::default();
    let exit = match cli.verb {
        // These fork while there is one thread, and end as what they ran did.
        Verb::Sim(args) => return sim::run(*args),
        Verb::Conformance(flags) => return Ok(conformance::run(flags)),
        Verb::Transcribe(_) => {
            let verb = verb("transcribe");
            let settings = config::load(&verb)?;
            let own = matches.subcommand_matches("transcribe").unwrap_or(&matches);
            let merged = config::merge(&args, own, &verb, &settings);
            match parse(&root, &merged) {
                Ok((
                    Cli {
                        verb: Verb::Transcribe(args),
                    },
                    _,
                )) => transcribe::run(&args),
                Ok(_) => Ok(Exit::Usage),
                Err(e) => refuse(&e),
            }
        }
        Verb::Models(args) => models::run(&args, &places()?, &mut out).map(|()| Exit::Done),
        Verb::Fetch(args) => fetch::run(&args, &places()?, &mut out).map(|()| Exit::Done),
        Verb::Convert(args) => convert::run(&args, &places()?, &mut out).map(|()| Exit::Done),
        Verb::Config(args) => config::show(&args, &verb("transcribe"), &mut out).map(|()| Exit::Done),
        Verb::Device(verb) => xdna_device::run(verb, &mut out),
        Verb::Completions { shell } => manual::completions(root, shell, &mut out).map(|()| Exit::Done),
        Verb::Man { dir } => manual::pages(root, dir.as_deref(), &mut out).map(|()| Exit::Done),
    };
    exit.map(ExitCode::from)
}

fn parse(root: &Command, args: &[OsString]) -> Result<(Cli, ArgMatches), clap::Error> {
    let matches = root.clone().try_get_matches_from(args)?;
    let cli = Cli::from_arg_matches(&matches)?;
    Ok((cli, matches))
}

/// What clap has to say: help and version to stdout, everything else to stderr.
fn refuse(e: &clap::Error) -> anyhow::Result<Exit> {
    let text = e.render().to_string();
    match e.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            Out::default().write(&text)?;
            Ok(Exit::Done)
        }
        _ => {
            terminal::say_block(&text);
            Ok(Exit::Usage)
        }
    }
}
