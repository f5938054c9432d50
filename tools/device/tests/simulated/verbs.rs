//! selftest and bench, and how a device is chosen, on simulated NPUs.

use libtest_mimic::Failed;
use serde_json::Value;

use super::roles::{Test, check, end, test, under};

/// The tests.
pub fn tests() -> Vec<Test> {
    vec![
        test("selftest/passes_on_every_generation_and_says_simulated", selftest),
        test("selftest/a_command_that_fails_is_a_fail", selftest_fails),
        test("selftest/a_hang_is_ended_by_the_driver", hangs),
        test("bench/bounds_decide", bench),
        test("device/a_number_that_is_not_there_is_no_device", other_device),
        test("device/none_is_an_exit_code", no_device),
    ]
}

/// Fails with `what` unless it holds.
pub fn selftest() -> Result<(), Failed> {
    for simulator in [
        "--device npu1 --kernel 6.17",
        "--device npu1 --kernel 7.2",
        "--device npu4 --kernel 6.19",
        "--device npu4",
    ] {
        let (code, stdout, stderr) = end(under(simulator, "--tool", &["selftest", "--json"]).output()?);
        check(code == Some(0), format!("{simulator}: {code:?} {stdout}{stderr}"))?;
        let object: Value = serde_json::from_str(&stdout)?;
        check(
            object["simulated"] == true && object["schema"] == "xdna.selftest/1",
            &stdout,
        )?;
        let steps = object["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
        check(steps.len() == 12, &stdout)?;
        check(
            steps.iter().all(|s| s["passed"] == true && s["error"].is_null()),
            &stdout,
        )?;
        let columns = if simulator.contains("npu1") { 4 } else { 8 };
        for step in steps.iter().filter(|s| s["numbers"]["runs"].is_u64()) {
            let numbers = &step["numbers"];
            check(numbers["columns"] == columns && numbers["runs"] != 0, step)?;
            for key in ["bytes_per_second", "one_column_bytes_per_second"] {
                check(numbers[key].as_f64().is_some_and(|n| n > 0.0), step)?;
            }
        }
        let loopbacks = steps.iter().filter(|s| s["numbers"]["runs"].is_u64()).count();
        check(loopbacks == 4, &stdout)?;
        let p50 = object["steps"][2]["numbers"]["p50_ns"].as_u64();
        check(p50.is_some_and(|ns| ns > 0), &stdout)?;
    }
    let (_, stdout, _) = end(under("", "--tool", &["selftest"]).output()?);
    let passes = stdout.lines().filter(|line| line.starts_with("PASS")).count();
    check(
        passes == 12 && stdout.contains("simulated: the times are the simulator's"),
        stdout,
    )
}

fn selftest_fails() -> Result<(), Failed> {
    let (code, stdout, _) = end(under("--fault command:3:error", "--tool", &["selftest"]).output()?);
    let failed: Vec<_> = stdout.lines().filter(|line| line.starts_with("FAIL")).collect();
    check(code == Some(1) && failed.len() == 1, &stdout)?;
    check(
        failed[0].contains("round-trip") && failed[0].contains("firmware"),
        stdout,
    )
}

fn hangs() -> Result<(), Failed> {
    // An aborted command at first, one that timed out from Linux 6.18 on.
    for simulator in [
        "--device npu1 --kernel 6.17",
        "--device npu4 --kernel 6.18",
        "--device npu4",
    ] {
        let simulator = format!("{simulator} --job-timeout 200");
        let (code, stdout, stderr) =
            end(under(&simulator, "--tool", &["selftest", "--hang", "--json"]).output()?);
        check(code == Some(0), format!("{simulator}: {code:?} {stdout}{stderr}"))?;
        let object: Value = serde_json::from_str(&stdout)?;
        let step = object["steps"]
            .as_array()
            .and_then(|steps| steps.last())
            .ok_or("steps")?;
        check(
            step["name"] == "hang" && step["numbers"]["ended_by_driver_ns"].as_u64() >= Some(200_000_000),
            stdout,
        )?;
    }
    // Not where it could take the contexts of others along.
    let (code, stdout, _) = end(under("--device npu4", "--top", &["selftest", "--hang"]).output()?);
    let refused = stdout
        .lines()
        .find(|line| line.starts_with("FAIL"))
        .unwrap_or_default();
    check(
        code == Some(1) && refused.contains("hang") && refused.contains("2 contexts of other programs"),
        &stdout,
    )
}

fn bench() -> Result<(), Failed> {
    let run = |bound: &str| {
        let args = [
            "bench",
            "--commands",
            "50",
            "--buffer",
            "1",
            "--json",
            "--assert",
            "memory-loopback.bytes_per_second>=1",
            "--assert",
            bound,
        ];
        under("", "--tool", &args).output().map(end)
    };
    let (code, stdout, _) = run("round-trip.p50_ns<=60s")?;
    let object: Value = serde_json::from_str(&stdout)?;
    check(
        code == Some(0) && object["bounds"][0]["holds"] == true && object["bounds"][1]["holds"] == true,
        &stdout,
    )?;
    check(
        object["schema"] == "xdna.bench/1" && object["steps"][2]["numbers"]["count"] == 50,
        &stdout,
    )?;
    let shim = &object["steps"][7];
    check(
        shim["name"] == "shim-loopback" && shim["numbers"]["columns"] == 8,
        shim,
    )?;
    let (code, stdout, _) = run("round-trip.p50_ns<=1ns")?;
    check(code == Some(1) && stdout.contains("\"holds\":false"), stdout)?;
    let (code, _, stderr) = run("trip.p50_ns<=1ns")?;
    check(code == Some(2) && stderr.contains("no such step"), stderr)
}

fn other_device() -> Result<(), Failed> {
    let (code, _, stderr) = end(under("", "--tool", &["info", "--device", "3"]).output()?);
    check(
        code == Some(3) && stderr.contains("there is /dev/accel/accel0 alone"),
        stderr,
    )
}

fn no_device() -> Result<(), Failed> {
    // Firmware that this kernel's driver does not take: the simulator shows a machine whose probe failed.
    let simulator = "--device npu4 --kernel 6.18 --firmware 7.0";
    let (code, stdout, stderr) = end(under(simulator, "--tool", &["info"]).output()?);
    check(
        code == Some(3) && stdout.is_empty() && stderr.contains("xdna doctor"),
        stderr,
    )
}
