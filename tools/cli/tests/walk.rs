//! docs/run.md, done: what its commands print is what the page shows, but for times.
//!
//! A command that needs a file of the reference data (`XDNA_TESTDATA`) makes its block's test ignored where there is none.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};

const PAGE: &str = include_str!("../../../docs/run.md");
/// Files of others, by the names that the page gives them.
const OTHERS: [(&str, &str); 2] = [
    ("add_one.xclbin", "npu1/xdna-emu/add_one.xclbin"),
    ("add_one.insts.bin", "npu1/xdna-emu/add_one.insts.bin"),
];

/// Commands of a block, each with what it prints.
type Block = Vec<(String, String)>;

fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    for text in PAGE.split("```console\n").skip(1) {
        let text = text.split("```").next().unwrap_or_default();
        let mut block = Block::new();
        for line in text.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                block.push((command.to_owned(), String::new()));
            } else if let Some((_, said)) = block.last_mut() {
                *said += line;
                *said += "\n";
            }
        }
        blocks.push(block);
    }
    blocks
}

fn reference() -> PathBuf {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let data = std::env::var_os("XDNA_TESTDATA").map_or_else(|| PathBuf::from(default), PathBuf::from);
    data.join("fixtures/npu")
}

/// Times differ from run to run.
fn without_times(text: &str) -> String {
    let words = text.lines().map(|line| {
        let mut words: Vec<&str> = line.split(' ').collect();
        for i in 1..words.len() {
            if words[i].trim_end_matches(',') == "us" {
                words[i - 1] = "T";
            }
        }
        words.join(" ") + "\n"
    });
    words.collect()
}

fn walk(block: &Block) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let link = |from: &Path, name: &str| std::os::unix::fs::symlink(from, folder.path().join(name));
    link(
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../kernels")),
        "kernels",
    )?;
    link(Path::new(env!("CARGO_BIN_EXE_xdna")), "xdna")?;
    for (name, file) in OTHERS {
        link(&reference().join(file), name)?;
    }
    let path = format!(
        "{}:{}",
        folder.path().display(),
        std::env::var("PATH").unwrap_or_default()
    );
    for (command, said) in block {
        let output = Command::new("sh")
            .args(["-c", &format!("({command}) 2>&1")])
            .env("PATH", &path)
            .env_remove("RUST_LOG")
            .current_dir(folder.path())
            .output()?;
        let printed = String::from_utf8(output.stdout)?;
        if without_times(&printed) != without_times(said) {
            return Err(format!("$ {command}\n{printed}\nThe page has:\n{said}").into());
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let output = Command::new(env!("CARGO_BIN_EXE_xdna"))
        .args(["sim", "--", "true"])
        .output()
        .expect("xdna");
    let simulator = output.status.success();
    let trials = blocks().into_iter().enumerate().map(|(i, block)| {
        let needs = |name: &str| block.iter().any(|(command, _)| command.contains(name));
        let absent = OTHERS
            .iter()
            .find(|(name, file)| needs(name) && !reference().join(file).exists());
        let reason = match absent {
            Some((_, file)) => format!(" (needs {file} of XDNA_TESTDATA)"),
            None if !simulator => " (needs a simulator)".to_owned(),
            None => String::new(),
        };
        let ignored = !reason.is_empty();
        Trial::test(format!("block_{}_of_the_page{reason}", i + 1), move || {
            walk(&block)
        })
        .with_ignored_flag(ignored)
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}
