//! What each verb prints, on two devices under three kernels, while another program holds a context.

use std::process::ExitCode;

use libtest_mimic::Failed;
use serde_json::Value;

use super::holder::Holder;
use super::roles::{Test, end, me, under};

const VERBS: &[&[&str]] = &[
    &["info"],
    &["contexts"],
    &["errors"],
    &["sensors"],
    &["telemetry"],
    &["memory"],
    &["tiles"],
    &["tiles", "--raw"],
    &["power"],
    &["power", "set", "medium", "--dry-run"],
    &["power", "set", "turbo", "--dry-run"],
    &["power", "get"],
    &["doctor"],
    &["report", "--dry-run"],
];

/// Verbs in one form: those whose output for programs is lines, and what takes long.
const LINES: &[&[&str]] = &[
    &["top", "--count", "1"],
    &["record", "--count", "1"],
    &["trace", "--", "TOOL", "errors"],
    &["trace", "--json", "--", "TOOL", "errors"],
];

/// Verbs that need more of the array than another program leaves.
const ALONE: &[&[&str]] = &[
    &["selftest"],
    &["selftest", "--json"],
    // Its table is selftest's.
    &[
        "bench",
        "--commands",
        "2",
        "--buffer",
        "1",
        "--assert",
        "chain.count>=1",
        "--json",
    ],
];

/// Runs every verb, for people and for programs, and prints what it prints.
pub fn scene() -> ExitCode {
    let holder = Holder::start(1, false);
    let both = VERBS
        .iter()
        .flat_map(|verb| [verb.to_vec(), [*verb, &["--json"]].concat()]);
    for words in both.chain(LINES.iter().map(|verb| verb.to_vec())) {
        print(&words, holder.pid());
    }
    let pid = holder.pid();
    drop(holder);
    ALONE.iter().for_each(|words| print(words, pid));
    // What is in a bundle, by its keys.
    let file = std::env::temp_dir().join(format!("bundle-{}", std::process::id()));
    let written = me("--tool").arg("report").arg("--output").arg(&file).output();
    let (code, ..) = end(written.expect("the tool runs"));
    let text = std::fs::read_to_string(&file).expect("the bundle");
    std::fs::remove_file(&file).expect("the bundle is removed");
    let bundle: Value = serde_json::from_str(&text).expect("JSON");
    println!(
        "$ xdna report\n{}exit code {}",
        keys("", &bundle, 2),
        code.unwrap_or(-1)
    );
    ExitCode::SUCCESS
}

/// Runs a verb and prints what it printed; `holder` is the process beside it.
fn print(words: &[&str], holder: u32) {
    let mut command = me("--tool");
    for word in words {
        match *word {
            "TOOL" => command.arg(me("").get_program()).arg("--tool"),
            word => command.arg(word),
        };
    }
    let (code, stdout, stderr) = end(command.output().expect("the tool runs"));
    let (stdout, stderr) = masked(words[0], &stdout, &stderr);
    let stable = stable(&stdout, holder);
    // The limit of locked memory is the machine's.
    let code = match (words[0], code) {
        ("doctor", Some(0 | 4)) => "0 or 4".to_owned(),
        (_, code) => code.unwrap_or(-1).to_string(),
    };
    println!("$ xdna {}\n{stable}{stderr}exit code {code}\n", words.join(" "));
}

/// Names of an object's values, to this depth.
fn keys(path: &str, value: &Value, depth: usize) -> String {
    let map = value.as_object().filter(|_| depth > 0);
    let lines = map.into_iter().flatten().map(|(key, value)| {
        let path = format!("{path}{key}");
        // Whether the kernel log can be read depends on who runs the test.
        let depth = if key == "kernel_log" { 1 } else { depth };
        format!("{path}\n{}", keys(&format!("{path}."), value, depth - 1))
    });
    lines.collect()
}

/// What a verb printed without what another run, or another machine, would print otherwise.
fn masked(verb: &str, stdout: &str, stderr: &str) -> (String, String) {
    let text = match verb {
        "selftest" | "bench" => measured(stdout),
        "doctor" => examined(stdout),
        // Begins with the time.
        "top" => stdout
            .split_once("  ")
            .map_or(stdout, |(_, rest)| rest)
            .to_owned(),
        "record" => json(stdout, |object| object["at_us"] = "TIME".into()),
        _ => stdout.to_owned(),
    };
    let errors = match verb {
        "trace" => stderr.lines().map(|line| traced(line) + "\n").collect(),
        _ => stderr.to_owned(),
    };
    (text, errors)
}

/// A JSON object with something changed.
fn json(text: &str, change: impl Fn(&mut Value)) -> String {
    let mut object: Value = serde_json::from_str(text).expect("JSON");
    change(&mut object);
    format!("{object}\n")
}

