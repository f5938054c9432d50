//! System calls without a safe wrapper elsewhere: seccomp, its notifications, pidfd_getfd.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SigHandler, Signal};
use nix::unistd::Pid;

use super::remote::Map;

/// A notification, as the kernel writes it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Notification {
    /// Its number.
    pub id: u64,
    /// Thread that made the call.
    pub thread: u32,
    flags: u32,
    /// The call.
    pub number: i32,
    arch: u32,
    instruction_pointer: u64,
    /// Its arguments.
    pub args: [u64; 6],
}

#[repr(C)]
struct Response {
    id: u64,
    value: i64,
    error: i32,
    flags: u32,
}

#[repr(C)]
struct AddFd {
    id: u64,
    flags: u32,
    source: u32,
    new: u32,
    new_flags: u32,
}

mod request {
    use super::{AddFd, Notification, Response};
    nix::ioctl_readwrite!(receive, b'!', 0, Notification);
    nix::ioctl_readwrite!(send, b'!', 1, Response);
    nix::ioctl_write_ptr!(id_valid, b'!', 2, u64);
    nix::ioctl_write_ptr!(add_fd, b'!', 3, AddFd);
}

/// Answer by letting the kernel carry the call out.
const CONTINUE: u32 = 1;
/// ADDFD answers the call with the new descriptor.
const ADDFD_SEND: u32 = 2;
/// Once received, a notification's thread waits for the answer, whatever signals arrive (Linux 5.19).
const WAIT_KILLABLE_RECV: libc::c_ulong = 1 << 5;

/// The descriptor that notifications arrive at.
#[derive(Debug)]
pub struct Listener(OwnedFd);

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for Listener {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

impl Listener {
    fn raw(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// The next notification; blocks until there is one.
    ///
    /// # Errors
    /// `ENOENT` if its thread died meanwhile, `EINTR`.
    pub fn receive(&self) -> Result<Notification, Errno> {
        let mut notification = Notification::default();
        // SAFETY: the request writes one `Notification` of this layout (the kernel checks that it is zeroed),
        // and `notification` lives through the call.
        unsafe { request::receive(self.raw(), &mut notification) }?;
        Ok(notification)
    }

    /// Answers a call.
    ///
    /// # Errors
    /// `ENOENT` if its thread died meanwhile.
    pub fn answer(&self, id: u64, answer: Result<i64, i32>) -> Result<(), Errno> {
        let (value, error) = match answer {
            Ok(value) => (value, 0),
            Err(errno) => (0, -errno),
        };
        self.send(Response {
            id,
            value,
            error,
            flags: 0,
        })
    }

    /// Lets the kernel carry the call out.
    ///
    /// # Errors
    /// `ENOENT` if its thread died meanwhile.
    pub fn pass(&self, id: u64) -> Result<(), Errno> {
        self.send(Response {
            id,
            value: 0,
            error: 0,
            flags: CONTINUE,
        })
    }

    fn send(&self, mut response: Response) -> Result<(), Errno> {
        // SAFETY: the request reads one `Response` of this layout, which lives through the call.
        unsafe { request::send(self.raw(), &mut response) }.map(drop)
    }

    /// True while the thread of a notification waits for its answer.
    pub fn is_valid(&self, id: u64) -> bool {
        // SAFETY: the request reads one u64, which lives through the call.
        unsafe { request::id_valid(self.raw(), &id) }.is_ok()
    }

    /// Installs a duplicate of `fd` in the process of a notification; `send` makes it the call's answer.
    ///
    /// # Errors
    /// `EMFILE`; `ENOENT` if its thread died meanwhile.
    pub fn add_fd(&self, id: u64, fd: BorrowedFd<'_>, cloexec: bool, send: bool) -> Result<i32, Errno> {
        let add = AddFd {
            id,
            flags: if send { ADDFD_SEND } else { 0 },
            source: fd.as_raw_fd() as u32,
            new: 0,
            new_flags: if cloexec { libc::O_CLOEXEC as u32 } else { 0 },
        };
        // SAFETY: the request reads one `AddFd` of this layout; it and the descriptor live through the call.
        unsafe { request::add_fd(self.raw(), &add) }
    }
}

/// Puts `program` on the calling thread and returns its listener.
///
/// # Errors
/// `EBUSY` if a filter with a listener is there already, `EACCES` without no_new_privs or CAP_SYS_ADMIN.
pub fn install_filter(program: &[libc::sock_filter]) -> Result<Listener, Errno> {
    let program = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_ptr().cast_mut(),
    };
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | WAIT_KILLABLE_RECV;
    // SAFETY: the kernel copies `len` instructions from `filter`, a slice of that length that outlives the call,
    // and writes nothing.
    let fd = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &program) };
    owned(fd).map(Listener)
}

