//! Whole programs under `xdna-sim`: this test binary starts itself as the program.

mod programs_client;
mod programs_rootless;
mod support;

use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};

const SIM: &str = env!("CARGO_BIN_EXE_xdna-sim");

/// `xdna-sim OPTIONS -- this-program --client NAME`.
fn sim(options: &[&str], client: &str) -> Command {
    let me = std::env::current_exe().expect("own path");
    let mut command = Command::new(SIM);
    command.args(options).arg("--").arg(me).args(["--client", client]);
    command
}

fn succeeds(options: &[&str], client: &str) -> Result<Output, Failed> {
    let output = sim(options, client)
        .output()
        .map_err(|e| Failed::from(e.to_string()))?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(format!("{client}: {}: {text}", output.status).into());
    }
    Ok(output)
}

fn shell(options: &[&str], script: &str) -> Output {
    let mut command = Command::new(SIM);
    command
        .args(options)
        .args(["--", "sh", "-c", script])
        .output()
        .expect("xdna-sim")
}

fn a_program_sees_the_device() -> Result<(), Failed> {
    let output = succeeds(&[], "look")?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if text.contains("is simulated") {
        Ok(())
    } else {
        Err(text.into())
    }
}

fn exit_codes_are_the_programs() -> Result<(), Failed> {
    assert_eq!(shell(&[], "exit 7").status.code(), Some(7));
    assert_eq!(shell(&[], "kill -9 $$").status.code(), Some(137));
    let missing = Command::new(SIM).args(["--", "/no/such/program"]).output()?;
    assert_eq!(missing.status.code(), Some(127));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("/no/such/program"));
    Ok(())
}

fn a_refused_probe_leaves_no_node() -> Result<(), Failed> {
    let output = shell(
        &["--firmware", "6.11"],
        "test ! -e /dev/accel && test ! -e /sys/class/accel && test -e /dev/null",
    );
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("does not accept firmware protocol 6.11"));
    Ok(())
}

fn nesting_is_refused_with_the_reason() -> Result<(), Failed> {
    let output = shell(&[], &format!("{SIM} -- true"));
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("one per process tree"));
    Ok(())
}

fn calls_take_effect_once_in_a_signal_storm() -> Result<(), Failed> {
    succeeds(&["--exec-time", "50"], "storm")?;
    succeeds(&["--exec-time", "50"], "storm-restart").map(drop)
}

fn other_files_are_left_alone_in_a_signal_storm() -> Result<(), Failed> {
    succeeds(&[], "other-files")?;
    succeeds(&[], "other-files-restart")?;
    succeeds(&["--kernel", "6.18"], "other-files-restart").map(drop)
}

fn a_signal_ends_a_wait() -> Result<(), Failed> {
    succeeds(&[], "interrupted").map(drop)
}

fn descriptors_travel() -> Result<(), Failed> {
    for client in ["fork", "exec", "scm-rights"] {
        succeeds(&["--kernel", "7.3"], client)?;
    }
    Ok(())
}

fn a_childs_exit_kills_contexts_to_6_19() -> Result<(), Failed> {
    for (kernel, client) in [
        ("6.18", "child-exit-kills"),
        ("6.19", "child-exit-kills"),
        ("6.19", "killed-child-kills"),
        ("6.18", "exec-kills"),
        ("7.0", "child-exit-spares"),
    ] {
        succeeds(&["--kernel", kernel], client)
            .map_err(|e| format!("{kernel}: {}", e.message().unwrap_or("")))?;
    }
    Ok(())
}

