//! Starting the program under the simulated device.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A simulated machine: kernel, device, firmware protocol, address mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Machine(
    pub &'static str,
    pub &'static str,
    pub &'static str,
    pub &'static str,
);

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}_{}_{}_{}", self.0, self.1, self.2, self.3)
    }
}

/// The simulator's program, built if it is not there.
pub fn simulator() -> Result<PathBuf, String> {
    let test = std::env::current_exe().map_err(|e| e.to_string())?;
    let folder = test
        .ancestors()
        .nth(2)
        .ok_or("the test lies in no target directory")?;
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--package", "xdna-sim", "--bin", "xdna-sim"]);
    build.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    if let Some(target) = folder.parent() {
        build.arg("--target-dir").arg(target);
    }
    if folder.ends_with("release") {
        build.arg("--release");
    }
    let built = build.stdin(Stdio::null()).output().map_err(|e| e.to_string())?;
    if !built.status.success() {
        return Err(String::from_utf8_lossy(&built.stderr).into_owned());
    }
    Ok(folder.join("xdna-sim"))
}

/// Why programs cannot be run under the simulator here, if they cannot.
pub fn obstacle(simulator: &Path) -> Option<String> {
    let tried = Command::new(simulator).args(["--", "true"]).output();
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Some(said.lines().last().unwrap_or("no reason given").to_owned())
        }
        Err(e) => Some(e.to_string()),
    }
}

/// Runs the program on `machine` and compares: `sim` goes to the simulator, `ours` to the program.
/// `as-user` among the former starts the program without root's rights.
pub fn compare(simulator: &Path, machine: Machine, sim: &[&str], ours: &[&str]) -> Result<Output, String> {
    let Machine(kernel, device, firmware, mode) = machine;
    let axes = [
        "--kernel",
        kernel,
        "--device",
        device,
        "--firmware",
        firmware,
        "--iommu",
        mode,
    ];
    let mut command = Command::new(simulator);
    let user = sim.contains(&"as-user");
    command
        .args(axes)
        .args(sim.iter().filter(|arg| **arg != "as-user"))
        .arg("--");
    if user {
        command.args(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
    }
    command.arg(env!("CARGO_BIN_EXE_xdna-conformance"));
    command.arg("--check").args(axes).args(ours);
    let output = command.stdin(Stdio::null()).output().map_err(|e| e.to_string())?;
    match output.status.code() {
        Some(0 | 1) => Ok(output),
        _ => Err(format!(
            "{}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}