/// Numbers that were measured, as N.
pub fn measured(text: &str) -> String {
    if text.starts_with('{') {
        return json(text, |object| {
            let steps = object["steps"].as_array_mut().into_iter().flatten();
            for number in steps.flat_map(|s| s["numbers"].as_object_mut().into_iter().flatten()) {
                *number.1 = "N".into();
            }
        });
    }
    let lines = text.lines().map(|line| {
        if !line.starts_with("PASS") {
            return line.to_owned() + "\n";
        }
        let words = line.split(' ').map(|word| {
            let is_number = word.starts_with(|c: char| c.is_ascii_digit());
            if is_number { "N" } else { word }
        });
        // The unit changes with the number.
        let words = words.filter(|word| {
            ![
                "ns", "us", "ms", "s", "ns,", "us,", "ms,", "s,", "MiB,", "GiB/s,", "MiB/s,", "KiB/s,",
            ]
            .contains(word)
        });
        words.collect::<Vec<_>>().join(" ") + "\n"
    });
    lines.collect()
}

/// What the doctor says of the NPU; the rest is of the machine that runs the test.
fn examined(text: &str) -> String {
    if text.starts_with('{') {
        return json(text, |object| {
            let findings = object["findings"].as_array_mut().expect("findings");
            findings.retain(|f| f["id"] != "memlock");
            for key in ["kernel", "processor", "unexamined"] {
                object[key] = "OF THE MACHINE".into();
            }
        });
    }
    let of_npu = text.lines().filter(|line| line.starts_with("NPU"));
    of_npu.map(|line| line.to_owned() + "\n").collect()
}

/// A line of trace without times, addresses and numbers of processes.
pub fn traced(line: &str) -> String {
    if line.starts_with('{') {
        let object = json(line, |object| {
            for key in ["at_ns", "duration_ns", "pid", "tid"] {
                object[key] = "N".into();
            }
            for side in ["in", "out"] {
                for (_, value) in object[side].as_object_mut().into_iter().flatten() {
                    if value.as_u64() > Some(u64::from(u32::MAX)) {
                        *value = "ADDRESS".into();
                    }
                }
            }
        });
        return object.trim_end().to_owned();
    }
    let word = |word: &str| -> String {
        let inner = word.trim_matches(['[', ']', '<', '>']);
        let is_number = !inner.is_empty() && inner.chars().all(|c| c.is_ascii_digit() || c == '.');
        match word.split_once("=0x") {
            _ if is_number && (inner.len() < word.len() || inner.contains('.')) => word.replace(inner, "N"),
            Some((name, rest)) if rest.len() > 8 => {
                let end = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
                format!("{name}=ADDRESS{}", &rest[end..])
            }
            _ => word.to_owned(),
        }
    };
    let words: Vec<String> = line.split_whitespace().map(word).collect();
    words.join(" ")
}

/// `text` with the holder's process number made 7, and the columns of tables that it widened made narrow.
fn stable(text: &str, pid: u32) -> String {
    let plain = text
        .replace(&format!("[{pid}]"), "[7]")
        .replace(&format!("\"pid\":{pid}"), "\"pid\":7");
    if plain == text || text.starts_with('{') {
        return plain;
    }
    narrow(&plain)
}

/// A table with columns as narrow as they can be.
pub fn narrow(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let cells: Vec<_> = line
            .split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .collect();
        cells.join("  ") + "\n"
    });
    lines.collect()
}

/// A test for every device and kernel.
pub fn tests() -> Vec<Test> {
    let pairs = ["npu1", "npu4"]
        .iter()
        .flat_map(|d| ["6.17", "6.19", "7.2"].map(|k| (*d, k)));
    let test = |(device, kernel): (&'static str, &'static str)| -> Test {
        let check = move || check(device, kernel);
        (format!("golden/{device}/linux-{kernel}"), Box::new(check))
    };
    pairs.map(test).collect()
}

fn check(device: &str, kernel: &str) -> Result<(), Failed> {
    // One command at a time makes counters and sensors stand still between the verbs.
    let output = under(&format!("--device {device} --kernel {kernel}"), "--golden", &[]).output()?;
    let (code, stdout, stderr) = end(output);
    if code != Some(0) {
        return Err(format!("{code:?}: {stdout}{stderr}").into());
    }
    for object in stdout.lines().filter(|line| line.starts_with('{')) {
        let object: Value = serde_json::from_str(object)?;
        let schema = object["schema"].as_str().unwrap_or_default();
        if !schema.starts_with("xdna.") || !schema.ends_with("/1") {
            return Err(format!("schema {schema:?}").into());
        }
    }
    insta::assert_snapshot!(format!("{device}-linux-{kernel}"), stdout);
    Ok(())
}
