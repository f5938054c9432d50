//! What stat(2) says about the node: a character device, whatever carries it.

use nix::libc;
use zerocopy::{Immutable, IntoBytes};

/// Major number of accel nodes.
pub const ACCEL_MAJOR: u32 = 261;
const MODE: u32 = libc::S_IFCHR | 0o666;
const BASIC_STATS: u32 = 0x7ff;
const BLOCK: u32 = 4096;

/// `struct stat` of x86-64.
#[derive(Clone, Copy, Debug, Default, IntoBytes, Immutable)]
#[repr(C)]
struct Stat {
    dev: u64,
    ino: u64,
    nlink: u64,
    mode: u32,
    uid: u32,
    gid: u32,
    pad: u32,
    rdev: u64,
    size: i64,
    blksize: i64,
    blocks: i64,
    times: [i64; 6],
    unused: [i64; 3],
}

/// `struct statx`.
#[derive(Clone, Copy, Debug, IntoBytes, Immutable)]
#[repr(C)]
struct Statx {
    mask: u32,
    blksize: u32,
    attributes: u64,
    nlink: u32,
    uid: u32,
    gid: u32,
    mode: u16,
    pad: u16,
    ino: u64,
    size: u64,
    blocks: u64,
    attributes_mask: u64,
    times: [u64; 8],
    rdev_major: u32,
    rdev_minor: u32,
    dev_major: u32,
    dev_minor: u32,
    rest: [u64; 14],
}

const _: () = {
    assert!(size_of::<Stat>() == size_of::<libc::stat>());
    assert!(std::mem::offset_of!(Stat, rdev) == std::mem::offset_of!(libc::stat, st_rdev));
    assert!(size_of::<Statx>() == size_of::<libc::statx>());
    assert!(std::mem::offset_of!(Statx, rdev_major) == std::mem::offset_of!(libc::statx, stx_rdev_major));
};

/// The bytes of the node's `struct stat`.
pub fn stat(minor: u32) -> Vec<u8> {
    let rdev = libc::makedev(ACCEL_MAJOR, minor);
    let stat = Stat {
        dev: 5,
        ino: 1000,
        nlink: 1,
        mode: MODE,
        rdev,
        blksize: BLOCK.into(),
        ..Default::default()
    };
    stat.as_bytes().to_vec()
}

/// The bytes of the node's `struct statx`.
pub fn statx(minor: u32) -> Vec<u8> {
    let statx = Statx {
        mask: BASIC_STATS,
        blksize: BLOCK,
        attributes: 0,
        nlink: 1,
        uid: 0,
        gid: 0,
        mode: MODE as u16,
        pad: 0,
        ino: 1000,
        size: 0,
        blocks: 0,
        attributes_mask: 0,
        times: [0; 8],
        rdev_major: ACCEL_MAJOR,
        rdev_minor: minor,
        dev_major: 0,
        dev_minor: 5,
        rest: [0; 14],
    };
    statx.as_bytes().to_vec()
}
