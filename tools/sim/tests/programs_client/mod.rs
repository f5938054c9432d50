//! What the program does under the simulator, by name.

mod descriptors;
mod storm;
mod stress;

use std::fs;
use std::io::{IoSlice, IoSliceMut, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, sendmsg,
    socketpair,
};

use crate::support::sys::in_child;
use crate::support::*;

/// Runs scenario `name`.
pub fn run(name: &str, args: &[String]) -> ExitCode {
    let result = match name {
        "look" => look(),
        "storm" => storm::run(false),
        "storm-restart" => storm::run(true),
        "other-files" => storm::other_files(false),
        "other-files-restart" => storm::other_files(true),
        "interrupted" => storm::interrupted(),
        "fork" => fork(),
        "exec" => exec(),
        "exec-inner" => exec_inner(&args[0]),
        "scm-rights" => scm_rights(),
        "child-exit-kills" => child(|| 0, true),
        "child-exit-spares" => child(|| 0, false),
        "killed-child-kills" => child(die, true),
        "exec-kills" => exec_kills(),
        "hold" => hold(),
        "beside-hold" => beside_hold(),
        "wait-for-ever" => wait_for_ever(),
        "stress" => stress::run(),
        "come-and-go" => come_and_go(),
        "terminal" => descriptors::terminal(),
        "library" => library(),
        "descriptors" => descriptors::run(),
        "dma-buf" => mappings::dma_buf(),
        "user-pointer" => mappings::user_pointer(),
        "map-among-threads" => storm::map_among_threads(),
        _ => panic!("no scenario {name}"),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            writeln!(std::io::stderr(), "{name}: {e}").expect("stderr");
            ExitCode::FAILURE
        }
    }
}

fn look() -> Result<()> {
    let node = fs::metadata("/dev/accel/accel0").expect("the node");
    assert!(node.file_type().is_char_device());
    let number = nix::libc::makedev(261, 0);
    assert_eq!(node.rdev(), number);
    let class: Vec<_> = fs::read_dir("/sys/class/accel").expect("class").collect();
    assert_eq!(class.len(), 1);
    let read = |name: &str| fs::read_to_string(format!("/sys/class/accel/accel0/device/{name}")).expect(name);
    assert_eq!(
        (read("vendor"), read("device")),
        ("0x1022\n".into(), "0x17f0\n".into())
    );
    assert_eq!(read("vbnv"), "NPU Strix\n");
    assert_eq!(
        (read("subsystem_vendor"), read("revision"), read("class")),
        ("0x1022\n".into(), "0x10\n".into(), "0x118000\n".into())
    );
    let version = read("fw_version");
    let parts: Vec<u32> = version
        .trim_end()
        .split('.')
        .filter_map(|p| p.parse().ok())
        .collect();
    assert_eq!(parts.len(), 4, "{version}");
    assert_eq!(
        fs::read_to_string("/sys/bus/pci/devices/0000:c5:00.1/device_type").expect("device_type"),
        "0\n"
    );
    let dev = Dev::open().expect("open");
    assert_eq!(dev.file.metadata().expect("fstat").rdev(), number);
    let (heap, ctx) = dev.ready()?;
    let command = dev.command()?;
    dev.exec(ctx, command.handle, &[heap.handle])?;
    dev.wait(ctx, 0, SECOND)?;
    assert_eq!(state_of(&command), COMPLETED);
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", dev.file.as_raw_fd())).expect("fdinfo");
    assert!(info.contains("drm-driver:\tamdxdna_accel_driver\n"), "{info}");
    assert!(
        info.contains("amdxdna_accel_driver-heap-alloc:\t20 KiB\n"),
        "{info}"
    );
    // The rest of the system is still there.
    assert!(fs::metadata("/dev/null").is_ok() && fs::metadata("/sys/class").is_ok());
    Ok(())
}

fn fork() -> Result<()> {
    let dev = Dev::open().expect("open");
    let (_heap, ctx) = dev.ready()?;
    let command = dev.command()?;
    // The child shares the open file: same client, same contexts.
    let code = in_child(|| i32::from(dev.exec(ctx, command.handle, &[]) != Ok(0)));
    assert_eq!(code, 0);
    assert_eq!(dev.exec(ctx, command.handle, &[])?, 1);
    dev.wait(ctx, 1, SECOND)
}

fn exec() -> Result<()> {
    let dev = Dev::open().expect("open");
    let (_heap, _ctx) = dev.ready()?;
    let inherited = nix::unistd::dup(&dev.file)?;
    let me = std::env::current_exe().expect("own path");
    let number = inherited.as_raw_fd().to_string();
    let status = Command::new(me)
        .args(["--client", "exec-inner", &number])
        .status()
        .expect("a child");
    assert!(status.success());
    Ok(())
}

