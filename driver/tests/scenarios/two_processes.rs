//! Two processes with one buffer and one timeline between them.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;

use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, sendmsg,
    socketpair,
};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use xdna_driver::{Bo, BoKind, Device, Outcome, Timeline};

use super::{Scenario, scenario};
use crate::support::{context, device, nothing, run, soon};

pub fn scenarios() -> Vec<Scenario> {
    let named = [
        ("7.3", "sva"),
        ("7.3", "iova"),
        ("7.3", "carveout"),
        ("7.0", "sva"),
        ("6.18", "sva"),
        ("6.16", "sva"),
    ];
    let mut all: Vec<_> = named
        .iter()
        .map(|(kernel, mode)| {
            scenario(
                format!("processes/a_buffer_and_a_timeline_go_back_and_forth_on_{kernel}_by_{mode}"),
                &format!("--kernel {kernel} --iommu {mode}"),
                back_and_forth,
            )
        })
        .collect();
    all.push(scenario(
        "processes/an_exported_buffer_outlives_its_process",
        "",
        outlives,
    ));
    all
}

const ROUNDS: u64 = 3;

/// The work of one side, `turn` 0 or 1: each round it waits for its step, finds what the other side wrote, runs a
/// command on the buffer, writes, and passes the turn on. Steps are points of the timeline, from 1 on: point 0
/// means the latest.
fn side(device: &Device, bo: &Arc<Bo>, timeline: &Timeline, turn: u64) {
    let context = context(device);
    let mut command = nothing(&context).addr(bo).build().unwrap();
    for step in (1 + turn..).step_by(2).take(ROUNDS as usize) {
        assert!(timeline.wait(step, soon()).unwrap(), "step {step}");
        assert_eq!(read(bo), step);
        let finished = run(&context, command);
        assert_eq!(finished.outcome, Outcome::Completed);
        command = finished.command;
        bo.write(100, &(step + 1).to_le_bytes()).unwrap();
        timeline.signal(step + 1).unwrap();
    }
}

fn read(bo: &Bo) -> u64 {
    let mut bytes = [0; 8];
    bo.read(100, &mut bytes).unwrap();
    u64::from_le_bytes(bytes)
}

fn back_and_forth() {
    let (here, there) = pair();
    in_both(
        move || {
            let device = device();
            let bo = device.create_bo(8192).unwrap();
            bo.write(100, &1_u64.to_le_bytes()).unwrap();
            let timeline = device.create_timeline().unwrap();
            send(&here, &[bo.export().unwrap(), timeline.export().unwrap()]);
            timeline.signal(1).unwrap();
            side(&device, &bo, &timeline, 0);
            let last = 2 * ROUNDS + 1;
            assert!(timeline.wait(last, soon()).unwrap());
            assert_eq!((read(&bo), timeline.signalled().unwrap()), (last, last));
        },
        move || {
            let device = device();
            let fds = receive(&there).expect("a buffer and a timeline");
            let bo = device.import(fds[0].as_fd()).unwrap();
            assert_eq!((bo.kind(), bo.size()), (BoKind::Imported, 8192));
            let timeline = device.import_timeline(fds[1].as_fd()).unwrap();
            side(&device, &bo, &timeline, 1);
        },
    );
}

fn outlives() {
    let (here, there) = pair();
    in_both(
        move || {
            let device = device();
            let fds = receive(&here).expect("a buffer");
            // The other process has ended when its socket is closed.
            assert!(receive(&here).is_none());
            let bo = device.import(fds[0].as_fd()).unwrap();
            assert_eq!(read(&bo), 0x1234);
        },
        move || {
            let device = device();
            let bo = device.create_bo(4096).unwrap();
            bo.write(100, &0x1234_u64.to_le_bytes()).unwrap();
            send(&there, &[bo.export().unwrap()]);
        },
    );
}

/// Runs `parent` here and `child` in a forked process, which must not fail either.
fn in_both(parent: impl FnOnce(), child: impl FnOnce()) {
    // SAFETY: this process has one thread.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            drop(parent);
            let fine = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).is_ok();
            std::process::exit(i32::from(!fine));
        }
        ForkResult::Parent { child: pid } => {
            drop(child);
            parent();
            assert_eq!(waitpid(pid, None).unwrap(), WaitStatus::Exited(pid, 0));
        }
    }
}

fn pair() -> (OwnedFd, OwnedFd) {
    socketpair(
        AddressFamily::Unix,
        SockType::SeqPacket,
        None,
        SockFlag::SOCK_CLOEXEC,
    )
    .unwrap()
}

fn send(socket: &OwnedFd, fds: &[OwnedFd]) {
    let fds: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let message = [ControlMessage::ScmRights(&fds)];
    let bytes = [IoSlice::new(&[1])];
    sendmsg::<()>(socket.as_raw_fd(), &bytes, &message, MsgFlags::empty(), None).unwrap();
}

/// The descriptors of a message; `None` when the other side is closed.
fn receive(socket: &OwnedFd) -> Option<Vec<OwnedFd>> {
    let mut space = nix::cmsg_space!([RawFd; 2]);
    let mut byte = [0];
    let mut bytes = [IoSliceMut::new(&mut byte)];
    let message = recvmsg::<()>(
        socket.as_raw_fd(),
        &mut bytes,
        Some(&mut space),
        MsgFlags::MSG_CMSG_CLOEXEC,
    )
    .unwrap();
    if message.bytes == 0 {
        return None;
    }
    let fds = message.cmsgs().unwrap().filter_map(|part| match part {
        ControlMessageOwned::ScmRights(fds) => Some(fds),
        _ => None,
    });
    // SAFETY: the kernel made these descriptors for this message, and nobody else has them.
    Some(
        fds.flatten()
            .map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
            .collect(),
    )
}
