//! Versions of everything that has a part in it.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use crate::doctor::Diagnosis;
use crate::reported::{Missing, Reported};

/// Where the kernel looks for the firmware of NPUs.
const FIRMWARE: [&str; 2] = ["/lib/firmware/amdnpu", "/lib/firmware/updates/amdnpu"];
/// What the kernel tells about the driver's module.
const MODULE: &str = "/sys/module/amdxdna";

pub(super) fn all(diagnosis: &Diagnosis) -> Value {
    let module = |file: &str| line(&Path::new(MODULE).join(file));
    json!({
        "xdna": env!("CARGO_PKG_VERSION"),
        "distribution": distribution(),
        "kernel": diagnosis.kernel(),
        "module": { "version": module("version"), "srcversion": module("srcversion"), "taint": module("taint") },
        "firmware_files": firmware_files(),
        "processor": diagnosis.processor(),
    })
}

fn reported(result: io::Result<String>, path: &Path) -> Reported<String> {
    let why = |e: io::Error| Reported::Missing(Missing::Failed(format!("{}: {e}", path.display())));
    result.map_or_else(why, Reported::Is)
}

/// The text of a file of one line.
fn line(path: &Path) -> Reported<String> {
    reported(fs::read_to_string(path), path).map(|text| xdna_terminal::clean(text.trim()))
}

fn distribution() -> Reported<String> {
    let path = Path::new("/etc/os-release");
    reported(fs::read_to_string(path), path).map(|text| {
        let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
        xdna_terminal::clean(name.unwrap_or("no PRETTY_NAME").trim_matches(['"', '\'']))
    })
}

/// Path and size of every firmware file.
fn firmware_files() -> Vec<String> {
    let mut files = Vec::new();
    for device in FIRMWARE
        .iter()
        .filter_map(|dir| fs::read_dir(dir).ok())
        .flatten()
        .flatten()
    {
        for file in fs::read_dir(device.path()).into_iter().flatten().flatten() {
            // Links are followed: a link to nothing has no size.
            let size =
                fs::metadata(file.path()).map_or_else(|e| e.to_string(), |m| format!("{} bytes", m.len()));
            files.push(xdna_terminal::clean(&format!(
                "{}: {size}",
                file.path().display()
            )));
        }
    }
    files.sort();
    files
}
