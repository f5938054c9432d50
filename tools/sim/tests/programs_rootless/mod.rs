//! The program under the simulator without root's rights.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Failed;

use crate::SIM;

const NOBODY: u32 = 65534;

/// Runs scenario `client` as another user than root.
pub fn run(client: &str) -> Result<(), Failed> {
    let dir = std::env::temp_dir().join(format!("xdna-sim-test-{}", std::process::id()));
    fs::create_dir(&dir)?;
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755))?;
    let copy = |from: &Path, name: &str| -> std::io::Result<std::path::PathBuf> {
        let to = dir.join(name);
        fs::copy(from, &to)?;
        fs::set_permissions(&to, fs::Permissions::from_mode(0o755))?;
        Ok(to)
    };
    let (sim, me) = (
        copy(Path::new(SIM), "sim")?,
        copy(&std::env::current_exe()?, "client")?,
    );
    // The library needs no launcher to say why it cannot.
    let mut command = match client {
        "library" => Command::new(me),
        _ => {
            let mut command = Command::new(sim);
            command.arg("--").arg(me);
            command
        }
    };
    command.current_dir("/").args(["--client", client]);
    if nix::unistd::getuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.output()?;
    fs::remove_dir_all(&dir)?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        Ok(())
    } else {
        Err(text.into())
    }
}

/// Why programs without root's rights cannot have a user namespace here, if they cannot.
pub fn obstacle() -> Option<String> {
    let setting = |name: &str| {
        let text = fs::read_to_string(format!("/proc/sys/{name}")).ok()?;
        text.trim().parse::<u64>().ok()
    };
    let forbids = [
        ("user/max_user_namespaces", 0),
        ("kernel/unprivileged_userns_clone", 0),
        ("kernel/apparmor_restrict_unprivileged_userns", 1),
    ];
    forbids
        .into_iter()
        .find(|&(name, value)| setting(name) == Some(value))
        .map(|(name, value)| format!("/proc/sys/{name} is {value}"))
}
