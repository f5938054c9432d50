//! What the README shows is what the example says on a simulated device.

#![allow(clippy::print_stderr, reason = "how the simulator speaks to its parent")]

use std::process::{Command, ExitCode, Stdio};

use clap::Parser;
use libtest_mimic::{Arguments, Failed, Trial};

/// This program as the simulator: the command line of `xdna sim`.
#[derive(Parser)]
struct Simulator {
    #[command(flatten)]
    args: xdna_sim::cli::SimArgs,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    if args.get(1).is_some_and(|arg| arg == "--simulator") {
        return match xdna_sim::cli::run(Simulator::parse_from(&args[1..]).args) {
            Ok(code) => ExitCode::from(code.clamp(0, 255) as u8),
            Err(message) => {
                eprintln!("{message}");
                ExitCode::FAILURE
            }
        };
    }
    let name = "the_example_says_what_the_readme_shows";
    let needs = simulated(&["true"]).map_err(|why| format!("a simulator: {why}"));
    let trial = match needs.and_then(|_| hello()) {
        Ok(example) => Trial::test(name, move || compare(&example)),
        Err(what) => Trial::test(format!("{name} (needs {what})"), || Ok(())).with_ignored_flag(true),
    };
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit_code()
}

/// What a program says under the simulator, on stderr and then on stdout.
fn simulated(program: &[&str]) -> Result<String, String> {
    let exe = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut command = Command::new(exe);
    let output = command
        .args(["--simulator", "--"])
        .args(program)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| e.to_string())?;
    let [stderr, stdout] =
        [output.stderr, output.stdout].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    if output.status.success() {
        Ok(stderr + &stdout)
    } else {
        Err(stderr.lines().last().unwrap_or("no reason given").to_owned())
    }
}

/// The example, which `cargo test` builds beside the tests.
fn hello() -> Result<String, String> {
    let test = std::env::current_exe().map_err(|e| e.to_string())?;
    let folder = test
        .ancestors()
        .nth(2)
        .ok_or("the test lies in no target directory")?;
    let example = folder.join("examples/hello");
    if example.exists() {
        Ok(example.to_string_lossy().into_owned())
    } else {
        Err("cargo build -p xdna-driver --example hello".into())
    }
}

fn compare(example: &str) -> Result<(), Failed> {
    let said = simulated(&[example])?;
    let readme = include_str!("../README.md");
    let shown = readme
        .split_once("--example hello\n")
        .and_then(|(_, rest)| rest.split_once("```"))
        .ok_or("the README does not show the example")?
        .0;
    let (said, shown) = (normal(&said), normal(shown));
    if said == shown {
        Ok(())
    } else {
        Err(format!("the example says\n{said}\nand the README shows\n{shown}").into())
    }
}

/// The text with the address of the data, which differs from run to run, by name wherever it stands.
fn normal(text: &str) -> String {
    let address = text
        .split_once("data at 0x")
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .unwrap_or_default();
    let padded = format!("{address:0>16}");
    let (high, low) = padded.split_at(8);
    text.replace(&format!("0x{address}"), "ADDRESS")
        .replace(&format!("{low}, {high}"), "LOW, HIGH")
}
