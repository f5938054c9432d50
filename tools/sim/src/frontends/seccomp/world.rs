//! A private mount namespace in which the node and the sysfs files of the device exist.

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};

use super::stat::ACCEL_MAJOR;
use super::supervisor::NODE_MINOR;
use crate::firmware;
use crate::profile::{Feature, Profile};

/// Address of the PCI function.
pub const PCI_ADDRESS: &str = "0000:c5:00.1";
const PCI_ROOT: &str = "pci0000:00";

/// How the node came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A character device of the right number.
    Real,
    /// Another character device in its place: stat by path must be answered too.
    Borrowed,
}

/// Gives the calling thread a mount namespace with the device of `profile`, or with none.
///
/// # Errors
/// What unshare(2) and mount(2) say; the message names the path.
pub fn enter(profile: Option<&Profile>) -> io::Result<NodeKind> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None::<&str>,
    )?;
    let dev = cover(Path::new("/dev"))?;
    mirror(&dev.old(), Path::new("/dev"), &["accel", "ptmx"])?;
    terminals(Path::new("/dev"))?;
    let sys = cover(Path::new("/sys"))?;
    mirror_sys(&sys.old())?;
    let kind = match profile {
        Some(profile) => {
            device_files(Path::new("/sys"), profile)?;
            node(Path::new("/dev"))?
        }
        None => NodeKind::Real,
    };
    Ok(kind)
}

/// A directory under a tmpfs.
struct Covered(fs::File);

impl Covered {
    /// A path to what was there.
    fn old(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()))
    }
}

/// Puts a tmpfs over a directory of this namespace.
fn cover(dir: &Path) -> io::Result<Covered> {
    let named = |e: io::Error| io::Error::new(e.kind(), format!("tmpfs on {}: {e}", dir.display()));
    let old = fs::File::open(dir).map_err(named)?;
    mount(
        Some("xdna-sim"),
        dir,
        Some("tmpfs"),
        MsFlags::empty(),
        Some("mode=0755"),
    )
    .map_err(|e| named(e.into()))?;
    Ok(Covered(old))
}

fn bind(from: &Path, to: &Path) -> io::Result<()> {
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(from), to, None::<&str>, flags, None::<&str>).map_err(|e| {
        io::Error::new(
            io::Error::from(e).kind(),
            format!("mount on {}: {e}", to.display()),
        )
    })
}

/// Makes everything in `old` visible in `new`, but for the entries named.
fn mirror(old: &Path, new: &Path, except: &[&str]) -> io::Result<()> {
    let entries = match fs::read_dir(old) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if except.iter().any(|&x| name == x) {
            continue;
        }
        let (from, to) = (entry.path(), new.join(&name));
        let kind = entry.file_type()?;
        if kind.is_symlink() {
            symlink(fs::read_link(&from)?, &to)?;
            continue;
        }
        if kind.is_dir() {
            fs::create_dir(&to)?;
        } else {
            fs::File::create(&to)?;
        }
        if let Err(e) = bind(&from, &to) {
            log::debug!("{e}: left out");
        }
    }
    Ok(())
}

/// /sys as it was, with real directories where the device's files go.
fn mirror_sys(old: &Path) -> io::Result<()> {
    let sys = Path::new("/sys");
    mirror(old, sys, &["class", "bus", "devices", "dev", "module"])?;
    let open = |path: &str, except: &[&str]| {
        fs::create_dir_all(sys.join(path))?;
        mirror(&old.join(path), &sys.join(path), except)
    };
    open("class", &["accel"])?;
    open("bus", &["pci"])?;
    open("bus/pci", &["devices", "drivers"])?;
    open("bus/pci/devices", &[PCI_ADDRESS])?;
    open("bus/pci/drivers", &["amdxdna"])?;
    open("devices", &[PCI_ROOT])?;
    open(&format!("devices/{PCI_ROOT}"), &[PCI_ADDRESS])?;
    open("dev", &["char"])?;
    open("dev/char", &[&format!("{ACCEL_MAJOR}:{NODE_MINOR}")])?;
    open("module", &["amdxdna"])
}

fn node(dev: &Path) -> io::Result<NodeKind> {
    fs::create_dir(dev.join("accel"))?;
    let node = dev.join("accel/accel0");
    let all = Mode::from_bits_truncate(0o666);
    let number = makedev(u64::from(ACCEL_MAJOR), u64::from(NODE_MINOR));
    if mknod(&node, SFlag::S_IFCHR, all, number).is_ok() {
        // Whatever the umask took away.
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&node, fs::Permissions::from_mode(0o666))?;
        return Ok(NodeKind::Real);
    }
    fs::File::create(&node)?;
    bind(Path::new("/dev/null"), &node)?;
    Ok(NodeKind::Borrowed)
}

