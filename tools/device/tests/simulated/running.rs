//! `xdna run`, on simulated NPUs.

use std::fs;
use std::path::Path;

use libtest_mimic::Failed;
use serde_json::Value;

use super::roles::{Test, check, end, test, under};
use crate::files::{code, xclbin};

/// The tests.
pub fn tests() -> Vec<Test> {
    vec![
        test("run/files_go_in_and_out", files),
        test("run/the_same_in_json_with_times", json),
        test("run/wrong_arguments_are_usage", usage),
        test("run/a_failed_run_says_why", fails),
        test("run/outputs_that_no_memory_holds_are_refused", sizes),
        test("run/a_manifest_beside_the_xclbin_is_used", manifest),
        test("run/cycles_are_told_as_an_estimate", cycles),
        test("run/without_an_npu_is_an_exit_code", no_device),
    ]
}

/// A folder with a kernel that moves nothing, and an input.
fn folder() -> Result<tempfile::TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("k.xclbin"), xclbin(4, 0))?;
    fs::write(folder.path().join("insts.bin"), code(4, 4))?;
    let words: String = code(4, 4)
        .chunks(4)
        .map(|w| format!("{:08x}\n", u32::from_le_bytes([w[0], w[1], w[2], w[3]])))
        .collect();
    fs::write(folder.path().join("insts.txt"), words)?;
    fs::write(folder.path().join("a.bin"), [1, 2, 3, 4])?;
    Ok(folder)
}

fn run(folder: &Path, simulator: &str, words: &str) -> Result<(Option<i32>, String, String), Failed> {
    let args: Vec<&str> = ["run"].into_iter().chain(words.split_whitespace()).collect();
    Ok(end(under(simulator, "--tool", &args)
        .current_dir(folder)
        .output()?))
}

fn files() -> Result<(), Failed> {
    let folder = folder()?;
    let words = "k.xclbin insts.txt --arg inout:a.bin:a.out --arg out:8:b.out";
    let (code, stdout, stderr) = run(folder.path(), "", words)?;
    // This kernel writes nothing, which is told and shown of what goes out alone.
    check(code == Some(4), format!("{code:?} {stdout}{stderr}"))?;
    check(stdout.contains("MLIR_AIE, 4 columns of npu4, simulated"), &stdout)?;
    check(
        stdout.contains("8 bytes in b.out, not written to by the kernel"),
        &stdout,
    )?;
    check(
        fs::read(folder.path().join("a.out"))? == [1, 2, 3, 4],
        "the file was not handed through",
    )?;
    check(fs::read(folder.path().join("b.out"))? == [0xa5; 8], "no poison")
}

fn json() -> Result<(), Failed> {
    let folder = folder()?;
    let words = "k.xclbin insts.bin --kernel MLIR_AIE --arg in:a.bin --arg out:8:b.out --repeat 20 --time --stats --json";
    let (code, stdout, stderr) = run(folder.path(), "", words)?;
    check(code == Some(4), format!("{code:?} {stdout}{stderr}"))?;
    let object: Value = serde_json::from_str(&stdout)?;
    check(object["schema"] == "xdna.run/1" && object["runs"] == 20, &stdout)?;
    check(
        object["simulated"] == true && object["outputs"][0]["written"] == false,
        &stdout,
    )?;
    check(object["outputs"][0]["argument"] == "bo1", &stdout)?;
    let counted = |key: &str| object["stats"][key].as_u64();
    check(
        counted("completed") == Some(20) && counted("failed") == Some(0),
        &stdout,
    )?;
    check(counted("contexts_created") == Some(1), &stdout)?;
    check(counted("buffers_high_water_bytes") == Some(8192), &stdout)?;
    check(counted("latency_p50_ns") <= counted("latency_p99_ns"), &stdout)?;
    let time = |key: &str| object["time"][key].as_u64().unwrap_or(0);
    check(time("min_ns") > 0 && time("min_ns") <= time("p50_ns"), &stdout)?;
    check(
        time("p50_ns") <= time("p99_ns") && time("p99_ns") <= time("max_ns"),
        &stdout,
    )
}

