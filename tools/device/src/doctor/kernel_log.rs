//! The driver's lines of the kernel log.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;

use super::root::Root;
use crate::reported::{Missing, Reported};

/// What a copy of a machine may hold it in.
const COPIES: [&str; 3] = ["var/log/dmesg", "var/log/kern.log", "var/log/messages"];
/// Longest record of the kernel's.
const RECORD: usize = 8192;
/// Most lines kept: the last ones.
const LINES: usize = 200;

/// The lines about the driver, its firmware and the IOMMU's part in it, oldest first.
pub(crate) fn read(root: &Root) -> Reported<Vec<String>> {
    let text = if root.is_live() {
        match ring() {
            Ok(text) => Some(text),
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => return Reported::Missing(Missing::Root),
            Err(e) => return Reported::Missing(Missing::Failed(format!("/dev/kmsg: {e}"))),
        }
    } else {
        COPIES.iter().find_map(|path| root.read(path))
    };
    match text {
        Some(text) => Reported::Is(lines(&text)),
        None => Reported::Missing(Missing::Needs("a copy of the kernel log in var/log/dmesg")),
    }
}

fn lines(text: &str) -> Vec<String> {
    // What a file has of earlier starts of the machine, or the driver of before it was loaded again, is over.
    let all: Vec<_> = text.lines().collect();
    let start = all
        .iter()
        .rposition(|line| line.contains("Linux version "))
        .unwrap_or(0);
    let probed = |line: &&str| line.contains("Initialized amdxdna");
    let start = all[start..]
        .iter()
        .rposition(probed)
        .map_or(start, |at| start + at);
    let words = ["amdxdna", "amdnpu", "accel accel"];
    let ours = all[start..]
        .iter()
        .filter(|line| words.iter().any(|word| line.contains(word)));
    let ours: Vec<_> = ours.map(|line| xdna_terminal::clean(line)).collect();
    ours[ours.len().saturating_sub(LINES)..].to_vec()
}

/// What the kernel still has, a line each.
fn ring() -> io::Result<String> {
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open("/dev/kmsg")?;
    let mut text = String::new();
    let mut record = [0; RECORD];
    loop {
        match file.read(&mut record) {
            Ok(0) => return Ok(text),
            Ok(n) => {
                // level,sequence,microseconds,flags;message, then lines of properties
                let line = String::from_utf8_lossy(&record[..n]);
                let (head, rest) = line.split_once(';').unwrap_or(("", &line));
                let at: u64 = head.split(',').nth(2).and_then(|us| us.parse().ok()).unwrap_or(0);
                let message = rest.lines().next().unwrap_or_default();
                text += &format!("[{:5}.{:06}] {message}\n", at / 1_000_000, at % 1_000_000);
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(text),
            // Overwritten while it was read.
            Err(e) if e.raw_os_error() == Some(libc::EPIPE) => {}
            Err(e) => return Err(e),
        }
    }
}