fn exec_inner(fd: &str) -> Result<()> {
    let dev = adopt(fd.parse().expect("a number"));
    assert_eq!(dev.counters()?.len(), 1);
    Ok(())
}

#[allow(unsafe_code)]
fn adopt(fd: RawFd) -> Dev {
    // SAFETY: the descriptor was made for this process, and nothing else here owns it.
    let owned = unsafe { OwnedFd::from_raw_fd(fd) };
    Dev { file: owned.into() }
}

fn scm_rights() -> Result<()> {
    let (a, b) = socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::empty())?;
    let watcher = Dev::open().expect("open");
    let code = in_child(|| {
        let dev = Dev::open().expect("open");
        let _ready = dev.ready().expect("a context");
        let fds = [dev.file.as_raw_fd()];
        let message = [ControlMessage::ScmRights(&fds)];
        sendmsg::<()>(
            a.as_raw_fd(),
            &[IoSlice::new(&[1])],
            &message,
            MsgFlags::empty(),
            None,
        )
        .expect("sendmsg");
        0
    });
    assert_eq!(code, 0);
    // The child is gone; its client lives in the socket.
    assert_eq!(watcher.counters()?.len(), 1);
    let mut space = nix::cmsg_space!(RawFd);
    let mut byte = [0];
    let mut iov = [IoSliceMut::new(&mut byte)];
    let message = recvmsg::<()>(b.as_raw_fd(), &mut iov, Some(&mut space), MsgFlags::empty())?;
    let fd = message.cmsgs()?.find_map(|c| match c {
        ControlMessageOwned::ScmRights(fds) => fds.first().copied(),
        _ => None,
    });
    let dev = adopt(fd.expect("a descriptor"));
    let context = dev.counters()?[0];
    dev.destroy(Ctx {
        handle: context.context_id,
        syncobj: 0,
    })?;
    drop(dev);
    assert!(watcher.counters()?.is_empty());
    Ok(())
}

fn child(body: fn() -> i32, kills: bool) -> Result<()> {
    let dev = Dev::open().expect("open");
    let (heap, ctx) = dev.ready()?;
    let command = dev.command()?;
    dev.exec(ctx, command.handle, &[heap.handle])?;
    in_child(body);
    let result = dev.exec(ctx, command.handle, &[heap.handle]);
    assert_eq!(result.err(), kills.then_some(Errno::EINVAL));
    assert_eq!(dev.destroy(ctx).err(), kills.then_some(Errno::EINVAL));
    Ok(())
}

fn die() -> i32 {
    nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL).expect("raise");
    1
}

fn exec_kills() -> Result<()> {
    let dev = Dev::open().expect("open");
    let (heap, ctx) = dev.ready()?;
    let command = dev.command()?;
    // The node is CLOEXEC: the child's exec closes its copy.
    let status = Command::new("true").status().expect("true");
    assert!(status.success());
    assert_eq!(dev.exec(ctx, command.handle, &[heap.handle]), Err(Errno::EINVAL));
    Ok(())
}

fn hold() -> Result<()> {
    let dev = Dev::open().expect("open");
    let _heap = dev.heap()?;
    for _ in 0..16 {
        dev.context()?;
    }
    std::thread::sleep(Duration::from_millis(900));
    Ok(())
}

fn beside_hold() -> Result<()> {
    let dev = Dev::open().expect("open");
    let _heap = dev.heap()?;
    assert_eq!(dev.context().unwrap_err(), Errno::EINVAL);
    let pids: Vec<i64> = dev.counters()?.iter().map(|c| c.pid).collect();
    assert_eq!(pids.len(), 16);
    assert!(pids.iter().all(|&p| p != i64::from(std::process::id())));
    let started = Instant::now();
    while dev.context().is_err() {
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "the other program's contexts stay"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// In a process of threads the device takes root: the reason that tests are ignored for.
fn library() -> Result<()> {
    let why = "needs root: a process with threads cannot enter a user namespace";
    let said = xdna_sim::Npu::available().err().map(|e| e.to_string());
    assert_eq!(said.as_deref(), Some(why));
    let refused = xdna_sim::Npu::strix().run(|| ()).err().map(|e| e.to_string());
    assert_eq!(refused.as_deref(), Some(why));
    Ok(())
}

/// Each time a heap that must be seen as mapped at once.
fn come_and_go() -> Result<()> {
    for _ in 0..20 {
        let dev = Dev::open().expect("open");
        let heap = dev.heap()?;
        let (pdi, _) = dev.loaded(&heap.map, &images::empty_pdi())?;
        dev.close(pdi)?;
    }
    Ok(())
}

fn wait_for_ever() -> Result<()> {
    let dev = Dev::open().expect("open");
    let (_heap, ctx) = dev.ready()?;
    writeln!(std::io::stdout(), "{}", std::process::id()).expect("stdout");
    dev.wait(ctx, 1, i64::MAX)
}
