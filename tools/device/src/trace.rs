//! `xdna trace`: every call a program makes to the NPU, decoded, with its duration.

mod answers;
mod calls;
mod client;
mod descriptors;
mod event;
mod process;
mod start;
mod stops;
mod threads;
mod tracer;

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use clap::Args;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use xdna_terminal::exit::usage;
use xdna_terminal::{Exit, is_closed_pipe, say};

use event::Event;
use tracer::{Ended, Tracer};

#[derive(Args, Debug)]
#[command(after_help = "\
Lines go to stderr, since stdout is the program's, or to --output. Handles are followed to their
buffers, and the packets of submitted commands are decoded. Threads and processes that the program
starts are watched, too. Ctrl-C ends the watching of a process (-p), which goes on, and otherwise is
left to the program. Attaching needs the rights that a debugger needs. Watching costs time: threads
stop twice in every system call, of the NPU or not, which takes tens of microseconds.

Exit code: the program's own, 128 + N if signal N ended it, 127 if it could not be started, 130 if
Ctrl-C ended the watching; else as `xdna --help` has them.

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
    /// File to write, which must not be there yet, instead of stderr
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Program to run and watch, with its arguments
    #[arg(last = true, value_name = "PROGRAM", required_unless_present = "pid")]
    program: Vec<OsString>,
}

/// Watches a program until it ends.
pub(crate) fn run(args: &Trace) -> anyhow::Result<Exit> {
    let sink = Arc::new(Mutex::new(Sink::new(args)?));
    let root = match args.pid {
        Some(pid) if pid > 0 => start::attach(Pid::from_raw(pid)).with_context(|| {
            format!("process {pid} can't be watched (is it yours, and not watched already?)")
        })?,
        Some(pid) => return Err(usage(format!("-p {pid}: no process has this number"))),
        None => match find(&args.program) {
            Some(path) => start::launch(path, &args.program).context("the program can't be started")?,
            None => {
                let name = args.program.first().map(|name| name.to_string_lossy());
                say(&format!("xdna: {}: no such program", name.unwrap_or_default()));
                return Ok(Exit::Program(NOT_FOUND));
            }
        },
    };
    heed_signals(root, args.pid.is_none(), sink.clone())?;
    let ended = Tracer::new(root).run(|event| {
        let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
        sink.write(&event)
    })?;
    match ended {
        Ended::Well => Ok(Exit::Done),
        Ended::Code(code) => Ok(Exit::Program(code as u8)),
        Ended::Signal(signal) => {
            say(&format!("the program was ended by {signal}"));
            Ok(Exit::Program(128 + signal as i32 as u8))
        }
    }
}

/// What a signal to this program does: a terminal sends Ctrl-C to a program that was started from here, too, which decides
/// what becomes of it; a process that was taken over is let go. The waiting thread can't be told, and need not be: the
/// kernel lets go of all when this process ends.
fn heed_signals(root: Pid, is_ours: bool, sink: Arc<Mutex<Sink>>) -> anyhow::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGQUIT, SIGTERM, SIGHUP])?;
    let heed = move || {
        for number in signals.forever() {
            match Signal::try_from(number) {
                // It ended already, or will be told by whoever told us.
                Ok(Signal::SIGINT | Signal::SIGQUIT) | Err(_) if is_ours => {}
                Ok(signal) if is_ours => drop(kill(root, signal)),
                _ => {
                    // Not in the middle of a line.
                    let _whole = sink.lock();
                    std::process::exit(128 + number);
                }
            }
        }
    };
    std::thread::Builder::new()
        .name("xdna-signals".to_owned())
        .spawn(heed)?;
    Ok(())
}

/// What shells end with where there is no such program.
const NOT_FOUND: u8 = 127;

/// Where a program is: by its path, or in a directory of `PATH`.
fn find(program: &[OsString]) -> Option<PathBuf> {
    let name = Path::new(program.first()?);
    let dirs = std::env::var_os("PATH").unwrap_or_default();
    let all: Vec<PathBuf> = if name.components().count() > 1 || name.has_root() {
        vec![name.to_owned()]
    } else {
        std::env::split_paths(&dirs).map(|dir| dir.join(name)).collect()
    };
    let is_program = |path: &PathBuf| {
        path.metadata()
            .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    };
    all.into_iter().find(is_program)
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
                let file = OpenOptions::new().write(true).create_new(true).open(path);
                let file = file.with_context(|| path.display().to_string())?;
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
