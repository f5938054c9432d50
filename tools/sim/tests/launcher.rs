//! How `xdna-sim` starts a program, passes signals on to it and ends: as the program does.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Output, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const SIM: &str = env!("CARGO_BIN_EXE_xdna-sim");
/// With a device, and without one because the probe would refuse.
const MODES: [&[&str]; 2] = [&[], &["--firmware", "6.11"]];

fn sim(options: &[&str], script: &str) -> Command {
    let mut command = Command::new(SIM);
    command.args(options).args(["--", "sh", "-c", script]);
    command
}

/// A running program, and the lines that it writes.
struct Running {
    sim: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    said: std::io::Lines<BufReader<std::process::ChildStderr>>,
}

impl Running {
    fn start(options: &[&str], script: &str) -> Result<Self, Failed> {
        let mut command = sim(options, script);
        let mut sim = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (out, err) = (sim.stdout.take(), sim.stderr.take());
        Ok(Self {
            sim,
            lines: BufReader::new(out.ok_or("no stdout")?).lines(),
            said: BufReader::new(err.ok_or("no stderr")?).lines(),
        })
    }

    /// The next line that the program writes.
    fn line(&mut self) -> Result<String, Failed> {
        Ok(self.lines.next().ok_or("the program wrote nothing")??)
    }

    /// The first line of the supervisor with `part` in it.
    fn hear(&mut self, part: &str) -> Result<String, Failed> {
        for line in &mut self.said {
            let line = line?;
            if line.contains(part) {
                return Ok(line);
            }
        }
        Err(format!("nobody said {part:?}").into())
    }

    fn signal(&self, signal: Signal) -> Result<(), Failed> {
        Ok(kill(Pid::from_raw(self.sim.id() as i32), signal)?)
    }

