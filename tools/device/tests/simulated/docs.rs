//! The page for users shows what is printed now, but for numbers that differ from run to run.

use libtest_mimic::Failed;

use super::golden::{measured, narrow, traced};
use super::roles::{Test, end, me, test, under};

const PAGE: &str = include_str!("../../../../docs/diagnose.md");

/// The tests.
pub fn tests() -> Vec<Test> {
    vec![
        test(
            "docs/exhausted_contexts_are_shown_by_doctor_and_contexts",
            exhausted,
        ),
        test("docs/a_failed_selftest_is_shown", selftest),
        test("docs/a_traced_command_is_shown", trace),
    ]
}

/// The output of the page's blocks that begin with this command.
fn blocks(command: &str) -> Vec<String> {
    let fenced = PAGE.split("```\n").skip(1).step_by(2);
    let outputs = fenced.filter_map(|block| block.strip_prefix(&format!("$ {command}\n")));
    outputs.map(str::to_owned).collect()
}

/// Asserts that one of the blocks is this text, or that this text has all lines of one in a row.
fn shown(command: &str, printed: &str, same: impl Fn(&str) -> String) -> Result<(), Failed> {
    let printed = same(printed);
    if blocks(command).iter().any(|block| printed.contains(&same(block))) {
        return Ok(());
    }
    Err(format!("no block of `{command}` on the page shows this:\n{printed}").into())
}

/// Without the number of the process, and what its width makes of a table.
fn any_process(text: &str) -> String {
    let text = narrow(text);
    let lines = text
        .lines()
        .map(|line| match (line.find("holder ["), line.find(']')) {
            (Some(begin), Some(end)) if begin < end => {
                format!("{}holder [N{}\n", &line[..begin], &line[end..])
            }
            _ => line.to_owned() + "\n",
        });
    lines.collect()
}

fn exhausted() -> Result<(), Failed> {
    let (_, printed, _) = end(under("--device npu1", "--six", &["doctor"]).output()?);
    // What comes before is the machine's, and so is the limit of locked memory; the page leaves it out.
    let from = printed.find("NPU  ").ok_or("no NPU")?;
    let until = printed[from..]
        .find("\n\n")
        .and_then(|at| printed[from + at + 2..].find("\n\n").map(|n| from + at + 2 + n));
    let findings = &printed[from..until.ok_or("no finding")?];
    let block = blocks("xdna doctor")
        .into_iter()
        .find(|block| block.starts_with("[...]\n"));
    let block = block.ok_or("no block that leaves the machine out")?;
    if !any_process(&block).contains(any_process(findings).trim_end()) {
        return Err(format!("the page does not show this:\n{findings}").into());
    }
    let (_, printed, _) = end(under("--device npu1", "--six", &["contexts"]).output()?);
    shown("xdna contexts", &printed, any_process)
}

fn selftest() -> Result<(), Failed> {
    let simulator = "--kernel 6.19 --fault command:4:error";
    // Wherever the page breaks its lines.
    let words: Vec<_> = PAGE.split_whitespace().collect();
    if !words
        .join(" ")
        .contains(&format!("xdna sim {simulator} -- xdna selftest"))
    {
        return Err("the page does not say how this is simulated".into());
    }
    let (_, printed, _) = end(under(simulator, "--tool", &["selftest"]).output()?);
    shown("xdna selftest", &printed, measured)
}

fn trace() -> Result<(), Failed> {
    let program = me("--tool").get_program().to_string_lossy().into_owned();
    let args = ["trace", "--", &program, "--tool", "selftest"];
    let (_, _, stderr) = end(under("--kernel 6.19 --fault command:4:error", "--tool", &args).output()?);
    let masked = |text: &str| -> String { text.lines().map(|line| anywhere(&traced(line)) + "\n").collect() };
    shown("xdna trace -- xdna selftest", &stderr, masked)
}

/// Without addresses, deadlines and the words that hold them.
fn anywhere(line: &str) -> String {
    let words = line.split(' ').map(|word| match word.split_once('=') {
        Some(("timeout_ns", _)) => "timeout_ns=N",
        _ if word.starts_with("0x") && word.len() > 9 => "0xN",
        _ if word.starts_with("0x7f") => "0xN",
        _ => word,
    });
    words.collect::<Vec<_>>().join(" ")
}
