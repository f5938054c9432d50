//! The command line: verbs here, each verb's flags in a module of its own.

mod argv;
mod convert;
mod transcribe;
mod values;

use std::path::PathBuf;

use clap::{Args, Command, CommandFactory, Parser, Subcommand};

pub(crate) use argv::normalise;
pub(crate) use convert::{Convert, Type};
pub(crate) use transcribe::{Device, Ear, Format, Task, Transcribe};
pub(crate) use values::boolean;

use crate::{conformance::Flags, exit, fetch::Fetch, models::Models};

const EXAMPLES: &str = "\
Examples:
  xdna transcribe talk.mp3                     the text, a segment a line
  xdna transcribe talk.mp3 --format srt        subtitles, in talk.srt
  xdna fetch base && xdna transcribe --model base --language fr entretien.ogg";

#[derive(Debug, Parser)]
#[command(
    name = "xdna",
    version,
    about = "Speech-to-text on AMD Ryzen AI NPUs",
    after_help = format!("{EXAMPLES}\n\n{}", exit::HELP),
    max_term_width = 100,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// The definition that parsing, help, completions and settings share.
pub(crate) fn command() -> Command {
    Cli::command().mut_subcommand("transcribe", |verb| verb.mut_args(transcribe::switches))
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Write down what is said in audio files
    Transcribe(Box<Transcribe>),
    /// List known models and those on disk
    Models(Models),
    /// Download a model from the Hugging Face hub
    Fetch(Fetch),
    /// Write a model in another form or precision
    Convert(Convert),
    /// Show every setting and where its value comes from
    Config(Config),
    #[command(flatten)]
    Device(xdna_device::Verb),
    /// Run a program with a simulated NPU
    Sim(Box<xdna_sim::cli::SimArgs>),
    /// Check an NPU's ioctl surface against the table of what it should answer
    Conformance(Flags),
    /// Print a completion script for a shell
    #[command(
        hide = true,
        after_help = "Example:\n  xdna completions bash > ~/.local/share/bash-completion/completions/xdna"
    )]
    Completions {
        /// Shell to complete in
        shell: clap_complete::Shell,
    },
    /// Write the manual pages
    #[command(
        hide = true,
        after_help = "Example:\n  xdna man ~/.local/share/man/man1 && man xdna-transcribe"
    )]
    Man {
        /// Directory to write them to; without it, the page of `xdna` goes to stdout
        dir: Option<PathBuf>,
    },
}

#[derive(Args, Debug)]
#[command(after_help = "\
Settings are the long flags of `xdna transcribe`. A value is taken from the flag, else from the
variable XDNA_FLAG_NAME (an empty one counts as unset), else from the configuration file, else the
default holds. The file is $XDNA_CONFIG, else xdna/config.toml in $XDG_CONFIG_HOME (~/.config):

  model = \"base\"
  beam_size = 1
  format = [\"txt\", \"srt\"]

Examples:
  xdna config --show-origin
  XDNA_BEAM_SIZE=1 xdna config --json")]
pub(crate) struct Config {
    /// Show which of flag, environment, file and default each value comes from
    #[arg(long)]
    pub(crate) show_origin: bool,
    /// Print one JSON object, schema `xdna.config/1`, origins included
    #[arg(long)]
    pub(crate) json: bool,
}