    fn end(mut self) -> Result<Option<i32>, Failed> {
        Ok(self.sim.wait()?.code())
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const SIGNALS: [Signal; 8] = [
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGVTALRM,
];

fn signals_reach_the_program() -> Result<(), Failed> {
    for options in MODES {
        for signal in SIGNALS {
            let name = signal.as_str().trim_start_matches("SIG");
            let script = format!("trap 'exit 40' {name}; echo up; while :; do sleep 0.02; done");
            let mut running = Running::start(options, &script)?;
            running.line()?;
            running.signal(signal)?;
            assert_eq!(running.end()?, Some(40), "{signal} {options:?}");
        }
    }
    Ok(())
}

fn a_signal_without_a_handler_ends_it_as_the_program() -> Result<(), Failed> {
    for options in MODES {
        for signal in SIGNALS {
            let mut running = Running::start(options, "echo up; exec sleep 600")?;
            running.line()?;
            running.signal(signal)?;
            assert_eq!(running.end()?, Some(128 + signal as i32), "{signal} {options:?}");
        }
    }
    Ok(())
}

fn what_a_program_leaves_is_waited_for() -> Result<(), Failed> {
    let mut running = Running::start(&[], "sleep 1 & echo $!; sleep 0.3; exit 3")?;
    let left = running.line()?;
    let line = running.hear("waiting for what it left")?;
    assert!(line.contains("sh ended with 3; "), "{line}");
    assert!(
        line.contains(&format!(" {left} (sleep); a signal ends it")),
        "{line}"
    );
    assert!(Path::new(&format!("/proc/{left}")).exists());
    assert_eq!(running.end()?, Some(3));
    assert!(!Path::new(&format!("/proc/{left}")).exists());
    // It still has a device: a program that looks late finds one.
    let output = sim(&[], "(sleep 0.5; : < /dev/accel/accel0 && echo found) & exit 4").output()?;
    assert_eq!(
        (output.status.code(), &output.stdout[..]),
        (Some(4), &b"found\n"[..])
    );
    // Nothing is said of a program that leaves nothing, and nothing is waited for without a device.
    let output = sim(&[], "true & wait; exit 5").output()?;
    assert_eq!(output.status.code(), Some(5));
    assert!(!said(&output).contains("waiting"), "{}", said(&output));
    let started = Instant::now();
    let output = sim(MODES[1], "sleep 30 < /dev/null > /dev/null 2>&1 & exit 6").output()?;
    assert_eq!(output.status.code(), Some(6));
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
    Ok(())
}

fn a_signal_ends_what_a_program_leaves() -> Result<(), Failed> {
    let mut running = Running::start(&[], "sleep 600 & echo $!; exit 3")?;
    let left = running.line()?;
    running.hear("waiting for what it left")?;
    running.signal(Signal::SIGTERM)?;
    assert_eq!(running.end()?, Some(3));
    assert!(!Path::new(&format!("/proc/{left}")).exists());
    // The second one ends what does not listen to the first.
    let deaf = "(trap '' TERM; echo up; while :; do sleep 0.1; done) & exit 3";
    let mut running = Running::start(&[], deaf)?;
    running.line()?;
    running.hear("waiting for what it left")?;
    running.signal(Signal::SIGINT)?;
    std::thread::sleep(Duration::from_millis(200));
    assert!(running.sim.try_wait()?.is_none(), "it did not listen");
    running.signal(Signal::SIGUSR1)?;
    assert_eq!(running.end()?, Some(3));
    Ok(())
}

fn a_killed_supervisor_takes_all_with_it() -> Result<(), Failed> {
    let script = "sleep 600 & echo $!; (setsid sh -c 'echo $$; while :; do sleep 1; done') & echo $$; wait";
    let mut running = Running::start(&[], script)?;
    let mut pids = vec![running.line()?, running.line()?, running.line()?];
    // What watches over it ends as well.
    let sim = running.sim.id();
    let children = fs::read_to_string(format!("/proc/{sim}/task/{sim}/children"))?;
    pids.extend(children.split_ascii_whitespace().map(str::to_owned));
    assert!(pids.len() >= 5, "{pids:?}");
    running.sim.kill()?;
    running.sim.wait()?;
    let started = Instant::now();
    while let Some(pid) = pids.iter().find(|pid| is_alive(pid)) {
        if started.elapsed() > Duration::from_secs(60) {
            return Err(format!("{pid} is still there").into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// True for a process that has not ended.
fn is_alive(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(") ").next().unwrap_or_default();
    !state.is_empty() && !state.starts_with(['Z', 'X'])
}

fn signals_are_as_the_caller_left_them() -> Result<(), Failed> {
    // A parent that ignores SIGCHLD hides no exit code, and writing to a closed pipe ends a program.
    let ignoring = format!("trap '' CHLD; exec {SIM} -- sh -c 'exit 7'");
    let status = Command::new("sh").args(["-c", &ignoring]).status()?;
    assert_eq!(status.code(), Some(7));
    let output = sim(&[], "kill -PIPE $$; exit 1").output()?;
    assert_eq!(output.status.code(), Some(141));
    let output = sim(&[], "grep SigBlk /proc/self/status").output()?;
    assert_eq!(output.stdout, b"SigBlk:\t0000000000000000\n");
    Ok(())
}

fn no_directory_is_needed_or_left() -> Result<(), Failed> {
    let dir = std::env::temp_dir().join(format!("xdna-sim-launcher-{}", std::process::id()));
    fs::create_dir(&dir)?;
    for tmp in [
        Path::new("/nonexistent"),
        Path::new("/proc"),
        Path::new("/dev/shm"),
        &dir,
    ] {
        let output = sim(&[], "test -c /dev/accel/accel0")
            .env("TMPDIR", tmp)
            .output()?;
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}: {}",
            tmp.display(),
            said(&output)
        );
    }
    assert_eq!(fs::read_dir(&dir)?.count(), 0);
    fs::remove_dir(&dir)?;
    let left = fs::read_dir("/dev/shm").map(|d| d.filter_map(Result::ok).collect::<Vec<_>>());
    let left = left.unwrap_or_default();
    assert!(
        !left
            .iter()
            .any(|e| e.file_name().to_string_lossy().starts_with("xdna-sim")),
        "{left:?}"
    );
    Ok(())
}

fn what_cannot_be_written_is_named_or_does_not_matter() -> Result<(), Failed> {
    let touched = std::env::temp_dir().join(format!("xdna-sim-touched-{}", std::process::id()));
    let script = format!("touch {}", touched.display());
    let output = sim(&["--trace", "/nonexistent/x"], &script).output()?;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("trace /nonexistent/x: No such file"),
        "{}",
        said(&output)
    );
    assert!(!touched.exists(), "the program ran");
    let full = fs::File::options().write(true).open("/dev/full")?;
    let status = sim(&[], "exit 9").stderr(full).status()?;
    assert_eq!(status.code(), Some(9));
    Ok(())
}

type Test = fn() -> Result<(), Failed>;

const TESTS: [(&str, Test); 8] = [
    (
        "a_killed_supervisor_takes_all_with_it",
        a_killed_supervisor_takes_all_with_it,
    ),
    ("signals_reach_the_program", signals_reach_the_program),
    (
        "a_signal_without_a_handler_ends_it_as_the_program",
        a_signal_without_a_handler_ends_it_as_the_program,
    ),
    (
        "what_a_program_leaves_is_waited_for",
        what_a_program_leaves_is_waited_for,
    ),
    (
        "a_signal_ends_what_a_program_leaves",
        a_signal_ends_what_a_program_leaves,
    ),
    (
        "signals_are_as_the_caller_left_them",
        signals_are_as_the_caller_left_them,
    ),
    ("no_directory_is_needed_or_left", no_directory_is_needed_or_left),
    (
        "what_cannot_be_written_is_named_or_does_not_matter",
        what_cannot_be_written_is_named_or_does_not_matter,
    ),
];

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let reason = match Command::new(SIM).args(["--", "true"]).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(said(&output).trim().to_owned()),
        Err(e) => Some(e.to_string()),
    };
    let trials = TESTS.into_iter().map(|(name, test)| {
        let shown = reason
            .as_ref()
            .map_or(name.to_owned(), |r| format!("{name} ({r})"));
        Trial::test(shown, test).with_ignored_flag(reason.is_some())
    });
    libtest_mimic::run(&args, trials.collect()).exit_code()
}