fn usage() -> Result<(), Failed> {
    let folder = folder()?;
    for (words, says) in [
        (
            "k.xclbin insts.bin --arg in:a.bin",
            "1 given, the kernel takes 2 to 5 arguments",
        ),
        (
            "k.xclbin insts.bin --arg in:a.bin --arg u32:1",
            "a buffer is wanted",
        ),
        ("k.xclbin insts.bin --kernel other", "it has MLIR_AIE"),
        ("k.xclbin insts.bin --arg f32:1", "write in:FILE"),
        (
            "k.xclbin insts.bin --arg out:8:no/b.out",
            "there is no such folder",
        ),
        ("k.xclbin insts.bin --arg out:8:.", "is a folder"),
        ("k.xclbin insts.bin --arg out:8:-", "an output goes to a file"),
        (
            "k.xclbin insts.bin --arg out:8:b --arg out:8:./b",
            "would be overwritten",
        ),
        (
            "k.xclbin insts.bin --arg in:a.bin --arg out:8:a.bin",
            "would be overwritten",
        ),
        ("k.xclbin insts.bin --arg out:8:k.xclbin", "would be overwritten"),
    ] {
        let (code, _, stderr) = run(folder.path(), "", words)?;
        check(
            code == Some(2) && stderr.contains(says),
            format!("{words}: {code:?} {stderr}"),
        )?;
    }
    Ok(())
}

fn fails() -> Result<(), Failed> {
    let folder = folder()?;
    let args = "--arg in:a.bin --arg out:8:b.out";
    let (code, _, stderr) = run(
        folder.path(),
        "--fault command:1:error",
        &format!("k.xclbin insts.bin {args}"),
    )?;
    check(
        code == Some(1) && stderr.contains("failed in the firmware (the simulated NPU says why"),
        format!("{code:?} {stderr}"),
    )?;
    check(!folder.path().join("b.out").exists(), "a file of a failed run")?;
    let (code, _, stderr) = run(
        folder.path(),
        "--device npu1",
        &format!("k.xclbin insts.bin {args}"),
    )?;
    check(
        code == Some(1) && stderr.contains("for XDNA2 (npu4, npu5, npu6), and this NPU is XDNA1 (npu1)"),
        format!("{code:?} {stderr}"),
    )?;
    let (code, _, stderr) = run(folder.path(), "", &format!("insts.bin insts.bin {args}"))?;
    check(
        code == Some(1) && stderr.contains("insts.bin"),
        format!("{code:?} {stderr}"),
    )
}

fn sizes() -> Result<(), Failed> {
    let folder = folder()?;
    for bytes in ["18446744073709551615", "9223372036854775807", "1099511627776"] {
        let words = format!("k.xclbin insts.bin --arg in:a.bin --arg out:{bytes}:b.out");
        let (code, _, stderr) = run(folder.path(), "", &words)?;
        check(
            code == Some(2) && stderr.contains("memory that are free"),
            format!("{bytes}: {code:?} {stderr}"),
        )?;
    }
    Ok(())
}

fn cycles() -> Result<(), Failed> {
    let folder = folder()?;
    let trace = folder.path().join("trace");
    let words = "k.xclbin insts.bin --arg in:a.bin --arg out:8:b.out --repeat 2";
    let simulator = format!("--cycles --trace {}", trace.display());
    let args: Vec<&str> = ["run"].into_iter().chain(words.split_whitespace()).collect();
    let output = under(&simulator, "--tool", &args)
        .current_dir(folder.path())
        .output()?;
    let (said, traced) = (String::from_utf8(output.stderr)?, fs::read_to_string(trace)?);
    // Two operations of 64 cycles.
    let line = "client 1 context 1: about 128 cycles of the array (an estimate)";
    check(said.matches(&format!("xdna-sim: {line}")).count() == 2, &said)?;
    check(traced.lines().filter(|l| *l == line).count() == 2, &traced)
}

