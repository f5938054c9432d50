//! How the node is opened, and what its descriptor is as a file.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, symlink};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use crate::support::*;

const NODE: &str = "/dev/accel/accel0";

fn open(path: impl AsRef<Path>, flags: i32) -> Result<Dev> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags)
        .open(path);
    file.map(|file| Dev { file }).map_err(errno)
}

fn errno(e: std::io::Error) -> Errno {
    Errno::from_raw(e.raw_os_error().expect("an errno"))
}

/// True if a second descriptor is one of the device, and another client than `dev`.
fn is_another(dev: &Dev, buffer: u32, other: &Dev) -> bool {
    dev.info(buffer).is_ok()
        && other.info(buffer).err() == Some(Errno::ENOENT)
        && other
            .file
            .metadata()
            .is_ok_and(|m| m.file_type().is_char_device())
}

/// Runs the scenario.
pub fn run() -> Result<()> {
    for path in ["/dev/accel/accel0/", "/dev/accel/accel0/."] {
        assert_eq!(open(path, 0).err(), Some(Errno::ENOTDIR), "{path}");
    }
    assert_eq!(open(NODE, libc::O_DIRECTORY).err(), Some(Errno::ENOTDIR));
    let new = OpenOptions::new().write(true).create_new(true).open(NODE);
    assert_eq!(new.err().map(errno), Some(Errno::EEXIST));
    assert!(
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(NODE)
            .is_ok()
    );

    let dev = open(NODE, libc::O_NONBLOCK | libc::O_NOFOLLOW)?;
    let flags = fcntl(&dev.file, FcntlArg::F_GETFL)?;
    assert_eq!(
        flags & (libc::O_NONBLOCK | libc::O_ACCMODE),
        libc::O_NONBLOCK | libc::O_RDWR
    );
    let buffer = dev.create_bo(xdna_uapi::AMDXDNA_BO_SHARE, 4096)?;
    // No file that could be read, written or cut.
    assert_eq!((&dev.file).read(&mut [0; 64]).expect("read"), 0);
    assert_eq!((&dev.file).write(&[1; 64]).map_err(errno), Err(Errno::EPERM));
    assert_eq!(dev.file.set_len(0).map_err(errno), Err(Errno::EPERM));

    let dir = std::env::temp_dir().join(format!("xdna-descriptors-{}", std::process::id()));
    fs::create_dir(&dir).expect("a directory");
    let (file, folder) = (dir.join("npu"), dir.join("folder"));
    symlink(NODE, &file).expect("a link");
    symlink("/dev/accel", &folder).expect("a link");
    symlink("folder/../accel/accel0", dir.join("winding")).expect("a link");
    for path in [file.clone(), folder.join("accel0"), dir.join("winding")] {
        assert!(is_another(&dev, buffer, &open(&path, 0)?), "{}", path.display());
        assert_eq!(fs::metadata(&path).expect("stat").rdev(), libc::makedev(261, 0));
    }
    assert_eq!(open(&file, libc::O_NOFOLLOW).err(), Some(Errno::ELOOP));
    assert!(fs::symlink_metadata(&file).expect("lstat").is_symlink());
    fs::remove_dir_all(&dir).expect("the directory goes");

    let path_only = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_PATH)
        .open(NODE)
        .expect("O_PATH");
    for fd in [dev.file.as_raw_fd(), path_only.as_raw_fd()] {
        for name in [format!("/proc/self/fd/{fd}"), format!("/dev/fd/{fd}")] {
            assert!(is_another(&dev, buffer, &open(&name, 0)?), "{name}");
        }
    }
    let other = File::open("/dev/null").expect("another file");
    let again = format!("/proc/self/fd/{}", other.as_raw_fd());
    assert_eq!(
        open(&again, 0)?.file.metadata().expect("fstat").rdev(),
        libc::makedev(1, 3)
    );
    std::env::set_current_dir("/dev/accel").expect("chdir");
    assert!(is_another(&dev, buffer, &open("accel0", 0)?));
    Ok(())
}

/// Pseudo-terminals can be had beside the device.
pub fn terminal() -> Result<()> {
    const TIOCGPTN: u32 = 0x8004_5430;
    const TIOCSPTLCK: u32 = 0x4004_5431;
    let open = |path: &str| {
        let flags = libc::O_NOCTTY;
        OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(flags)
            .open(path)
    };
    let mut master = open("/dev/ptmx").map_err(errno)?;
    let (mut number, mut locked) = (0u32, 0u32);
    sys::ioctl(&master, TIOCSPTLCK, &mut locked)?;
    sys::ioctl(&master, TIOCGPTN, &mut number)?;
    let mut slave = open(&format!("/dev/pts/{number}")).map_err(errno)?;
    slave.write_all(b"words").map_err(errno)?;
    let mut words = [0; 5];
    master.read_exact(&mut words).map_err(errno)?;
    assert_eq!(&words, b"words");
    Ok(())
}
