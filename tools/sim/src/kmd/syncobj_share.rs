//! Synchronisation objects outside their client: eventfds, sync files, descriptors.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::rc::Rc;

use nix::errno::Errno;
use xdna_uapi as uapi;
use xdna_uapi::flags::{EventfdFlags, FdToHandleFlags, HandleToFdFlags};

use super::Kmd;
use super::caller::Caller;
use super::client::ClientId;
use super::syncobj::Syncobj;
use super::token::{Inode, Token};
use crate::profile::Rule;

/// An eventfd that is to be signalled.
#[derive(Debug)]
pub struct Armed {
    syncobj: Rc<Syncobj>,
    point: u64,
    available: bool,
    eventfd: File,
}

impl Armed {
    /// Signals if it is time; true if it was.
    fn fire(&mut self) -> bool {
        let due = self
            .syncobj
            .find(self.point)
            .is_some_and(|f| self.available || f.is_signalled());
        if due && let Err(e) = self.eventfd.write_all(&1u64.to_ne_bytes()) {
            log::warn!("cannot signal an eventfd: {e}");
        }
        due
    }
}

/// Whether the kernel's `eventfd_ctx_fdget` would take it.
fn is_eventfd(fd: &OwnedFd) -> bool {
    let link = std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()));
    link.is_ok_and(|name| name.as_os_str() == "anon_inode:[eventfd]")
}

impl Kmd {
    pub(super) fn syncobj_eventfd(
        &mut self,
        id: ClientId,
        caller: &dyn Caller,
        arg: &uapi::drm_syncobj_eventfd,
    ) -> Result<(), Errno> {
        let flags = EventfdFlags::from_bits(arg.flags).ok_or(Errno::EINVAL)?;
        self.deny(Rule::PadZero, arg.pad != 0, Errno::EINVAL)?;
        let syncobj = self.syncobj(id, arg.handle)?;
        let eventfd = caller.descriptor(arg.fd)?;
        if !is_eventfd(&eventfd) {
            return Err(Errno::EINVAL);
        }
        let eventfd = File::from(eventfd);
        let available = flags.contains(EventfdFlags::AVAILABLE);
        self.events.push(Armed {
            syncobj,
            point: arg.point,
            available,
            eventfd,
        });
        self.fire_events();
        Ok(())
    }

    /// Signals the eventfds and sync files whose time has come.
    pub(super) fn fire_events(&mut self) {
        self.events.retain_mut(|armed| !armed.fire());
        for (pipe, fence) in self.exports.sync_files.values_mut() {
            // The byte stays in the pipe: whoever polls sees it, and nobody reads it. Nor need anyone be there.
            if let Some(mut pipe) = pipe.take_if(|_| fence.is_signalled())
                && let Err(e) = pipe.write_all(&[1])
            {
                log::debug!("a sync file was closed before its fence: {e}");
            }
        }
    }

    pub(super) fn syncobj_handle_to_fd(
        &mut self,
        id: ClientId,
        caller: &dyn Caller,
        arg: &mut uapi::drm_syncobj_handle,
    ) -> Result<(), Errno> {
        self.deny(Rule::PadZero, arg.pad != 0, Errno::EINVAL)?;
        let flags = HandleToFdFlags::from_bits(arg.flags).ok_or(Errno::EINVAL)?;
        let point = if flags.contains(HandleToFdFlags::TIMELINE) {
            arg.point
        } else {
            0
        };
        let syncobj = self
            .client(id)?
            .syncobj(arg.handle)
            .cloned()
            .ok_or(Errno::EINVAL)?;
        self.exports.sweep();
        if flags.contains(HandleToFdFlags::EXPORT_SYNC_FILE) {
            let fence = syncobj.find(point).ok_or(Errno::EINVAL)?.fence();
            let (reader, writer) = std::io::pipe().map_err(|_| Errno::EMFILE)?;
            let inode = Inode::of(&reader).map_err(|_| Errno::EIO)?;
            arg.fd = caller.install(reader.as_fd(), true)?;
            self.exports.sync_files.insert(inode, (Some(writer), fence));
            self.fire_events();
            return Ok(());
        }
        if flags.contains(HandleToFdFlags::TIMELINE) {
            return Err(Errno::EINVAL);
        }
        let (token, fd) = Token::new(c"syncobj_file", 0)?;
        arg.fd = caller.install(fd.as_fd(), true)?;
        self.exports.syncobjs.insert(token.inode, (token, syncobj));
        Ok(())
    }

    pub(super) fn syncobj_fd_to_handle(
        &mut self,
        id: ClientId,
        caller: &dyn Caller,
        arg: &mut uapi::drm_syncobj_handle,
    ) -> Result<(), Errno> {
        self.deny(Rule::PadZero, arg.pad != 0, Errno::EINVAL)?;
        let flags = FdToHandleFlags::from_bits(arg.flags).ok_or(Errno::EINVAL)?;
        let fd = caller.descriptor(arg.fd)?;
        let inode = Inode::of(&fd).map_err(|_| Errno::EBADF)?;
        if flags.contains(FdToHandleFlags::IMPORT_SYNC_FILE) {
            let fence = self
                .exports
                .sync_files
                .get(&inode)
                .map(|(_, f)| f.clone())
                .ok_or(Errno::EINVAL)?;
            let syncobj = self.syncobj(id, arg.handle)?;
            match flags.contains(FdToHandleFlags::TIMELINE) {
                true => syncobj.add_point(fence, arg.point),
                false => syncobj.replace(Some(fence)),
            }
            return Ok(());
        }
        let syncobj = self
            .exports
            .syncobjs
            .get(&inode)
            .map(|(_, s)| s.clone())
            .ok_or(Errno::EINVAL)?;
        arg.handle = self.client(id)?.syncobjs.insert(syncobj);
        Ok(())
    }
}
