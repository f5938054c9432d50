//! The program as its users meet it, without a device.

use std::process::{Command, Output};

fn program(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xdna-conformance"))
        .args(args)
        .output()
        .expect("the program starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

#[test]
fn a_missing_device_ends_it_with_3() {
    let output = program(&["--check", "--node", "/dev/accel/accel-that-is-not-there"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no NPU"));
}

#[test]
fn a_wrong_flag_ends_it_with_2() {
    for args in [
        &["--frobnicate"][..],
        &["--kernel", "5.0"],
        &["--firmware", "4.1"],
        &["--device"],
    ] {
        assert_eq!(program(args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn something_that_is_no_npu_ends_it_with_1() {
    let output = program(&["--node", "/dev/null"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("could not be used: setup: VERSION"));
}

#[test]
fn the_list_has_one_line_per_check_and_needs_no_device() {
    let text = stdout(&program(&["--list"]));
    assert!(text.lines().count() >= 300);
    assert!(text.lines().all(|line| line.split(" | ").count() >= 3), "{text}");
}

#[test]
fn known_axes_leave_one_outcome() {
    let line = |args: &[&str]| {
        let all = [&["--list", "--only", "create_bo.dev-without-heap"], args].concat();
        stdout(&program(&all))
    };
    assert_eq!(
        line(&["--kernel", "6.18"]),
        "create_bo.dev-without-heap | 5.2 | EINVAL\n"
    );
    assert_eq!(
        line(&["--kernel", "7.3"]),
        "create_bo.dev-without-heap | 5.2 | EAGAIN\n"
    );
    assert_eq!(line(&[]), "create_bo.dev-without-heap | 5.2 | EINVAL or EAGAIN\n");
}

#[test]
fn json_is_one_object() {
    let text = stdout(&program(&["--list", "--json", "--only", "version."]));
    assert!(text.starts_with("{\"schema\":\"xdna.conformance/1\""));
    assert!(text.trim_end().ends_with("]}"));
    assert_eq!(text.matches("\"name\":\"version.").count(), 9);
}
