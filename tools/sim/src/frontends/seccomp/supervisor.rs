//! The supervisor: receives notifications, asks the kernel model, answers.

use std::collections::VecDeque;
use std::io::{self};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::time::{ClockId, clock_gettime};

use super::closes::Holders;
use super::family::Family;
use super::process::NotifiedThread;
use super::sys::{Listener, Notification};
use super::{identity, signals, stat};
use crate::kmd::{Caller, ClientId, Kmd, Pending, Step, is_marked};
use crate::profile::Kernel;

/// The node that programs open.
pub const NODE: &str = "/dev/accel/accel0";
/// Minor number of the node.
pub const NODE_MINOR: u32 = 0;
/// How often waiting threads are looked at for signals, in milliseconds.
const SIGNAL_POLL_MS: u64 = 2;

/// A call that waits for its answer.
struct Parked {
    notification: Notification,
    pending: Pending,
}

/// Answers the calls of filtered threads with one simulated device.
pub struct Supervisor {
    pub(super) listener: Listener,
    pub(super) kmd: Kmd,
    pub(super) device_inode: u64,
    holders: Option<Holders>,
    parked: Vec<Parked>,
    /// Calls that came while another one was being carried out.
    pub(super) waiting: VecDeque<Notification>,
}

/// Nanoseconds of CLOCK_MONOTONIC.
pub(super) fn now() -> u64 {
    let t = clock_gettime(ClockId::CLOCK_MONOTONIC);
    t.map_or(0, |t| t.tv_sec() as u64 * 1_000_000_000 + t.tv_nsec() as u64)
}

impl Supervisor {
    /// A supervisor of the threads behind `listener`.
    ///
    /// # Errors
    /// When the device's memory file cannot be looked at.
    pub fn new(listener: Listener, mut kmd: Kmd) -> io::Result<Self> {
        kmd.start(now());
        let file = std::fs::File::from(kmd.store().fd().try_clone_to_owned()?);
        let device_inode = file.metadata()?.ino();
        let closes = kmd.profile().kernel <= Kernel::V6_19;
        let holders = closes.then(|| Holders::new(device_inode));
        Ok(Self {
            listener,
            kmd,
            device_inode,
            holders,
            parked: Vec::new(),
            waiting: VecDeque::new(),
        })
    }

