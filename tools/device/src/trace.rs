//! `xdna trace`: every call a program makes to the NPU, decoded, with its duration.

mod calls;
mod client;
mod event;
mod process;
mod tracer;

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use nix::unistd::Pid;
use xdna_terminal::exit::usage;
use xdna_terminal::{Exit, is_closed_pipe, say};

use event::Event;
use tracer::{Ended, Tracer};

#[derive(Args, Debug)]
#[command(after_help = "\
Lines go to stderr, since stdout is the program's, or to --output. Handles are followed to their
buffers, and the packets of submitted commands are decoded. Stop watching a process with Ctrl-C: it
goes on. Attaching needs the rights that a debugger needs.

Examples:
  xdna trace -- xdna selftest
  xdna trace --json --output calls.jsonl -p 4242")]
pub struct Trace {
    /// Process to watch
    #[arg(short, long, value_name = "PID", conflicts_with = "program")]
    pid: Option<i32>,
    /// Print JSON lines, schema xdna.trace/1
    #[arg(long)]
    json: bool,
    /// File to write to instead of stderr
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Program to run and watch, with its arguments
    #[arg(last = true, value_name = "PROGRAM", required_unless_present = "pid")]
    program: Vec<std::ffi::OsString>,
}

/// Watches a program until it ends.
pub(crate) fn run(args: &Trace) -> anyhow::Result<Exit> {
    let mut sink = Sink::new(args)?;
    let ended = match args.pid {
        Some(pid) if pid > 0 => Tracer::attach(Pid::from_raw(pid)).with_context(|| {
            format!("process {pid} can't be watched (is it yours, and not watched already?)")
        })?,
        Some(pid) => return Err(usage(format!("-p {pid}: no process has this number"))),
        None => Tracer::launch(&args.program).context("the program can't be started")?,
    }
    .run(|event| sink.write(&event))?;
    match ended {
        Ended::Well => Ok(Exit::Done),
        Ended::Code(code) => {
            say(&format!("the program ended with exit code {code}"));
            Ok(Exit::Failed)
        }
        Ended::Signal(signal) => {
            say(&format!("the program was ended by {signal}"));
            Ok(Exit::Failed)
        }
    }
}

/// Where the lines go.
enum Sink {
    Stderr { json: bool },
    File { json: bool, file: File },
}

impl Sink {
    fn new(args: &Trace) -> anyhow::Result<Self> {
        let json = args.json;
        Ok(match &args.output {
            None => Self::Stderr { json },
            Some(path) => {
                let file = File::create(path).with_context(|| path.display().to_string())?;
                Self::File { json, file }
            }
        })
    }

    /// Writes an event; false where nobody reads any more.
    fn write(&mut self, event: &Event) -> anyhow::Result<bool> {
        match self {
            Self::Stderr { json } => {
                event.lines(*json).iter().for_each(|line| say(line));
                Ok(true)
            }
            Self::File { json, file } => {
                let lines = event
                    .lines(*json)
                    .into_iter()
                    .map(|line| xdna_terminal::clean(&line) + "\n");
                let text: String = lines.collect();
                // Whole events: Ctrl-C ends the watching of a process at any moment.
                match file.write_all(text.as_bytes()) {
                    Err(e) if is_closed_pipe(&e) => return Ok(false),
                    other => other?,
                }
                Ok(true)
            }
        }
    }
}
