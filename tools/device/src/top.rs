//! `xdna top` and `xdna record`: what the NPU does, again and again.

mod rows;
#[cfg(feature = "tui")]
mod screen;

use std::fs::OpenOptions;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use xdna_terminal::{Exit, Out, is_closed_pipe};

use crate::show::object_of;
use crate::snapshot::Snapshot;
use crate::target::{Target, is_simulated};

#[derive(Args, Debug)]
#[command(after_help = "\
Keys: s c o n p sort by submissions, completions, outstanding, columns, process; r turns the order;
q quits. Where stdout is no terminal, the table is printed again and again. `xdna record` writes the
same as JSON.

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
One JSON object a line, schema xdna.record/1: what `xdna top` shows. `xdna diff` compares two.

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
        })
    }

    #[cfg(feature = "tui")]
    /// Until when to wait for the next look.
    pub(crate) fn due(&self) -> Instant {
        self.next
    }

    /// The next look; `None` after the last.
    pub(crate) fn take(&mut self) -> anyhow::Result<Option<Snapshot>> {
        match &mut self.left {
            Some(0) => return Ok(None),
            Some(left) => *left -= 1,
            None => {}
        }
        thread::sleep(self.next.saturating_duration_since(Instant::now()));
        // A look that took long moves the ones behind it.
        self.next = (self.next + self.interval).max(Instant::now());
        Snapshot::take(&self.target.device, self.simulated).map(Some)
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
    Ok(Exit::Done)
}

fn out_is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Writes what the NPU does.
pub(crate) fn record(args: &Record, out: &mut Out) -> anyhow::Result<Exit> {
    let mut looks = Looks::new(args.device, args.interval, args.count)?;
    let mut file = match &args.output {
        None => None,
        Some(path) => {
            let file = OpenOptions::new().write(true).create_new(true).open(path);
            Some(BufWriter::new(file.with_context(|| path.display().to_string())?))
        }
    };
    let mut before: Option<Snapshot> = None;
    while let Some(now) = looks.take()? {
        let mut line = object_of(&now, "xdna.record/1")?;
        line["activity"] = serde_json::to_value(now.activity(before.as_ref()).concat())?;
        match &mut file {
            None => out.json(&line)?,
            Some(file) => match writeln!(file, "{line}").and_then(|()| file.flush()) {
                Err(e) if is_closed_pipe(&e) => break,
                other => other?,
            },
        }
        if out.is_closed() {
            break;
        }
        before = Some(now);
    }
    Ok(Exit::Done)
}
