//! The driver against a simulated NPU: every scenario is a process of its own under `xdna-sim`, with a device, a
//! kernel and a fault script of its choice.
//!
//! Where the kernel lets no simulator run, the tests are shown as ignored, with the reason.

#![allow(unsafe_code, reason = "forking, and counting allocations")]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "how a scenario talks to its parent"
)]

mod scenarios;
mod support;

use std::process::{Command, ExitCode, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use clap::Parser;
use libtest_mimic::{Arguments, Failed, Trial};
use scenarios::Scenario;

#[global_allocator]
static ALLOCATOR: support::Counting = support::Counting;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    if args.get(1).is_some_and(|arg| arg == "--simulator") {
        let Simulator { args } = Simulator::parse_from(&args[1..]);
        return match xdna_sim::cli::run(args) {
            Ok(code) => ExitCode::from(code.clamp(0, 255) as u8),
            Err(message) => {
                eprintln!("{message}");
                ExitCode::FAILURE
            }
        };
    }
    if let [_, flag, name] = &args[..]
        && flag == "--scenario"
    {
        let scenario = scenarios::all()
            .into_iter()
            .find(|s| s.name() == *name)
            .expect("a scenario of that name");
        (scenario.run)();
        return ExitCode::SUCCESS;
    }
    let unavailable = unavailable();
    let trials = scenarios::all().into_iter().map(|scenario| {
        let name = match &unavailable {
            None => scenario.name(),
            Some(reason) => format!("{} ({reason})", scenario.name()),
        };
        Trial::test(name, move || run(&scenario)).with_ignored_flag(unavailable.is_some())
    });
    let register = Trial::test("traps/each_has_a_named_test", || {
        let names: Vec<String> = scenarios::all().iter().map(Scenario::name).collect();
        match &support::traps::check(&names)[..] {
            [] => Ok(()),
            wrong => Err(wrong.join("\n").into()),
        }
    });
    let differences = Trial::test("trace/differences_are_seen", || {
        std::panic::catch_unwind(support::golden::differences_are_seen).map_err(|_| "see above".into())
    });
    let trials = trials.chain([register, differences]).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// This program as the simulator: the command line of `xdna sim`.
#[derive(Parser)]
struct Simulator {
    #[command(flatten)]
    args: xdna_sim::cli::SimArgs,
}

fn simulator() -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--simulator");
    Ok(command)
}

/// Why no simulator can run here.
fn unavailable() -> Option<String> {
    match simulator().and_then(|mut sim| sim.args(["--", "true"]).output()) {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let message = String::from_utf8_lossy(&output.stderr);
            Some(format!(
                "needs a simulator: {}",
                message.lines().last().unwrap_or_default()
            ))
        }
        Err(e) => Some(format!("needs a simulator: {e}")),
    }
}

fn run(scenario: &Scenario) -> Result<(), Failed> {
    let trace = std::env::temp_dir().join(format!(
        "xdna-trace-{}-{}",
        std::process::id(),
        scenario.name().replace('/', "-")
    ));
    let exe = std::env::current_exe()?;
    let mut command = simulator()?;
    command.args(&scenario.simulator);
    if scenario.check_trace.is_some() {
        command.arg("--trace").arg(&trace);
    }
    command.arg("--").arg(exe).arg("--scenario").arg(scenario.name());
    command.envs(scenario.environment.iter().copied());
    let limit = if scenario.name().starts_with("stress/") {
        Duration::from_secs(3600)
    } else {
        Duration::from_secs(120)
    };
    let output = output_in_time(command, limit)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if !output.status.success() {
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        return Err(format!("{:?}: {}\n{out}{err}", scenario.simulator, output.status).into());
    }
    if scenario.name().starts_with("stress/") {
        print!("{}", text(&output.stdout));
    }
    if let Some(check) = scenario.check_trace {
        let lines = std::fs::read_to_string(&trace)?;
        std::fs::remove_file(&trace)?;
        std::panic::catch_unwind(|| check(&lines))
            .map_err(|_| format!("the trace is not as expected:\n{lines}"))?;
    }
    Ok(())
}

/// Runs a program that must end within `limit`.
fn output_in_time(mut command: Command, limit: Duration) -> Result<Output, Failed> {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let pid = child.id();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    match receiver.recv_timeout(limit) {
        Ok(output) => Ok(output?),
        Err(_) => {
            kill(Pid::from_raw(pid as i32), Signal::SIGKILL)?;
            Err(format!("no end within {limit:?}").into())
        }
    }
}
