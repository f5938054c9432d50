//! The calls around the node: open, stat, mmap, fdinfo.

use std::fs;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;

use nix::errno::Errno;
use nix::libc;
use nix::sys::memfd::{MFdFlags, memfd_create};

use super::process::{NotifiedThread, ProcessMemory, process_of};
use super::remote::Map;
use super::supervisor::{NODE, Supervisor, now, report};
use super::sys::Notification;
use super::world::PCI_ADDRESS;
use super::{identity, path};
use crate::kmd::{Access, Caller, ClientId, MapPlan, MapRequest, mark};

impl Supervisor {
    /// True if a path, or an empty path with a descriptor, names the node; links are followed at its end if `follow`.
    pub(super) fn is_node(&self, n: &Notification, dir: i32, path_at: u64, follow: bool) -> bool {
        let memory = self.caller(n).memory();
        match path::read_string(&*memory, path_at) {
            Some(p) if p.is_empty() => identity::client_of(n.thread as i32, dir, self.device_inode).is_some(),
            Some(p) => self.names_node(n.thread as i32, dir, &p, follow),
            None => false,
        }
    }

    fn names_node(&self, thread: i32, dir: i32, p: &str, follow: bool) -> bool {
        let Some(absolute) = path::absolute(thread, dir, p) else {
            return false;
        };
        let node = Path::new(NODE);
        if absolute == node {
            return true;
        }
        if !follow {
            return false;
        }
        match path::descriptor(&absolute, thread) {
            Some((owner, fd)) => {
                identity::client_of(owner, fd, self.device_inode).is_some()
                    || fs::read_link(format!("/proc/{owner}/fd/{fd}")).is_ok_and(|p| p == node)
            }
            None => node
                .file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| path::followed(thread, dir, p, name).is_some_and(|p| p == node)),
        }
    }

    pub(super) fn write_back(&self, n: &Notification, address: u64, bytes: &[u8]) -> Result<(), Errno> {
        let written = self.caller(n).memory().write(address, bytes);
        self.listener
            .answer(n.id, written.map(|()| 0).map_err(|e| e as i32))
    }

    pub(super) fn open(&mut self, n: Notification, dir: i32, path_at: u64, flags: u64) {
        let (path_only, stays) = (libc::O_PATH as u64, libc::O_NOFOLLOW as u64);
        let node = flags & path_only == 0 && self.is_node(&n, dir, path_at, flags & stays == 0);
        let outcome = if !node {
            if let Some(text) = self.fdinfo(&n, dir, path_at) {
                return report(self.open_text(&n, &text, flags & libc::O_CLOEXEC as u64 != 0));
            }
            self.trace_sysfs(&n, dir, path_at, flags as i32);
            self.listener.pass(n.id)
        } else {
            self.sweep();
            self.kmd.advance(now());
            let opened = self
                .may_open(&n, path_at, flags as i32)
                .and_then(|()| self.open_node(&n, flags as i32));
            match opened {
                Ok(fd) => {
                    log::debug!("thread {} opened the node as {fd}", n.thread);
                    Ok(())
                }
                Err(e) => self.listener.answer(n.id, Err(e as i32)),
            }
        };
        report(outcome);
    }

    /// An open of a file that tells of the device, for the trace.
    fn trace_sysfs(&mut self, n: &Notification, dir: i32, path_at: u64, flags: i32) {
        if !self.kmd.is_traced() {
            return;
        }
        let path = path::read_string(&*self.caller(n).memory(), path_at);
        let path = path.and_then(|p| path::absolute(n.thread as i32, dir, &p));
        let tells = |p: &Path| p.starts_with("/sys/class/accel") || p.to_string_lossy().contains(PCI_ADDRESS);
        if let Some(path) = path.filter(|p| tells(p)) {
            self.kmd.trace_open(n.thread as i32, None, &path, flags);
        }
    }

    /// The fdinfo that a path names, if it is that of the node's descriptor.
    pub(super) fn fdinfo(&mut self, n: &Notification, dir: i32, path_at: u64) -> Option<String> {
        let path = path::read_string(&*self.caller(n).memory(), path_at).filter(|p| p.contains("fdinfo"))?;
        let path = path::absolute(n.thread as i32, dir, &path)?;
        let (owner, fd) = path::fdinfo(&path, n.thread as i32)?;
        let client = identity::client_of(owner, fd, self.device_inode)?;
        let kernel = fs::read_to_string(format!("/proc/{owner}/fdinfo/{fd}")).ok()?;
        let generic = kernel.lines().filter(|l| !l.starts_with("lock:"));
        let generic = generic.map(|l| if l.starts_with("pos:") { "pos:\t0" } else { l });
        let generic: String = generic.flat_map(|l| [l, "\n"]).collect();
        Some(generic + &self.kmd.fdinfo(client, PCI_ADDRESS))
    }

    /// Answers an open with a file of this content.
    pub(super) fn open_text(&self, n: &Notification, text: &str, cloexec: bool) -> Result<(), Errno> {
        let sent = memfd_create(c"fdinfo", MFdFlags::MFD_CLOEXEC).and_then(|fd| {
            let mut file = fs::File::from(fd);
            let written = file.write_all(text.as_bytes()).and_then(|()| file.rewind());
            written.map_err(|e| e.raw_os_error().map_or(Errno::EIO, Errno::from_raw))?;
            self.listener.add_fd(n.id, file.as_fd(), cloexec, true)
        });
        match sent {
            Ok(_) => Ok(()),
            Err(e) => self.listener.answer(n.id, Err(e as i32)),
        }
    }

    /// What open(2) refuses of any character device.
    fn may_open(&self, n: &Notification, path_at: u64, flags: i32) -> Result<(), Errno> {
        let new = libc::O_CREAT | libc::O_EXCL;
        if flags & new == new {
            return Err(Errno::EEXIST);
        }
        let path = path::read_string(&*self.caller(n).memory(), path_at).unwrap_or_default();
        if flags & libc::O_DIRECTORY != 0 || path.ends_with('/') || path.ends_with("/.") {
            return Err(Errno::ENOTDIR);
        }
        Ok(())
    }

    /// Answers an open with a descriptor of a new client.
    pub(super) fn open_node(&mut self, n: &Notification, flags: i32) -> Result<i32, Errno> {
        let process = process_of(n.thread as i32).ok_or(Errno::ESRCH)?;
        let memory = Rc::new(ProcessMemory::new(process, self.device_inode));
        let client = self.kmd.open(process, memory)?;
        let access = match flags & libc::O_ACCMODE {
            libc::O_RDONLY => Access::Read,
            libc::O_WRONLY => Access::Write,
            _ => Access::Both,
        };
        let kept = flags & (libc::O_NONBLOCK | libc::O_APPEND | libc::O_ASYNC | libc::O_NOATIME);
        let fd = mark(self.kmd.store().fd(), access, kept, client.0);
        let sent = fd
            .and_then(at_its_end)
            .map_err(|e| e.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
            .and_then(|fd| {
                self.listener
                    .add_fd(n.id, fd.as_fd(), flags & libc::O_CLOEXEC != 0, true)
            });
        match sent {
            Ok(_) => self
                .kmd
                .trace_open(n.thread as i32, Some(client), Path::new(NODE), flags),
            Err(_) => self.kmd.release(client),
        }
        sent
    }

    pub(super) fn mmap(&mut self, n: &Notification, client: ClientId) -> Result<(), Errno> {
        let request = map_request(n);
        let caller = NotifiedThread::new(&self.listener, n, self.device_inode);
        match self.kmd.mmap(client, &caller, &request) {
            Ok(MapPlan::AsItCame) => self.listener.pass(n.id),
            Ok(MapPlan::Instead { offset, own }) => {
                if let Ok(address) = self.map_instead(n, &maps(n, offset, &own)) {
                    self.kmd.mapped(client, offset, address);
                }
                Ok(())
            }
            Err(e) => self.listener.answer(n.id, Err(e as i32)),
        }
    }

    /// An mmap of another descriptor than the node's: of a dma-buf, or nothing that concerns the device.
    pub(super) fn mmap_dmabuf(&mut self, n: &Notification) -> Result<(), Errno> {
        let Some(inode) = identity::token_of(n.thread as i32, n.args[4] as i32) else {
            return self.listener.pass(n.id);
        };
        let caller = NotifiedThread::new(&self.listener, n, self.device_inode);
        match self.kmd.mmap_dmabuf(inode, &caller, &map_request(n)) {
            None | Some(Ok(MapPlan::AsItCame)) => self.listener.pass(n.id),
            Some(Ok(MapPlan::Instead { offset, own })) => {
                // The thread has its answer, whatever it is.
                let _ = self.map_instead(n, &maps(n, offset, &own));
                Ok(())
            }
            Some(Err(e)) => self.listener.answer(n.id, Err(e as i32)),
        }
    }
}

/// A descriptor behind the last byte of its file: reading finds nothing, and writing is refused by the seal.
fn at_its_end(fd: OwnedFd) -> io::Result<OwnedFd> {
    let mut file = fs::File::from(fd);
    file.seek(SeekFrom::End(0))?;
    Ok(file.into())
}

fn map_request(n: &Notification) -> MapRequest {
    MapRequest {
        offset: n.args[5],
        len: n.args[1],
        private: n.args[3] as i32 & libc::MAP_TYPE == libc::MAP_PRIVATE,
        writes: n.args[2] as i32 & libc::PROT_WRITE != 0,
    }
}

/// The mappings to make for an mmap at `offset`: first those of the process's own ranges.
fn maps(n: &Notification, offset: u64, own: &[(u64, u64, u64)]) -> Vec<Map> {
    let own = own.iter().map(|&(address, len, offset)| Map {
        address,
        len,
        protection: (libc::PROT_READ | libc::PROT_WRITE) as u64,
        flags: (libc::MAP_SHARED | libc::MAP_FIXED) as u64,
        offset,
    });
    let wanted = Map {
        address: n.args[0],
        len: n.args[1],
        protection: n.args[2],
        flags: n.args[3],
        offset,
    };
    own.chain([wanted]).collect()
}
