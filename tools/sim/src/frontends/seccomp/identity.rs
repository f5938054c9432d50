//! Which client a descriptor belongs to: /proc/THREAD/fdinfo shows the inode, and the lock that marks the client.

use std::fs;

use crate::kmd::ClientId;

/// The client behind descriptor `fd` of `thread`, if it is the node's.
pub fn client_of(thread: i32, fd: i32, device_inode: u64) -> Option<ClientId> {
    if fd < 0 {
        return None;
    }
    let info = fs::read_to_string(format!("/proc/{thread}/fdinfo/{fd}")).ok()?;
    parse(&info, device_inode)
}

/// The inode number of a descriptor that the driver handed out for an object: marked by a lock of byte 0.
pub fn token_of(thread: i32, fd: i32) -> Option<u64> {
    let info = fs::read_to_string(format!("/proc/{thread}/fdinfo/{fd}")).ok()?;
    info.lines()
        .any(|l| l.starts_with("lock:") && l.contains("OFDLCK") && l.ends_with(" 0 0"))
        .then_some(())?;
    info.lines()
        .find_map(|l| l.strip_prefix("ino:"))?
        .trim()
        .parse()
        .ok()
}

fn parse(info: &str, device_inode: u64) -> Option<ClientId> {
    let inode: u64 = info
        .lines()
        .find_map(|l| l.strip_prefix("ino:"))?
        .trim()
        .parse()
        .ok()?;
    if inode != device_inode {
        return None;
    }
    // lock:  1: OFDLCK ADVISORY  WRITE -1 00:01:25 7 7
    let lock = info
        .lines()
        .filter_map(|l| l.strip_prefix("lock:"))
        .find(|l| l.contains("OFDLCK"))?;
    lock.split_ascii_whitespace()
        .next_back()?
        .parse()
        .ok()
        .map(ClientId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_tells_the_client() {
        let info = "pos:\t0\nflags:\t02100002\nmnt_id:\t0\nino:\t25\n\
                    lock:\t1: OFDLCK ADVISORY  WRITE -1 00:01:25 7 7\n";
        assert_eq!(parse(info, 25), Some(ClientId(7)));
        assert_eq!(parse(info, 26), None);
        assert_eq!(parse("pos:\t0\nino:\t25\n", 25), None);
    }
}
