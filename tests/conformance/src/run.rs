//! The program: finds the device, runs the checks, prints.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use crate::axes::{Node, find, narrow};
use crate::check::{Check, Fail};
use crate::checks;
use crate::client::Client;
use crate::env::Env;
use crate::options::{Options, Task, help, parse};
use crate::report::{Line, counts, json};
use crate::sys;

/// The longest a check may take.
const LIMIT: Duration = Duration::from_secs(240);

/// Runs the program with the arguments behind its name. The process must have one thread.
pub fn run(args: impl Iterator<Item = OsString>) -> ExitCode {
    let options = match parse(args) {
        Ok(options) => options,
        Err(sentence) => return end(2, &sentence),
    };
    let done = match options.task {
        Task::Help => print(&help()),
        Task::List => list(&options),
        Task::Run | Task::Compare => match node(&options) {
            None => return end(3, "no NPU under /dev/accel (is the amdxdna module loaded?)"),
            Some(node) => match walk(&options, node) {
                Ok(differences) => return ExitCode::from(u8::from(differences)),
                Err(Stopped::Device(fail)) => {
                    return end(1, &format!("the device could not be used: {fail}"));
                }
                Err(Stopped::Axes(sentence)) => return end(2, &sentence),
                Err(Stopped::Output(e)) => Err(e),
            },
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(e) => end(1, &e.to_string()),
    }
}

fn end(code: u8, sentence: &str) -> ExitCode {
    tell(sentence);
    ExitCode::from(code)
}

/// Says something on standard error; nobody is left to hear that it failed.
fn tell(sentence: &str) {
    let _unheard = writeln!(io::stderr(), "xdna-conformance: {sentence}");
}

/// Prints and flushes: nothing may be left in the buffer when a check forks.
fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn node(options: &Options) -> Option<Node> {
    match &options.node {
        Some(path) => Some(Node::at(path.clone())).filter(|node| node.path.exists()),
        None => find(),
    }
}

fn selected(options: &Options) -> impl Iterator<Item = Check> {
    checks::all().filter(|check| check.name.starts_with(&options.only))
}

fn list(options: &Options) -> io::Result<()> {
    let every = narrow(options.known, None, &Node::at("/dev/accel/accel0".into()));
    let lines: Vec<_> = selected(options)
        .map(|check| Line::new(check, String::new(), &every))
        .collect();
    if options.json {
        return print(&(json(&lines, (0, 0), &every) + "\n"));
    }
    for line in lines {
        let Check {
            name, source, row, ..
        } = line.check;
        let row = row.map_or(String::new(), |row| format!(" | row {row}"));
        print(&format!(
            "{name} | {source} | {}{row}\n",
            line.allowed.join(" or ")
        ))?;
    }
    Ok(())
}

/// Why a walk ended early.
enum Stopped {
    Device(Fail),
    Axes(String),
    Output(io::Error),
}

impl From<io::Error> for Stopped {
    fn from(e: io::Error) -> Self {
        Self::Output(e)
    }
}

/// Runs the selected checks; true if there were differences to report.
fn walk(options: &Options, node: Node) -> Result<bool, Stopped> {
    let mut env = Env {
        node,
        profiles: Vec::new(),
        run: options.run,
        hang: options.hang,
        slow: options.slow,
        change: options.change,
    };
    let version = Client::open(&env)
        .and_then(|client| client.version())
        .map_err(Stopped::Device)?;
    let version = (version.version_major, version.version_minor);
    env.profiles = narrow(options.known, Some(version), &env.node);
    if env.profiles.is_empty() {
        let (major, minor) = version;
        return Err(Stopped::Axes(format!(
            "no known driver {major}.{minor} fits the device and the flags given"
        )));
    }
    announce(&env, version);

    let mut lines = Vec::new();
    for check in selected(options) {
        let outcome = outcome(check, &env)?;
        let line = Line::new(check, outcome, &env.profiles);
        if !options.json {
            print(&(line.text() + "\n"))?;
        }
        lines.push(line);
    }
    let (skipped, different) = counts(&lines);
    if options.json {
        print(&(json(&lines, version, &env.profiles) + "\n"))?;
    } else if options.task == Task::Compare {
        for line in lines.iter().filter(|line| line.differs()) {
            print(&(line.difference() + "\n"))?;
        }
    }
    tell(&format!(
        "{} checks, {skipped} skipped, {different} differ from the table",
        lines.len()
    ));
    Ok(options.task == Task::Compare && different > 0)
}

fn announce(env: &Env, version: (i32, i32)) {
    let path = env.node.path.display();
    tell(&format!(
        "{path}: driver {}.{}, {} profiles possible",
        version.0,
        version.1,
        env.profiles.len()
    ));
    tell(
        "creates and destroys buffers and contexts, takes all contexts for a moment; nothing outlives a check",
    );
    if env.run {
        tell(
            "--run: hands empty commands to the firmware; a firmware that dislikes them may stop for seconds",
        );
    }
    if env.hang {
        tell("--hang: hands over commands that never end; the driver resets each context that gets one");
    }
    if env.change {
        tell("--change: switches power mode and preemption and switches them back");
    }
}

fn outcome(check: Check, env: &Env) -> io::Result<String> {
    let child = sys::fork(|| (check.run)(env).unwrap_or_else(|fail| fail.to_string()))?;
    Ok(child.finish(LIMIT)?.unwrap_or_else(|how| format!("died: {how}")))
}
