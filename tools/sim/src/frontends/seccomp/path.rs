//! Which file a call means: absolute, lexically normalised paths.

use std::fs;
use std::os::fd::AsRawFd;
use std::path::{Component, Path, PathBuf};

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::libc;
use nix::sys::stat::Mode;

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
    Some(normal(&joined(thread, dir, path)?))
}

fn joined(thread: i32, dir: i32, path: &str) -> Option<PathBuf> {
    let base = match (path.starts_with('/'), dir) {
        (true, _) => PathBuf::from("/"),
        (false, libc::AT_FDCWD) => fs::read_link(format!("/proc/{thread}/cwd")).ok()?,
        (false, fd) => fs::read_link(format!("/proc/{thread}/fd/{fd}")).ok()?,
    };
    Some(base.join(path))
}

/// What `path` names with the links of `thread`'s own file system followed, if there may be any on the way to a file
/// called `name`.
pub fn followed(thread: i32, dir: i32, path: &str, name: &str) -> Option<PathBuf> {
    let path = joined(thread, dir, path)?;
    let inside = path.strip_prefix("/").ok()?;
    let root = format!("/proc/{thread}/root");
    let last = path.file_name().is_some_and(|n| n == name);
    if !last && fs::read_link(Path::new(&root).join(inside)).is_err() {
        return None;
    }
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
    let root = open(root.as_str(), flags | OFlag::O_DIRECTORY, Mode::empty()).ok()?;
    let how = OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_IN_ROOT);
    let file = openat2(&root, inside, how).ok()?;
    fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()
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
    of_descriptor(path, thread, "fdinfo")
}

/// The descriptor that `path` names by its number.
pub fn descriptor(path: &Path, thread: i32) -> Option<(i32, i32)> {
    match path.strip_prefix("/dev/fd") {
        Ok(number) => Some((thread, number.to_str()?.parse().ok()?)),
        Err(_) => of_descriptor(path, thread, "fd"),
    }
}

fn of_descriptor(path: &Path, thread: i32, what: &str) -> Option<(i32, i32)> {
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
    (next == what).then_some(())?;
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
    fn links_are_followed() {
        let dir = std::env::temp_dir().join(format!("xdna-path-{}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        std::os::unix::fs::symlink("/dev/null", dir.join("link")).unwrap();
        std::os::unix::fs::symlink("/dev", dir.join("dir")).unwrap();
        fs::write(dir.join("file"), "").unwrap();
        let at = |name: &str| {
            let path = dir.join(name);
            let me = std::process::id() as i32;
            followed(me, libc::AT_FDCWD, path.to_str().unwrap(), "zero")
        };
        assert_eq!(at("link"), Some("/dev/null".into()));
        assert_eq!(at("dir/zero"), Some("/dev/zero".into()));
        assert_eq!(at("file"), None);
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn fdinfo_paths_name_a_descriptor() {
        assert_eq!(fdinfo(Path::new("/proc/self/fdinfo/5"), 9), Some((9, 5)));
        assert_eq!(fdinfo(Path::new("/proc/12/task/13/fdinfo/5"), 9), Some((12, 5)));
        assert_eq!(fdinfo(Path::new("/proc/self/fd/5"), 9), None);
        assert_eq!(descriptor(Path::new("/proc/self/fd/5"), 9), Some((9, 5)));
        assert_eq!(descriptor(Path::new("/dev/fd/7"), 9), Some((9, 7)));
        assert_eq!(descriptor(Path::new("/dev/fd"), 9), None);
    }
}
