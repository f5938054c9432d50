//! Which file a call means: absolute, lexically normalised paths.

use std::fs;
use std::path::{Component, Path, PathBuf};

use nix::libc;

use crate::kmd::UserMemory;

/// Longest path read.
const PATH_MAX: usize = 4096;
/// Paths never cross into a page they do not reach.
const PAGE: u64 = 4096;

/// The NUL-terminated string at `address`.
pub fn read_string(memory: &dyn UserMemory, address: u64) -> Option<String> {
    let mut text = Vec::new();
    let mut at = address;
    while text.len() < PATH_MAX {
        let mut part = vec![0; (PAGE - at % PAGE).min(256) as usize];
        memory.read(at, &mut part).ok()?;
        match part.iter().position(|&b| b == 0) {
            Some(end) => {
                text.extend(&part[..end]);
                return String::from_utf8(text).ok();
            }
            None => text.extend(&part),
        }
        at += part.len() as u64;
    }
    None
}

/// `path` as `thread` means it, relative to descriptor `dir`.
pub fn absolute(thread: i32, dir: i32, path: &str) -> Option<PathBuf> {
    let base = match (path.starts_with('/'), dir) {
        (true, _) => PathBuf::from("/"),
        (false, libc::AT_FDCWD) => fs::read_link(format!("/proc/{thread}/cwd")).ok()?,
        (false, fd) => fs::read_link(format!("/proc/{thread}/fd/{fd}")).ok()?,
    };
    Some(normal(&base.join(path)))
}

fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::Normal(name) => out.push(name),
            _ => {}
        }
    }
    out
}

/// The descriptor whose fdinfo `path` names: the thread's own, or of the process given by number.
pub fn fdinfo(path: &Path, thread: i32) -> Option<(i32, i32)> {
    let mut parts = path
        .strip_prefix("/proc")
        .ok()?
        .components()
        .map(|c| c.as_os_str().to_str());
    let owner = match parts.next()?? {
        "self" | "thread-self" => thread,
        number => number.parse().ok()?,
    };
    let mut next = parts.next()??;
    if next == "task" {
        parts.next()??;
        next = parts.next()??;
    }
    (next == "fdinfo").then_some(())?;
    let fd = parts.next()??.parse().ok()?;
    Some((owner, fd))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised() {
        assert_eq!(
            absolute(1, libc::AT_FDCWD, "/dev//accel/./x/../accel0"),
            Some("/dev/accel/accel0".into())
        );
    }

    #[test]
    fn fdinfo_paths_name_a_descriptor() {
        assert_eq!(fdinfo(Path::new("/proc/self/fdinfo/5"), 9), Some((9, 5)));
        assert_eq!(fdinfo(Path::new("/proc/12/task/13/fdinfo/5"), 9), Some((12, 5)));
        assert_eq!(fdinfo(Path::new("/proc/self/fd/5"), 9), None);
    }
}
