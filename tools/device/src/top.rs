//! `xdna top` and `xdna record`: what the NPU does, again and again.

mod rows;
#[cfg(feature = "tui")]
mod screen;

use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use xdna_driver::Error;
use xdna_terminal::exit::no_device;
use xdna_terminal::{Exit, Out, is_closed_pipe};

use crate::ending::Ending;
use crate::show::object_of;
use crate::snapshot::Snapshot;
use crate::target::{Target, is_simulated};

#[derive(Args, Debug)]
#[command(after_help = "\
Keys: s c o n p sort by submissions, completions, outstanding, columns, process; r turns the order;
q quits. Where stdout is no terminal, the table is printed again and again until Ctrl-C.
`xdna record` writes the same as JSON.

Exit code: 0 if quit; 128 + N if signal N ended it (130: Ctrl-C); 3 if the NPU goes away meanwhile.

Examples:
  xdna top
  xdna top --plain --count 1")]
pub struct Top {
    /// Seconds between looks
    #[arg(long, value_name = "SECONDS", default_value_t = 0.2, value_parser = interval)]
    interval: f64,
    /// Looks to take before it ends [default: no end]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,
    /// What to sort by
    #[arg(long, value_enum, default_value_t = Sort::Submissions)]
    sort: Sort,
    /// Print tables even on a terminal
    #[arg(long)]
    plain: bool,
    /// NPU to look at, by the number in /dev/accel/accelN [default: the first]
    #[arg(long, value_name = "N")]
    device: Option<u32>,
}

#[derive(Args, Debug)]
#[command(after_help = "\
One JSON object a line, schema xdna.record/1: what `xdna top` shows. `xdna diff` compares two. Lines are
whole, however it ends: after --count of them, by Ctrl-C (exit code 130), or by a full disk (1).

Example:
  xdna record --interval 1 --count 60 --output minute.jsonl")]
pub struct Record {
    /// Seconds between looks
    #[arg(long, value_name = "SECONDS", default_value_t = 0.2, value_parser = interval)]
    interval: f64,
    /// Looks to take before it ends [default: no end]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,
    /// File to write, which must not be there yet, instead of stdout
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// NPU to look at, by the number in /dev/accel/accelN [default: the first]
    #[arg(long, value_name = "N")]
    device: Option<u32>,
}

/// What lines are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// Submissions per second
    Submissions,
    /// Completions per second
    Completions,
    /// Commands outstanding
    Outstanding,
    /// Columns
    Columns,
    /// Process number
    Process,
}

fn interval(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "write a number of seconds".to_owned())?;
    if (0.05..=3600.0).contains(&seconds) {
        Ok(seconds)
    } else {
        Err("0.05..=3600 seconds".to_owned())
    }
}

/// Takes snapshots at an interval.
pub(crate) struct Looks {
    target: Target,
    simulated: bool,
    interval: Duration,
    left: Option<u32>,
    next: Instant,
    ending: Ending,
}

impl Looks {
    fn new(device: Option<u32>, interval: f64, count: Option<u32>) -> anyhow::Result<Self> {
        let common = crate::Common { device, json: false };
        Ok(Self {
            target: Target::open(common)?,
            simulated: is_simulated(),
            interval: Duration::from_secs_f64(interval),
            left: count,
            next: Instant::now(),
            ending: Ending::watch()?,
        })
    }

    /// How it ends: well, or by the signal that came.
    pub(crate) fn exit(&self) -> Exit {
        self.ending.exit().unwrap_or(Exit::Done)
    }

    #[cfg(feature = "tui")]
    /// Whether a signal has come.
    pub(crate) fn is_ending(&self) -> bool {
        self.ending.exit().is_some()
    }

    #[cfg(feature = "tui")]
    /// Until when to wait for the next look.
    pub(crate) fn due(&self) -> Instant {
        self.next
    }

    /// The next look; `None` after the last, or when a signal has come.
    pub(crate) fn take(&mut self) -> anyhow::Result<Option<Snapshot>> {
        match &mut self.left {
            Some(0) => return Ok(None),
            Some(left) => *left -= 1,
            None => {}
        }
        self.ending.sleep_until(self.next);
        if self.ending.exit().is_some() {
            return Ok(None);
        }
        // A look that took long moves the ones behind it.
        self.next = (self.next + self.interval).max(Instant::now());
        let snapshot = Snapshot::take(&self.target.device, self.simulated);
        snapshot.map(Some).map_err(gone)
    }
}

/// Says so where the device went away while it was looked at: unbound, or its module unloaded.
fn gone(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<Error>().and_then(Error::errno) {
        Some(libc::ENODEV | libc::ENXIO) => {
            no_device(format!("the NPU went away: {error}; `xdna doctor` finds out why"))
        }
        _ => error,
    }
}

/// Shows what the NPU does.
pub(crate) fn run(args: &Top, out: &mut Out) -> anyhow::Result<Exit> {
    let mut looks = Looks::new(args.device, args.interval, args.count)?;
    #[cfg(feature = "tui")]
    if !args.plain && std::io::stdout().is_terminal() && std::io::stdin().is_terminal() {
        return screen::run(&mut looks, args.sort);
    }
    let mut before: Option<Snapshot> = None;
    while let Some(now) = looks.take()? {
        let first = before.is_none();
        // Rates take two looks: the first is shown alone where it is the only one.
        if !first || args.count == Some(1) {
            let separator = if out_is_terminal() { "\n" } else { "" };
            out.write(&format!(
                "{}{separator}",
                rows::text(&now, before.as_ref(), args.sort)
            ))?;
        }
        if out.is_closed() {
            break;
        }
        before = Some(now);
    }
    Ok(looks.exit())
}

fn out_is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Writes what the NPU does.
pub(crate) fn record(args: &Record, out: &mut Out) -> anyhow::Result<Exit> {
    let mut looks = Looks::new(args.device, args.interval, args.count)?;
    let mut file = args.output.clone().map(Lines::create).transpose()?;
    let mut before: Option<Snapshot> = None;
    while let Some(now) = looks.take()? {
        let mut line = object_of(&now, "xdna.record/1")?;
        line["activity"] = serde_json::to_value(now.activity(before.as_ref()).concat())?;
        let is_read = match &mut file {
            Some(file) => file.push(&line.to_string())?,
            None => {
                out.json(&line)?;
                !out.is_closed()
            }
        };
        if !is_read {
            break;
        }
        before = Some(now);
    }
    Ok(looks.exit())
}

/// A file of whole lines.
struct Lines {
    path: PathBuf,
    file: File,
    /// Bytes of the lines so far.
    whole: u64,
}

impl Lines {
    fn create(path: PathBuf) -> anyhow::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let file = file.with_context(|| path.display().to_string())?;
        Ok(Self { path, file, whole: 0 })
    }

    /// Adds a line; false where nobody reads any more. Of a line that the disk has no room for, nothing stays.
    fn push(&mut self, line: &str) -> anyhow::Result<bool> {
        let line = format!("{line}\n");
        let written = self.file.write_all(line.as_bytes());
        match written {
            Ok(()) => {
                self.whole += line.len() as u64;
                Ok(true)
            }
            Err(e) if is_closed_pipe(&e) => Ok(false),
            Err(e) => {
                let cut = self.file.set_len(self.whole);
                let path = self.path.display();
                match cut {
                    Ok(()) => Err(e).with_context(|| path.to_string()),
                    Err(_) => Err(e).with_context(|| format!("{path}: its last line is not whole")),
                }
            }
        }
    }
}
