//! System calls of watched threads, from their entry to their end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nix::sys::ptrace;
use nix::unistd::Pid;

use super::calls;
use super::client::Details;
use super::descriptors::{Change, Descriptors};
use super::event::Event;
use super::process::Process;

/// Code segment of 64-bit programs: the numbers of others' calls mean something else.
const CODE_64: u64 = 0x33;

/// Watched threads.
#[derive(Debug)]
pub(super) struct Threads {
    begin: Instant,
    all: BTreeMap<Pid, Thread>,
    descriptors: Descriptors,
}

/// A thread: its process, and the call it is in.
#[derive(Debug)]
struct Thread {
    process: Process,
    call: Option<Entered>,
}

/// A system call under way.
#[derive(Debug)]
enum Entered {
    Ioctl(Begun),
    Map { fd: i32, offset: u64 },
    Descriptor(Change),
    Other,
}

#[derive(Debug)]
struct Begun {
    fd: i32,
    request: u32,
    argument: u64,
    before: Vec<u8>,
    details: Details,
    at: Instant,
}

impl Threads {
    pub(super) fn new() -> Self {
        Self {
            begin: Instant::now(),
            all: BTreeMap::new(),
            descriptors: Descriptors::default(),
        }
    }

    /// The process of a thread.
    pub(super) fn process(&self, id: Pid) -> Process {
        let known = self.all.get(&id).map(|thread| thread.process);
        known.unwrap_or_else(|| Process::of_thread(id.as_raw()))
    }

    /// A thread started another, in its process or in one of its own.
    pub(super) fn started(&mut self, id: Pid, new: Pid) {
        let (parent, child) = (self.process(id), Process::of_thread(new.as_raw()));
        if parent != child {
            self.descriptors.forked(parent, child);
        }
    }

    /// A process has another program: its other threads are gone, and so are some descriptors.
    pub(super) fn executed(&mut self, id: Pid) {
        let process = self.process(id);
        self.all.retain(|_, thread| thread.process != process);
        self.descriptors.retain(process, |fd| process.is_npu(fd));
    }

    /// A thread entered a system call, or left one.
    pub(super) fn stopped(&mut self, id: Pid) -> Option<Event> {
        let registers = ptrace::getregs(id).ok()?;
        let at = self.begin.elapsed();
        let process = self.process(id);
        let call = self.all.remove(&id).and_then(|thread| thread.call);
        let Some(call) = call else {
            // At the entry the kernel puts ENOSYS into the result; a first stop without it is an exit.
            let is_entry = registers.rax as i64 == -i64::from(libc::ENOSYS);
            let call = is_entry.then(|| self.entered(process, &registers));
            self.all.insert(id, Thread { process, call });
            return None;
        };
        self.all.insert(id, Thread { process, call: None });
        let result = registers.rax as i64;
        let is_error = (-4095..0).contains(&result);
        match call {
            Entered::Map { fd, offset } if !is_error => {
                let client = self.descriptors.client(process, fd);
                client.borrow_mut().mapped(offset, registers.rax);
                None
            }
            Entered::Descriptor(change) if !is_error => {
                self.descriptors.change(process, change, result as i32);
                None
            }
            Entered::Ioctl(begun) => {
                let duration = begun.at.elapsed();
                let result = if is_error {
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
            _ => None,
        }
    }

    fn entered(&mut self, process: Process, registers: &libc::user_regs_struct) -> Entered {
        if registers.cs != CODE_64 {
            return Entered::Other;
        }
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
                let client = self.descriptors.client(process, fd);
                let details = calls::of(request)
                    .map(|call| client.borrow().before(call, process, &before))
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
            number => Change::of(number, [registers.rdi, registers.rsi, registers.rdx])
                .map_or(Entered::Other, Entered::Descriptor),
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
            let client = self.descriptors.client(process, begun.fd);
            client.borrow_mut().after(call, process, &after, &mut details);
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
    pub(super) fn died(&mut self, id: Pid) -> Option<Event> {
        let thread = self.all.remove(&id)?;
        if thread.process.0 == id.as_raw() {
            self.descriptors.retain(thread.process, |_| false);
        }
        let Some(Entered::Ioctl(begun)) = thread.call else {
            return None;
        };
        let duration = begun.at.elapsed();
        let at = self.begin.elapsed().saturating_sub(duration);
        Some(self.ended(id, thread.process, begun, at, duration, None))
    }
}
