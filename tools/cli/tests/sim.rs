//! `xdna sim` and `xdna conformance`, as programs: the second under the first.

mod common;

use std::fs;
use std::process::ExitCode;

use common::{end, xdna};
use libtest_mimic::{Arguments, Failed, Trial};

const XDNA: &str = env!("CARGO_BIN_EXE_xdna");

type Seen = (Option<i32>, String, String);

/// `xdna sim OPTIONS -- PROGRAM`.
fn sim(options: &str, program: &[&str]) -> Seen {
    let options = options.split_whitespace();
    let args = ["sim"].into_iter().chain(options).chain(["--"]);
    end(&xdna(args.chain(program.iter().copied())).output().expect("xdna"))
}

/// `xdna sim OPTIONS -- xdna conformance FLAGS`.
fn conformance(options: &str, flags: &str) -> Seen {
    let program: Vec<&str> = [XDNA, "conformance"]
        .into_iter()
        .chain(flags.split_whitespace())
        .collect();
    sim(options, &program)
}

fn conformance_walks_the_simulated_device() {
    let (code, stdout, stderr) = conformance("", "");
    assert_eq!(code, Some(0), "{stderr}");
    let names: Vec<&str> = stdout
        .lines()
        .filter_map(|l| Some(l.split_once(" | ")?.0))
        .collect();
    assert!(names.len() >= 300, "{} checks", names.len());
    assert_eq!(names.len(), stdout.lines().count(), "{stdout}");
    assert!(
        stderr.contains("/dev/accel/accel0 is simulated: Npu4, kernel 7.3, firmware protocol 7.0, Sva"),
        "{stderr}"
    );
    assert!(stderr.contains("driver 0.10"), "{stderr}");
}

/// The whole table, and nothing differs: the example of the help among them.
fn conformance_finds_no_difference() {
    for (kernel, device) in [("7.3", "npu4"), ("6.18", "npu1")] {
        let options = format!("--kernel {kernel} --device {device}");
        let (code, stdout, stderr) = conformance(&options, &format!("--check --kernel {kernel}"));
        let differs: Vec<&str> = stdout.lines().filter(|l| l.starts_with("difference")).collect();
        assert_eq!((code, &differs[..]), (Some(0), &[][..]), "{options}: {stderr}");
        assert!(stderr.contains(" 0 differ from the table"), "{options}: {stderr}");
    }
}

fn a_rule_switched_off_is_a_difference() {
    let flags = "--check --kernel 7.3 --only bo_info.";
    let (code, stdout, stderr) = conformance("", flags);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let (code, stdout, _) = conformance("--without pad-zero", flags);
    assert_eq!(code, Some(1));
    assert!(
        stdout.contains("difference: bo_info.pad | got ok | allowed EINVAL"),
        "{stdout}"
    );
}

fn an_npu_without_kernels_for_the_model_is_said_and_not_passed_over() {
    let (code, stdout, stderr) = sim("", &[XDNA, "transcribe", "--device", "npu", "a.wav"]);
    assert_eq!((code, stdout.as_str()), (Some(3), ""), "{stderr}");
    assert!(
        stderr.contains("this version has no kernel of any operator for it"),
        "{stderr}"
    );
}

fn every_option_reaches_the_device() {
    let flags = "--check --device npu1 --kernel 7.2 --firmware 5.7 --iommu iova --only bo_info.";
    let options = "--device npu1 --kernel 7.2 --firmware 5.7 --iommu iova";
    let (code, stdout, stderr) = conformance(options, flags);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(
        stderr.contains("is simulated: Npu1, kernel 7.2, firmware protocol 5.7, Iova"),
        "{stderr}"
    );
    // The same claims about another machine are wrong.
    assert_eq!(
        conformance("--device npu1 --kernel 7.2 --firmware 5.7", flags).0,
        Some(1)
    );
}

fn a_refused_probe_leaves_no_device() {
    let (code, stdout, stderr) = conformance("--firmware 6.11", "");
    assert_eq!((code, stdout.as_str()), (Some(3), ""), "{stderr}");
    assert!(
        stderr.contains("does not accept firmware protocol 6.11"),
        "{stderr}"
    );
    assert!(stderr.contains("no NPU under /dev/accel"), "{stderr}");
}

fn faults_happen_as_scripted() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("faults");
    fs::write(&file, "# no memory\ncreate_bo:*:ENOMEM\n").expect("a file");
    let from_file = format!("--fault @{}", file.display());
    for options in ["--fault create_bo:*:ENOMEM", &from_file] {
        let (code, stdout, stderr) = conformance(options, "--only create_bo.share-128");
        assert_eq!(code, Some(0), "{stderr}");
        assert!(stdout.contains("ENOMEM"), "{stdout}");
    }
}