/// A duplicate of descriptor `fd` of the process behind `pidfd`.
///
/// # Errors
/// `EBADF`; `EPERM` without the right to trace it.
pub fn pidfd_getfd(pidfd: BorrowedFd<'_>, fd: i32) -> Result<OwnedFd, Errno> {
    // SAFETY: the call takes three integers and touches no memory of ours.
    owned(unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), fd, 0) })
}

/// A descriptor of process or thread `thread`.
///
/// # Errors
/// `ESRCH` if it is gone.
pub fn pidfd_open(thread: i32, of_thread: bool) -> Result<OwnedFd, Errno> {
    let flags = if of_thread { libc::O_EXCL } else { 0 };
    // SAFETY: the call takes two integers and touches no memory of ours.
    owned(unsafe { libc::syscall(libc::SYS_pidfd_open, thread, flags) })
}

/// Sends a signal by number, real-time ones too.
///
/// # Errors
/// `ESRCH` if the process is gone, `EPERM`.
pub fn send_signal(process: i32, signal: i32) -> Result<(), Errno> {
    let pidfd = pidfd_open(process, false)?;
    let none = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the call takes integers and no signal information, so it touches no memory of ours.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, none, 0) };
    Errno::result(sent).map(drop)
}

/// Sends a thread a signal.
///
/// # Errors
/// `ESRCH` if it is gone.
pub fn send_to_thread(thread: Pid, signal: Signal) -> Result<(), Errno> {
    // SAFETY: the call takes integers and touches no memory of ours.
    let sent = unsafe { libc::syscall(libc::SYS_tkill, thread.as_raw(), signal as i32) };
    Errno::result(sent).map(drop)
}

/// Exchanges the signal mask of a stopped tracee, a bit per signal.
///
/// # Errors
/// `ESRCH` if it is gone or not stopped.
pub fn swap_signal_mask(tracee: Pid, mask: u64) -> Result<u64, Errno> {
    let (mut before, mut mask) = (0u64, mask);
    let bytes = size_of::<u64>();
    // SAFETY: the request writes the 8 bytes that it is told of to `before`, which lives through the call.
    let got = unsafe { libc::ptrace(libc::PTRACE_GETSIGMASK, tracee.as_raw(), bytes, &raw mut before) };
    Errno::result(got)?;
    // SAFETY: the request reads the 8 bytes that it is told of from `mask`, which lives through the call.
    let set = unsafe { libc::ptrace(libc::PTRACE_SETSIGMASK, tracee.as_raw(), bytes, &raw mut mask) };
    Errno::result(set).map(|_| before)
}

/// Maps a file into this process as a thread of it asked for.
///
/// # Errors
/// What mmap(2) says.
pub fn map(file: BorrowedFd<'_>, map: &Map) -> Result<u64, Errno> {
    let fd = file.as_raw_fd();
    // SAFETY: the address and the flags are those that the thread gave mmap(2) itself, or those of memory that it gave
    // the driver to map elsewhere as well, which keeps its contents: what is replaced is what that thread replaces.
    let got = unsafe {
        libc::mmap(
            map.address as *mut libc::c_void,
            map.len as usize,
            map.protection as i32,
            map.flags as i32,
            fd,
            map.offset as i64,
        )
    };
    if got == libc::MAP_FAILED {
        Err(Errno::last())
    } else {
        Ok(got as u64)
    }
}

/// Gives a signal its default action.
///
/// # Errors
/// `EINVAL` if it cannot be changed.
pub fn default_action(signal: Signal) -> Result<(), Errno> {
    // SAFETY: the default action is no handler: none of our code runs in a signal's context.
    unsafe { nix::sys::signal::signal(signal, SigHandler::SigDfl) }.map(drop)
}

fn owned(result: libc::c_long) -> Result<OwnedFd, Errno> {
    let fd = Errno::result(result)?;
    // SAFETY: the system call just returned this descriptor, so nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Forks; the child gets `None`.
///
/// # Errors
/// `EAGAIN`; `EBUSY` if this process has other threads.
pub fn fork() -> Result<Option<Pid>, Errno> {
    let threads = std::fs::read_dir("/proc/self/task").map(Iterator::count);
    if threads.unwrap_or(usize::MAX) != 1 {
        return Err(Errno::EBUSY);
    }
    // SAFETY: this is the only thread (checked above), so the child inherits no lock that another one holds.
    match unsafe { nix::unistd::fork() }? {
        nix::unistd::ForkResult::Parent { child } => Ok(Some(child)),
        nix::unistd::ForkResult::Child => Ok(None),
    }
}