fn no_device() -> Result<(), Failed> {
    let folder = folder()?;
    let (code, _, _) = run(folder.path(), "--firmware 6.11", "k.xclbin insts.bin")?;
    check(code == Some(3), format!("{code:?}"))
}

/// A checked-in loopback, and bytes for it.
fn loopback() -> Result<tempfile::TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    let prebuilt = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kernels/prebuilt/npu4");
    for name in ["pad_1.xclbin", "pad_1.toml", "pad_1.1.txn.bin"] {
        let name = format!("loopback_{name}");
        fs::copy(prebuilt.join(&name), folder.path().join(&name))?;
    }
    let words: Vec<u8> = (0..3600_u32).flat_map(u32::to_le_bytes).collect();
    fs::write(folder.path().join("a.bin"), words)?;
    Ok(folder)
}

fn manifest() -> Result<(), Failed> {
    let folder = loopback()?;
    let words = "loopback_pad_1.xclbin loopback_pad_1.1.txn.bin --arg in:a.bin --arg out:16896:b.bin";
    let (code, stdout, stderr) = run(folder.path(), "", words)?;
    check(code == Some(0), format!("{code:?} {stdout}{stderr}"))?;
    let line = r#"loopback_pad_1.toml: loopback_pad_1, run "1"; compared with its reference before"#;
    check(stdout.contains(line), &stdout)?;
    let padded = fs::read(folder.path().join("b.bin"))?;
    // Two rows of 128 and three words of zeros, then the first row.
    let at = 4 * (2 * 128 + 3);
    check(padded[..at].iter().all(|b| *b == 0), "no zeros")?;
    check(
        padded[at..at + 12] == [0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0],
        "no words",
    )?;
    let (_, stdout, _) = run(folder.path(), "", &format!("{words} --json"))?;
    let object: Value = serde_json::from_str(&stdout)?;
    let used = &object["manifest"];
    check(used["run"] == "1" && used["tested"] == true, &stdout)?;
    // What it says is checked.
    let text = fs::read_to_string(folder.path().join("loopback_pad_1.toml"))?;
    for (from, to, says) in [
        ("bytes = 14400", "bytes = 14401", "bytes is 14401, not 14400"),
        ("columns = 1", "columns = 1\nfoo = 2", "unknown field `foo`"),
        ("columns = 1", "columns = 2", "columns is 2, not 1"),
        (
            "sha256 = \"",
            "sha256 = \"0",
            "loopback_pad_1.xclbin: the SHA-256 is",
        ),
        (
            "device = \"npu4\"",
            "device = \"npu1\"",
            "device is npu1, not npu4",
        ),
        (
            "name = \"bo0\"",
            "name = \"bo7\"",
            "a buffer's name is bo7, not bo0",
        ),
    ] {
        check(text.contains(from), from)?;
        fs::write(
            folder.path().join("loopback_pad_1.toml"),
            text.replacen(from, to, 1),
        )?;
        let (code, _, stderr) = run(folder.path(), "", words)?;
        check(
            code == Some(2) && stderr.contains(says) && stderr.contains("loopback_pad_1.toml"),
            format!("{says}: {code:?} {stderr}"),
        )?;
    }
    // Without it, sizes and directions are those of the control code.
    fs::remove_file(folder.path().join("loopback_pad_1.toml"))?;
    let (code, stdout, _) = run(folder.path(), "", words)?;
    check(code == Some(0) && !stdout.contains("manifest"), &stdout)?;
    for (args, says) in [
        ("--arg in:a.bin --arg out:3:b.bin", "3 bytes given, 16896 wanted"),
        (
            "--arg in:a.bin --arg in:a.bin",
            "the kernel's argument is an output",
        ),
    ] {
        let words = format!("loopback_pad_1.xclbin loopback_pad_1.1.txn.bin {args}");
        let (code, _, stderr) = run(folder.path(), "", &words)?;
        check(
            code == Some(2) && stderr.contains(says),
            format!("{args}: {code:?} {stderr}"),
        )?;
    }
    Ok(())
}
