//! The descriptor trap of kernels to 6.19: every close of any copy of the node's descriptor reaches the driver.
//!
//! A memfd tells nobody that it was closed, so the calls that close descriptors are watched: close, close_range,
//! dup2, dup3, execve and exit. A process that was killed is found missing at the next call.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use nix::libc;

use super::identity;
use super::process::{children_of, process_of, status_field};
use super::sys::Notification;
use crate::kmd::ClientId;

const CLOSE_RANGE_CLOEXEC: u64 = 4;

/// A descriptor of the node in some process.
type Held = (i32, ClientId);

/// The processes that hold descriptors of the node.
#[derive(Debug, Default)]
pub struct Holders {
    device_inode: u64,
    held: BTreeMap<i32, Vec<Held>>,
    /// Processes that were looked at.
    seen: BTreeSet<i32>,
    /// Threads that fork: their process, and whether its child was seen.
    forking: BTreeMap<i32, (i32, bool)>,
    /// Processes inside execve: what they lose if it succeeds.
    executing: BTreeMap<i32, Vec<Held>>,
}

impl Holders {
    /// Nobody yet.
    pub fn new(device_inode: u64) -> Self {
        Self {
            device_inode,
            ..Self::default()
        }
    }

    /// The clients that a call closes a descriptor of, seen before the kernel carries it out.
    pub fn closed_by(&mut self, n: &Notification) -> Vec<ClientId> {
        let thread = n.thread as i32;
        let one = |fd: u64| {
            identity::client_of(thread, fd as i32, self.device_inode)
                .into_iter()
                .collect()
        };
        match libc::c_long::from(n.number) {
            libc::SYS_close => one(n.args[0]),
            libc::SYS_dup2 | libc::SYS_dup3 if n.args[0] as i32 != n.args[1] as i32 => one(n.args[1]),
            libc::SYS_close_range if n.args[2] & CLOSE_RANGE_CLOEXEC == 0 => {
                let range = n.args[0] as u32..=n.args[1] as u32;
                let all = self.descriptors(thread);
                all.into_iter()
                    .filter(|(fd, _)| range.contains(&(*fd as u32)))
                    .map(|(_, c)| c)
                    .collect()
            }
            libc::SYS_exit_group => self.leave(thread),
            // The last thread of a process takes the descriptors with it.
            libc::SYS_exit if status_field(thread, "Threads").is_some_and(|t| t == "1") => self.leave(thread),
            libc::SYS_execve | libc::SYS_execveat => {
                let lost = self
                    .descriptors(thread)
                    .into_iter()
                    .filter(|(fd, _)| closes_on_exec(thread, *fd));
                let lost: Vec<Held> = lost.collect();
                if let Some(process) = process_of(thread).filter(|_| !lost.is_empty()) {
                    self.executing.insert(process, lost);
                }
                Vec::new()
            }
            libc::SYS_fork | libc::SYS_vfork => self.fork(thread),
            libc::SYS_clone if n.args[0] & libc::CLONE_FILES as u64 == 0 => self.fork(thread),
            // Its flags are in memory; glibc forks by clone and starts threads and children of posix_spawn by
            // clone3, of which the latter leave by exec or exit.
            _ => Vec::new(),
        }
    }

    fn fork(&mut self, thread: i32) -> Vec<ClientId> {
        if let Some(process) = process_of(thread).filter(|p| self.held.contains_key(p)) {
            self.forking.insert(thread, (process, false));
        }
        Vec::new()
    }

    /// A process is there that was not before: some parent's fork is accounted for.
    fn first_seen(&mut self, process: i32) {
        if self.seen.insert(process)
            && let Some(parent) = status_field(process, "PPid").and_then(|p| p.parse::<i32>().ok())
            && let Some((_, found)) = self
                .forking
                .values_mut()
                .find(|(p, found)| *p == parent && !*found)
        {
            *found = true;
        }
    }

    /// The clients whose descriptors disappeared without a call of their own: killed processes, finished execs.
    /// `thread` is about to make a call.
    pub fn vanished(&mut self, thread: i32) -> Vec<ClientId> {
        let mut gone = Vec::new();
        self.executing.retain(|&process, lost| {
            let (closed, open): (Vec<Held>, Vec<Held>) = lost
                .iter()
                .partition(|(fd, _)| identity::client_of(process, *fd, self.device_inode).is_none());
            gone.extend(closed.iter().map(|(_, c)| *c));
            // A process that makes another call with its descriptors still open is not executing any more.
            !open.is_empty() && closed.is_empty() && process_of(thread) != Some(process)
        });
        let mut children = Vec::new();
        self.held.retain(|&process, held| {
            let alive = status_field(process, "State").is_some_and(|s| !s.starts_with(['Z', 'X']));
            if !alive {
                gone.extend(held.iter().map(|(_, c)| *c));
            }
            children.extend(children_of(process));
            alive
        });
        for process in children.into_iter().chain(process_of(thread)) {
            self.first_seen(process);
            let held = self.descriptors(process);
            if held.is_empty() {
                self.held.remove(&process);
            } else {
                self.held.insert(process, held);
            }
        }
        // A thread that makes another call has its child: one that nobody saw is gone already.
        if let Some((process, false)) = self.forking.remove(&thread) {
            gone.extend(self.held.get(&process).into_iter().flatten().map(|(_, c)| *c));
        }
        gone
    }

    fn leave(&mut self, thread: i32) -> Vec<ClientId> {
        if let Some(process) = process_of(thread) {
            self.held.remove(&process);
        }
        self.descriptors(thread).into_iter().map(|(_, c)| c).collect()
    }

    fn descriptors(&self, thread: i32) -> Vec<Held> {
        let Ok(entries) = fs::read_dir(format!("/proc/{thread}/fd")) else {
            return Vec::new();
        };
        let fds = entries.filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok());
        fds.filter_map(|fd| Some((fd, identity::client_of(thread, fd, self.device_inode)?)))
            .collect()
    }
}

fn closes_on_exec(thread: i32, fd: i32) -> bool {
    let info = fs::read_to_string(format!("/proc/{thread}/fdinfo/{fd}")).unwrap_or_default();
    let flags = info.lines().find_map(|l| l.strip_prefix("flags:"));
    let flags = flags.and_then(|f| i32::from_str_radix(f.trim(), 8).ok());
    flags.is_some_and(|f| f & libc::O_CLOEXEC != 0)
}
