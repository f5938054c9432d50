//! The ptrace loop: stops threads at their system calls, hands out those that concern an NPU.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::calls;
use super::client::{Client, Details};
use super::event::Event;
use super::process::Process;
use super::sleepers::Sleepers;

/// The event number of a stop that seizing brings.
const EVENT_STOP: i32 = 128;

/// How often it is looked whether stopped threads run again.
const GLANCE: Duration = Duration::from_millis(1);

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Well,
    Code(i32),
    Signal(Signal),
}

/// Watches threads.
pub(super) struct Tracer {
    root: Pid,
    begin: Instant,
    threads: BTreeMap<Pid, Thread>,
    sleepers: Sleepers,
    /// The launcher's own stop is over, or there is none.
    pub(super) has_begun: bool,
    clients: BTreeMap<(Process, i32), Client>,
}

/// A thread: its process, and the call it is in.
struct Thread {
    process: Process,
    call: Option<Entered>,
}

/// A system call under way.
enum Entered {
    Ioctl(Begun),
    Map { fd: i32, offset: u64 },
    Other,
}

struct Begun {
    fd: i32,
    request: u32,
    argument: u64,
    before: Vec<u8>,
    details: Details,
    at: Instant,
}

/// What the kernel tells of threads beside their calls.
pub(super) fn options() -> Options {
    Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACEEXEC
}

impl Tracer {
    pub(super) fn new(root: Pid) -> Self {
        Self {
            root,
            begin: Instant::now(),
            threads: BTreeMap::new(),
            sleepers: Sleepers::default(),
            has_begun: false,
            clients: BTreeMap::new(),
        }
    }