fn programs_share_the_device() -> Result<(), Failed> {
    let me = std::env::current_exe()?;
    let me = me.display();
    let script =
        format!("{me} --client hold & sleep 0.3; {me} --client beside-hold; code=$?; wait; exit $code");
    let output = shell(&[], &script);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn the_node_is_opened_as_a_file_is() -> Result<(), Failed> {
    succeeds(&[], "descriptors")?;
    succeeds(&[], "terminal")?;
    succeeds(&["--kernel", "6.18"], "descriptors").map(drop)
}

fn ten_processes_at_once() -> Result<(), Failed> {
    let me = std::env::current_exe()?;
    let me = me.display();
    let script = format!(
        "for i in 1 2 3 4 5 6 7 8 9 10; do {me} --client come-and-go & all=\"$all $!\"; done; \
         for p in $all; do wait $p || exit 1; done"
    );
    for options in [&[][..], &["--kernel", "6.18"]] {
        let output = shell(options, &script);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{options:?}: {text}");
    }
    Ok(())
}

fn works_without_root() -> Result<(), Failed> {
    for client in ["look", "descriptors", "dma-buf", "terminal", "library"] {
        programs_rootless::run(client).map_err(|e| format!("{client}: {}", e.message().unwrap_or("")))?;
    }
    Ok(())
}

fn a_dead_supervisor_leaves_nothing() -> Result<(), Failed> {
    let me = std::env::current_exe()?;
    let me = me.display();
    // A program and its child, both inside a call that waits.
    let script = format!("{me} --client wait-for-ever & {me} --client wait-for-ever; wait");
    let mut running = Command::new(SIM)
        .args(["--", "sh", "-c", &script])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut stdout = std::io::BufReader::new(running.stdout.take().ok_or("no stdout")?);
    let mut processes = Vec::new();
    for _ in 0..2 {
        let mut pid = String::new();
        std::io::BufRead::read_line(&mut stdout, &mut pid)?;
        processes.push(format!("/proc/{}", pid.trim()));
    }
    running.kill()?;
    running.wait()?;
    let started = Instant::now();
    for process in processes {
        while Path::new(&process).exists() {
            if started.elapsed() > Duration::from_secs(20) {
                return Err(format!("{process} is still there").into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    Ok(())
}

fn no_command_is_lost_under_stress() -> Result<(), Failed> {
    let faults = "command:50/97:error command:31/301:hang command:77/211:mute exec_cmd:40/83:ENOMEM";
    let me = std::env::current_exe()?;
    let me = me.display();
    let output = shell(
        &["--job-timeout", "5", "--fault", faults],
        &format!("{me} --client stress & first=$!; {me} --client stress && wait $first"),
    );
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn programs_map_dma_bufs_and_user_pointers() -> Result<(), Failed> {
    succeeds(&[], "dma-buf")?;
    succeeds(&["--kernel", "6.18"], "dma-buf")?;
    succeeds(&["--kernel", "6.18"], "user-pointer")?;
    succeeds(&["--kernel", "6.19"], "map-among-threads")?;
    succeeds(&[], "map-among-threads").map(drop)
}

type Test = fn() -> Result<(), Failed>;

const TESTS: &[(&str, Test)] = &[
    ("a_program_sees_the_device", a_program_sees_the_device),
    ("exit_codes_are_the_programs", exit_codes_are_the_programs),
    ("a_refused_probe_leaves_no_node", a_refused_probe_leaves_no_node),
    (
        "nesting_is_refused_with_the_reason",
        nesting_is_refused_with_the_reason,
    ),
    (
        "calls_take_effect_once_in_a_signal_storm",
        calls_take_effect_once_in_a_signal_storm,
    ),
    (
        "other_files_are_left_alone_in_a_signal_storm",
        other_files_are_left_alone_in_a_signal_storm,
    ),
    ("a_signal_ends_a_wait", a_signal_ends_a_wait),
    ("descriptors_travel", descriptors_travel),
    (
        "a_childs_exit_kills_contexts_to_6_19",
        a_childs_exit_kills_contexts_to_6_19,
    ),
    ("programs_share_the_device", programs_share_the_device),
    ("the_node_is_opened_as_a_file_is", the_node_is_opened_as_a_file_is),
    ("ten_processes_at_once", ten_processes_at_once),
    ("works_without_root", works_without_root),
    (
        "a_dead_supervisor_leaves_nothing",
        a_dead_supervisor_leaves_nothing,
    ),
    (
        "programs_map_dma_bufs_and_user_pointers",
        programs_map_dma_bufs_and_user_pointers,
    ),
    ("no_command_is_lost_under_stress", no_command_is_lost_under_stress),
];

/// Why programs cannot run here: neither root nor user namespaces.
fn reason() -> Option<String> {
    let output = Command::new(SIM).args(["--", "true"]).output();
    match output {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(e) => Some(e.to_string()),
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    if let [_, flag, name, rest @ ..] = &args[..]
        && flag == "--client"
    {
        return programs_client::run(name, rest);
    }
    let args = Arguments::from_args();
    let reason = if args.list { None } else { reason() };
    let trials = TESTS.iter().map(|&(name, test)| {
        let without_root = programs_rootless::obstacle().filter(|_| name == "works_without_root");
        let reason = reason.clone().or(without_root);
        let shown = reason
            .as_ref()
            .map_or(name.to_owned(), |r| format!("{name} ({r})"));
        Trial::test(shown, test).with_ignored_flag(reason.is_some())
    });
    libtest_mimic::run(&args, trials.collect()).exit_code()
}