/// The multiplexer of pseudo-terminals, which finds their file system beside itself and not where it is bound from.
fn terminals(dev: &Path) -> io::Result<()> {
    let (ptmx, pts) = (dev.join("ptmx"), dev.join("pts"));
    if !pts.exists() {
        return Ok(());
    }
    let all = Mode::from_bits_truncate(0o666);
    if mknod(&ptmx, SFlag::S_IFCHR, all, makedev(5, 2)).is_ok() {
        use std::os::unix::fs::PermissionsExt;
        return fs::set_permissions(&ptmx, fs::Permissions::from_mode(0o666));
    }
    if fs::File::open(pts.join("ptmx")).is_err() {
        // A file system of our own: terminals from outside are not in it.
        let options = Some("newinstance,ptmxmode=0666,mode=0620");
        if let Err(e) = mount(Some("devpts"), &pts, Some("devpts"), MsFlags::empty(), options) {
            log::debug!("no pseudo-terminals: {e}");
        }
    }
    symlink("pts/ptmx", ptmx)
}

/// The product string: by revision where driver and firmware tell it.
fn product(profile: &Profile) -> &'static str {
    if profile.has(Feature::GetDevRevision) {
        profile.device.product()
    } else {
        profile.device.generic_name()
    }
}

fn device_files(sys: &Path, profile: &Profile) -> io::Result<()> {
    let pci = format!("devices/{PCI_ROOT}/{PCI_ADDRESS}");
    let accel = format!("{pci}/accel/accel0");
    for dir in [&accel, "bus/pci/drivers/amdxdna", "class/accel", "module/amdxdna"] {
        fs::create_dir_all(sys.join(dir))?;
    }
    let [major, minor, patch, build] = firmware::version(profile);
    let (id, rev) = (profile.device.pci_id(), profile.device.revision());
    let files = [
        ("vendor", "0x1022\n".to_owned()),
        ("device", format!("{id:#06x}\n")),
        ("subsystem_vendor", "0x1022\n".to_owned()),
        ("subsystem_device", format!("{id:#06x}\n")),
        ("revision", format!("{rev:#04x}\n")),
        ("class", "0x118000\n".to_owned()),
        ("vbnv", format!("{}\n", product(profile))),
        ("device_type", "0\n".to_owned()),
        ("fw_version", format!("{major}.{minor}.{patch}.{build}\n")),
        (
            "uevent",
            format!("DRIVER=amdxdna\nPCI_CLASS=118000\nPCI_ID=1022:{id:04X}\nPCI_SLOT_NAME={PCI_ADDRESS}\n"),
        ),
        ("accel/accel0/dev", format!("{ACCEL_MAJOR}:{NODE_MINOR}\n")),
        (
            "accel/accel0/uevent",
            format!("MAJOR={ACCEL_MAJOR}\nMINOR={NODE_MINOR}\nDEVNAME=accel/accel0\nDEVTYPE=accel_minor\n"),
        ),
    ];
    for (name, text) in files {
        fs::write(sys.join(&pci).join(name), text)?;
    }
    let links = [
        (
            format!("{pci}/driver"),
            "../../../bus/pci/drivers/amdxdna".to_owned(),
        ),
        (format!("{pci}/subsystem"), "../../../bus/pci".to_owned()),
        (
            format!("{accel}/device"),
            "../..".replace("../..", &format!("../../../{PCI_ADDRESS}")),
        ),
        (
            format!("{accel}/subsystem"),
            "../../../../../class/accel".to_owned(),
        ),
        (
            format!("bus/pci/devices/{PCI_ADDRESS}"),
            format!("../../../{pci}"),
        ),
        (
            format!("bus/pci/drivers/amdxdna/{PCI_ADDRESS}"),
            format!("../../../../{pci}"),
        ),
        (
            "bus/pci/drivers/amdxdna/module".to_owned(),
            "../../../../module/amdxdna".to_owned(),
        ),
        ("class/accel/accel0".to_owned(), format!("../../{accel}")),
        (
            format!("dev/char/{ACCEL_MAJOR}:{NODE_MINOR}"),
            format!("../../{accel}"),
        ),
    ];
    for (link, target) in links {
        symlink(target, sys.join(link))?;
    }
    Ok(())
}
