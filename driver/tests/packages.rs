//! The crate stays small: what it depends on, as cargo counts it.

use std::collections::BTreeSet;
use std::process::Command;

/// Packages, this one included.
const MOST: usize = 16;

#[test]
fn the_crate_is_sixteen_packages_at_most_and_no_async_runtime() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "-p",
            "xdna-driver",
            "-e",
            "normal",
        ])
        .args(["--prefix", "none", "--no-dedupe"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo");
    let tree = String::from_utf8(output.stdout).expect("names");
    let packages: BTreeSet<&str> = tree.lines().filter(|line| !line.is_empty()).collect();
    let named = |name: &str| packages.iter().any(|p| p.starts_with(&format!("{name} ")));
    assert!(
        named("xdna-driver") && named("xdna-uapi"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(packages.len() <= MOST, "{}: {packages:#?}", packages.len());
    for runtime in ["tokio", "async-std", "smol", "futures", "mio"] {
        assert!(!named(runtime), "{runtime}");
    }
}