    /// Watches until every thread has ended, or `event` says that nobody listens.
    pub(super) fn run(
        mut self,
        mut event: impl FnMut(Event) -> anyhow::Result<bool>,
    ) -> anyhow::Result<Ended> {
        let mut ended = Ended::Well;
        loop {
            let flags = WaitPidFlag::__WALL;
            let flags = if self.sleepers.is_empty() {
                flags
            } else {
                flags | WaitPidFlag::WNOHANG
            };
            let status = match waitpid(None, Some(flags)) {
                Ok(WaitStatus::StillAlive) => {
                    self.look_after()?;
                    continue;
                }
                Ok(status) => status,
                Err(Errno::EINTR) => continue,
                Err(Errno::ECHILD) if !self.sleepers.is_empty() => {
                    self.look_after()?;
                    continue;
                }
                Err(Errno::ECHILD) => return Ok(ended),
                Err(e) => return Err(e.into()),
            };
            let (thread, signal) = match status {
                WaitStatus::PtraceSyscall(thread) => {
                    self.has_begun = true;
                    let goes_on = match self.stopped(thread) {
                        Some(happened) => event(happened)?,
                        None => true,
                    };
                    if !goes_on {
                        return Ok(ended);
                    }
                    (thread, None)
                }
                WaitStatus::PtraceEvent(thread, signal, EVENT_STOP) if self.is_stop(signal) => {
                    self.threads.remove(&thread);
                    self.sleepers.add(thread)?;
                    continue;
                }
                WaitStatus::PtraceEvent(thread, _, number) => {
                    if number != EVENT_STOP {
                        // After an exec a thread has another program, and its process another number of threads.
                        self.threads.remove(&thread);
                    }
                    (thread, None)
                }
                WaitStatus::Stopped(thread, signal) => (thread, Some(signal)),
                WaitStatus::Exited(thread, code) => {
                    if let Some(happened) = self.died(thread) {
                        event(happened)?;
                    }
                    if thread == self.root && code != 0 {
                        ended = Ended::Code(code);
                    }
                    continue;
                }
                WaitStatus::Signaled(thread, signal, _) => {
                    if let Some(happened) = self.died(thread) {
                        event(happened)?;
                    }
                    if thread == self.root {
                        ended = Ended::Signal(signal);
                    }
                    continue;
                }
                _ => continue,
            };
            match ptrace::syscall(thread, signal) {
                // It was killed meanwhile; its end is reported next.
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }

    /// True where a signal stopped a thread, and not this program or the launcher, to begin with.
    fn is_stop(&self, signal: Signal) -> bool {
        let stops = [Signal::SIGSTOP, Signal::SIGTSTP, Signal::SIGTTIN, Signal::SIGTTOU];
        self.has_begun && stops.contains(&signal)
    }

    /// Sees whether stopped threads run again.
    fn look_after(&mut self) -> anyhow::Result<()> {
        std::thread::sleep(GLANCE);
        Ok(self.sleepers.wake(options())?)
    }

    /// A thread entered a system call, or left one.
    fn stopped(&mut self, id: Pid) -> Option<Event> {
        let registers = ptrace::getregs(id).ok()?;
        let at = self.begin.elapsed();
        let known = self.threads.remove(&id);
        let Thread { process, call } = known.unwrap_or_else(|| Thread {
            process: Process::of_thread(id.as_raw()),
            call: None,
        });
        let Some(call) = call else {
            // At the entry the kernel puts ENOSYS into the result; a first stop without it is an exit.
            let is_entry = registers.rax as i64 == -i64::from(libc::ENOSYS);
            let call = is_entry.then(|| self.entered(process, &registers));
            self.threads.insert(id, Thread { process, call });
            return None;
        };
        self.threads.insert(id, Thread { process, call: None });
        let result = registers.rax as i64;
        match call {
            Entered::Other => None,
            Entered::Map { fd, offset } => {
                if !(-4095..0).contains(&result) {
                    self.clients
                        .entry((process, fd))
                        .or_default()
                        .mapped(offset, registers.rax);
                }
                None
            }
            Entered::Ioctl(begun) => {
                let duration = begun.at.elapsed();
                let result = if (-4095..0).contains(&result) {
                    Err((-result) as i32)
                } else {
                    Ok(result)
                };
                Some(self.ended(
                    id,
                    process,
                    begun,
                    at.saturating_sub(duration),
                    duration,
                    Some(result),
                ))
            }
        }
    }

    fn entered(&self, process: Process, registers: &libc::user_regs_struct) -> Entered {
        match registers.orig_rax as i64 {
            libc::SYS_ioctl => {
                let (fd, request) = (registers.rdi as i32, registers.rsi as u32);
                if xdna_uapi::request::kind(request) != b'd' || !process.is_npu(fd) {
                    return Entered::Other;
                }
                let argument = registers.rdx;
                let before = process
                    .bytes(argument, xdna_uapi::request::size(request))
                    .unwrap_or_default();
                let nothing = Client::default();
                let client = self.clients.get(&(process, fd)).unwrap_or(&nothing);
                let details = calls::of(request)
                    .map(|call| client.before(call, process, &before))
                    .unwrap_or_default();
                Entered::Ioctl(Begun {
                    fd,
                    request,
                    argument,
                    before,
                    details,
                    at: Instant::now(),
                })
            }
            libc::SYS_mmap if process.is_npu(registers.r8 as i32) => Entered::Map {
                fd: registers.r8 as i32,
                offset: registers.r9,
            },
            _ => Entered::Other,
        }
    }

    fn ended(
        &mut self,
        id: Pid,
        process: Process,
        begun: Begun,
        at: Duration,
        duration: Duration,
        result: Option<Result<i64, i32>>,
    ) -> Event {
        let call = calls::of(begun.request);
        let after = process
            .bytes(begun.argument, begun.before.len())
            .unwrap_or_default();
        let mut details = begun.details;
        if let (Some(call), Some(Ok(_))) = (call, result) {
            let client = self.clients.entry((process, begun.fd)).or_default();
            client.after(call, process, &after, &mut details);
        }
        Event {
            process: process.0,
            thread: id.as_raw(),
            fd: begun.fd,
            at,
            duration,
            call,
            request: begun.request,
            before: begun.before,
            after,
            result,
            details,
        }
    }

    /// A thread ended, perhaps in the middle of a call.
    fn died(&mut self, id: Pid) -> Option<Event> {
        self.sleepers.forget(id);
        let thread = self.threads.remove(&id)?;
        let Some(Entered::Ioctl(begun)) = thread.call else {
            return None;
        };
        let duration = begun.at.elapsed();
        let at = self.begin.elapsed().saturating_sub(duration);
        Some(self.ended(id, thread.process, begun, at, duration, None))
    }
}