fn the_trace_has_every_call() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("trace");
    let (code, ..) = conformance(&format!("--trace {}", file.display()), "--only bo_info.pad");
    assert_eq!(code, Some(0));
    let text = fs::read_to_string(&file).expect("the trace");
    let calls = text
        .lines()
        .filter(|l| l.contains(" get_bo_info amdxdna_drm_get_bo_info {"));
    assert!(calls.clone().any(|l| l.contains("= EINVAL")), "{text}");
}

fn nested_use_says_why_it_fails() {
    let (code, _, stderr) = sim("", &[XDNA, "sim", "--", "true"]);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("one per process tree"), "{stderr}");
}

fn exit_codes_are_the_programs() {
    assert_eq!(sim("", &["sh", "-c", "exit 7"]).0, Some(7));
    assert_eq!(sim("", &["sh", "-c", "kill -9 $$"]).0, Some(137));
    let (code, _, stderr) = sim("", &["/no/such/program"]);
    assert_eq!(code, Some(127));
    assert!(
        stderr.contains("cannot run /no/such/program: No such file"),
        "{stderr}"
    );
    assert_eq!(
        sim(
            "",
            &["sh", "-c", "test \"$1\" = --beam_size", "sh", "--beam_size"]
        )
        .0,
        Some(0)
    );
}

fn caches_between_host_and_device_are_told_of() {
    let (code, _, stderr) = conformance("--incoherent", "--run --only run.start_cu");
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("has flushed no buffer by SYNC_BO"), "{stderr}");
}

fn wrong_usage_is_refused() {
    let refused = |args: &str, part: &str| {
        let (code, stdout, stderr) = end(&xdna(args.split(' ')).output().expect("xdna"));
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{args}: {stderr}");
        assert!(stderr.contains(part), "{args}: {stderr}");
    };
    refused("sim", "<PROGRAM>");
    refused("sim --device npu2 -- true", "npu1, npu4, npu5, npu6");
    refused("sim --kernel 6.13 -- true", "known: 6.14");
    refused("sim --iommu off -- true", "sva, iova, carveout");
    refused("sim --fault exec_cmd:3:EWHAT -- true", "EWHAT");
    refused("sim --kernle 7.3 -- true", "'--kernel'");
    refused("conformance --frobnicate", "--frobnicate");
    refused("conformance --kernel 5.0", "--kernel: no column for \"5.0\"");
    refused("conformance --iommu off", "none of sva, iova, carveout");
    let (code, ..) = end(&xdna(["conformance", "--node", "/nonexistent"])
        .output()
        .expect("xdna"));
    assert_eq!(code, Some(3));
}

fn the_list_needs_no_device() {
    let (code, stdout, _) = end(&xdna(["conformance", "--list", "--json", "--only", "version."])
        .output()
        .expect("xdna"));
    assert_eq!(code, Some(0));
    let object: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(object["schema"], "xdna.conformance/1");
}

/// Those that need no simulated device come last.
const TESTS: &[(&str, bool, fn())] = &[
    (
        "conformance_walks_the_simulated_device",
        true,
        conformance_walks_the_simulated_device,
    ),
    (
        "conformance_finds_no_difference",
        true,
        conformance_finds_no_difference,
    ),
    (
        "a_rule_switched_off_is_a_difference",
        true,
        a_rule_switched_off_is_a_difference,
    ),
    (
        "an_npu_without_kernels_for_the_model_is_said_and_not_passed_over",
        true,
        an_npu_without_kernels_for_the_model_is_said_and_not_passed_over,
    ),
    (
        "every_option_reaches_the_device",
        true,
        every_option_reaches_the_device,
    ),
    (
        "a_refused_probe_leaves_no_device",
        true,
        a_refused_probe_leaves_no_device,
    ),
    ("faults_happen_as_scripted", true, faults_happen_as_scripted),
    ("the_trace_has_every_call", true, the_trace_has_every_call),
    ("nested_use_says_why_it_fails", true, nested_use_says_why_it_fails),
    ("exit_codes_are_the_programs", true, exit_codes_are_the_programs),
    (
        "caches_between_host_and_device_are_told_of",
        true,
        caches_between_host_and_device_are_told_of,
    ),
    ("wrong_usage_is_refused", false, wrong_usage_is_refused),
    ("the_list_needs_no_device", false, the_list_needs_no_device),
];

fn main() -> ExitCode {
    let (code, _, stderr) = sim("", &["true"]);
    let obstacle = (code != Some(0)).then(|| stderr.lines().last().unwrap_or("no reason given").to_owned());
    let trials = TESTS.iter().map(|&(name, device, test)| {
        let run = move || -> Result<(), Failed> {
            test();
            Ok(())
        };
        match obstacle.as_ref().filter(|_| device) {
            Some(why) => Trial::test(format!("{name}: {why}"), run).with_ignored_flag(true),
            None => Trial::test(name, run),
        }
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}