    /// Serves until the last filtered thread is gone, and attends to the program's signals meanwhile.
    ///
    /// # Errors
    /// When the notifications or the signals cannot be waited for.
    pub fn serve(&mut self, mut family: Option<&mut Family>) -> io::Result<()> {
        loop {
            let timeout = self.timeout();
            let mut fds = vec![PollFd::new(self.listener.as_fd(), PollFlags::POLLIN)];
            fds.extend(family.iter().map(|f| PollFd::new(f.fd(), PollFlags::POLLIN)));
            match poll(&mut fds, timeout) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(e) => return Err(e.into()),
            }
            let happened = |fd: &PollFd<'_>| fd.revents().unwrap_or(PollFlags::empty());
            let (calls, signals) = (happened(&fds[0]), fds.get(1).map(happened));
            if let Some(family) = family.as_mut().filter(|_| signals.is_some_and(|s| !s.is_empty())) {
                family.attend()?;
            }
            if calls.contains(PollFlags::POLLIN) {
                self.receive_all()?;
            } else if calls.intersects(PollFlags::POLLHUP | PollFlags::POLLERR) {
                return Ok(());
            }
            while let Some(notification) = self.waiting.pop_front() {
                self.handle(notification);
                self.receive_all()?;
            }
            self.kmd.advance(now());
            self.revisit();
        }
    }

    /// Receives what has come: from then on no signal ends those calls.
    fn receive_all(&mut self) -> io::Result<()> {
        loop {
            let mut fds = [PollFd::new(self.listener.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, PollTimeout::ZERO) {
                Ok(0) => return Ok(()),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(e) => return Err(e.into()),
            }
            if !fds[0].revents().is_some_and(|r| r.contains(PollFlags::POLLIN)) {
                return Ok(());
            }
            match self.listener.receive() {
                Ok(notification) => self.waiting.push_back(notification),
                // Its thread died, or a signal ended the call, in between.
                Err(Errno::ENOENT | Errno::EINTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }

    /// How long nothing can happen.
    fn timeout(&mut self) -> PollTimeout {
        let now = now();
        let deadlines = self.parked.iter().filter_map(|p| p.pending.deadline());
        let next = deadlines.chain(self.kmd.next_event()).min();
        let wait = next.map(|at| at.saturating_sub(now).div_ceil(1_000_000));
        let looks = (!self.parked.is_empty()).then_some(SIGNAL_POLL_MS);
        match wait.into_iter().chain(looks).min() {
            None => PollTimeout::NONE,
            Some(ms) => PollTimeout::try_from(ms.min(60_000) as i32).unwrap_or(PollTimeout::ZERO),
        }
    }

    fn handle(&mut self, n: Notification) {
        self.observe_closes(&n);
        let (listener, device_inode) = (&self.listener, self.device_inode);
        let fd = |arg: u64| identity::client_of(n.thread as i32, arg as i32, device_inode);
        let outcome = match libc::c_long::from(n.number) {
            libc::SYS_ioctl => match fd(n.args[0]) {
                Some(client) => return self.ioctl(n, client),
                None => listener.pass(n.id),
            },
            libc::SYS_mmap => match fd(n.args[4]) {
                Some(client) => self.mmap(&n, client),
                None => self.mmap_dmabuf(&n),
            },
            libc::SYS_munmap => {
                // Where a buffer was mapped must be known before the mapping goes.
                self.kmd.settle_all();
                self.listener.pass(n.id)
            }
            libc::SYS_open => return self.open(n, libc::AT_FDCWD, n.args[0], n.args[1]),
            libc::SYS_openat => return self.open(n, n.args[0] as i32, n.args[1], n.args[2]),
            libc::SYS_openat2 => {
                let mut flags = [0; 8];
                let read = self.caller(&n).memory().read(n.args[2], &mut flags);
                let flags = read.map_or(0, |()| u64::from_le_bytes(flags));
                return self.open(n, n.args[0] as i32, n.args[1], flags);
            }
            libc::SYS_fstat => match fd(n.args[0]) {
                Some(_) => self.write_back(&n, n.args[1], &stat::stat(NODE_MINOR)),
                None => listener.pass(n.id),
            },
            libc::SYS_newfstatat if self.is_node(&n, n.args[0] as i32, n.args[1], follows(n.args[3])) => {
                self.write_back(&n, n.args[2], &stat::stat(NODE_MINOR))
            }
            libc::SYS_statx if self.is_node(&n, n.args[0] as i32, n.args[1], follows(n.args[2])) => {
                self.write_back(&n, n.args[4], &stat::statx(NODE_MINOR))
            }
            libc::SYS_stat if self.is_node(&n, libc::AT_FDCWD, n.args[0], true) => {
                self.write_back(&n, n.args[1], &stat::stat(NODE_MINOR))
            }
            libc::SYS_lstat if self.is_node(&n, libc::AT_FDCWD, n.args[0], false) => {
                self.write_back(&n, n.args[1], &stat::stat(NODE_MINOR))
            }
            _ => listener.pass(n.id),
        };
        report(outcome);
    }

    pub(super) fn caller(&self, n: &Notification) -> NotifiedThread<'_> {
        NotifiedThread::new(&self.listener, n, self.device_inode)
    }

    fn ioctl(&mut self, n: Notification, client: ClientId) {
        self.sweep();
        self.kmd.advance(now());
        let caller = NotifiedThread::new(&self.listener, &n, self.device_inode);
        let step = self.kmd.ioctl(client, &caller, n.args[1] as u32, n.args[2]);
        self.settle(n, step);
    }

    /// Answers a call, or keeps it.
    fn settle(&mut self, notification: Notification, step: Step) {
        match step {
            Step::Done(answer) => {
                report(
                    self.listener
                        .answer(notification.id, answer.map_err(|e| e as i32)),
                );
            }
            Step::Parked(pending) => self.parked.push(Parked {
                notification,
                pending,
            }),
        }
    }

    /// Looks again at the calls that wait.
    fn revisit(&mut self) {
        for Parked {
            notification,
            pending,
        } in std::mem::take(&mut self.parked)
        {
            let thread = notification.thread as i32;
            if !self.listener.is_valid(notification.id) {
                continue;
            }
            let interruptible = pending.is_interruptible();
            let caller = NotifiedThread::new(&self.listener, &notification, self.device_inode);
            match self.kmd.resume(&caller, pending) {
                Step::Parked(pending) if interruptible => match signals::interruption(thread) {
                    Some(errno) => {
                        self.kmd.interrupted(&caller, &pending);
                        report(self.listener.answer(notification.id, Err(errno)));
                    }
                    None => self.parked.push(Parked {
                        notification,
                        pending,
                    }),
                },
                step => self.settle(notification, step),
            }
        }
    }

    /// Tells the driver of descriptors that were closed, where it hears of that.
    fn observe_closes(&mut self, n: &Notification) {
        let Some(holders) = &mut self.holders else { return };
        if !self.kmd.has_clients() {
            // There is no descriptor of the node.
            return;
        }
        let mut closed = holders.vanished(n.thread as i32);
        closed.extend(holders.closed_by(n));
        for client in closed {
            self.kmd.flush_client(client);
        }
    }

    /// Releases the clients whose last descriptor is gone.
    pub(super) fn sweep(&mut self) {
        for client in self.kmd.clients() {
            if !is_marked(self.kmd.store().fd(), client.0) {
                self.kmd.release(client);
            }
        }
    }
}

/// True if a call with these AT_ flags follows a link at the end of its path.
fn follows(flags: u64) -> bool {
    flags & libc::AT_SYMLINK_NOFOLLOW as u64 == 0
}

/// An answer nobody waits for any more is no failure: the thread was killed.
pub(super) fn report(outcome: Result<(), Errno>) {
    match outcome {
        Ok(()) | Err(Errno::ENOENT) => {}
        Err(e) => log::warn!("cannot answer a call: {e}"),
    }
}
