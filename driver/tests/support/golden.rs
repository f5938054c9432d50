//! Comparing a trace with the calls expected.
//!
//! What differs from run to run is written in the expected lines as
//! - `*`: any number,
//! - `0..20000`: a number of that range,
//! - `$V`: the same number wherever it stands; `$V+32768` that many more,
//! - `$V.low`, `$V.high`: its halves, in hexadecimal as packets are shown.

use std::collections::BTreeMap;

use super::calls::{call, lines};

/// Numbers that have a name.
type Names = BTreeMap<String, u64>;

/// Panics if the calls of `trace` are not those of `expected`, one per line.
pub fn is(trace: &str, expected: &str) {
    if let Err(difference) = compare(trace, expected) {
        panic!("{difference}");
    }
}

fn compare(trace: &str, expected: &str) -> Result<(), String> {
    let calls: Vec<String> = lines(trace).map(call).collect();
    let expected: Vec<&str> = expected
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let mut names = Names::new();
    for (i, (call, expected)) in calls.iter().zip(&expected).enumerate() {
        let words: Vec<&str> = call.split(' ').collect();
        let wanted: Vec<&str> = expected.split(' ').collect();
        let alike = words.len() == wanted.len()
            && words
                .iter()
                .zip(&wanted)
                .all(|(word, wanted)| matches(word, wanted, &mut names));
        if !alike {
            return Err(format!(
                "call {i} is\n  {call}\nand not\n  {expected}\nwhere {names:x?}"
            ));
        }
    }
    match (calls.len(), expected.len()) {
        (are, should) if are != should => Err(format!("{are} calls and not {should}")),
        _ => Ok(()),
    }
}

/// One word, less the brackets and commas around it and the field's name.
fn matches(word: &str, wanted: &str, names: &mut Names) -> bool {
    let is_frame = |c| matches!(c, '[' | ']' | ',' | ';');
    let frame = |w: &str| w.chars().filter(|&c| is_frame(c)).collect::<String>();
    let (value, pattern) = (word.trim_matches(is_frame), wanted.trim_matches(is_frame));
    let (name, value) = value.split_once('=').unwrap_or(("", value));
    let (wanted_name, pattern) = pattern.split_once('=').unwrap_or(("", pattern));
    if name != wanted_name || frame(word) != frame(wanted) {
        return false;
    }
    if let Some(name) = pattern.strip_prefix('$') {
        return named(value, name, names);
    }
    if pattern == "*" {
        return value.parse::<u64>().is_ok();
    }
    match (pattern.split_once(".."), value.parse::<u64>()) {
        (Some((from, to)), Ok(value)) => {
            let (from, to) = (from.parse().expect("a number"), to.parse().expect("a number"));
            (from..=to).contains(&value)
        }
        _ => value == pattern,
    }
}

/// A number with a name: it has that name from now on if nothing had it.
fn named(value: &str, name: &str, names: &mut Names) -> bool {
    if let Some((name, half)) = name.split_once('.') {
        let shift = if half == "high" { 32 } else { 0 };
        let known = names.get(name).map(|v| u64::from((v >> shift) as u32));
        return known.is_some() && u64::from_str_radix(value, 16).ok() == known;
    }
    let (name, more) = name.split_once('+').unwrap_or((name, "0"));
    let more: u64 = more.parse().expect("a number");
    let Some(value) = value.parse::<u64>().ok().and_then(|v| v.checked_sub(more)) else {
        return false;
    };
    *names.entry(name.to_owned()).or_insert(value) == value
}

/// Every kind of difference is one.
pub fn differences_are_seen() {
    let wanted = "mmap offset=$M len=4096 behind args [$M+1, 7]; in 1..9 ms [$M.low, $M.high]";
    let alike = |trace: &str| compare(trace, wanted).is_ok();
    let trace = |call: &str| format!("thread 1 client 1 {call}");
    let same = "mmap { offset: 4294967300, len: 4096 } = 0 behind args [4294967301, 7]; in 3 ms [4, 1]";
    assert!(alike(&trace(same)));
    for (from, to) in [
        ("mmap", "munmap"),
        ("4096", "4097"),
        ("len", "length"),
        ("= 0", "= EINVAL"),
        ("301", "302"),
        (", 7]", "] 7"),
        (", 7]", ", 8]"),
        ("3 ms", "10 ms"),
        ("[4,", "[5,"),
        ("1] ", "2] "),
        (" }", ", more: 1 }"),
    ] {
        let other = format!("{same} ").replacen(from, to, 1);
        assert!(!alike(&trace(&other)), "{from} and {to} are alike");
    }
    assert!(!alike(""), "a missing call");
    assert!(!alike(&[trace(same), trace(same)].join("\n")), "a call too many");
}
