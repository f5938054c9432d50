//! The ioctls of synchronisation objects.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::rc::Rc;

use nix::errno::Errno;
use xdna_uapi as uapi;
use xdna_uapi::flags::{
    EventfdFlags, FdToHandleFlags, HandleToFdFlags, QueryFlags, SyncobjCreateFlags, WaitFlags,
};

use super::caller::{Caller, read_user_vec, write_user};
use super::client::ClientId;
use super::fence::Fence;
use super::syncobj::{Found, Syncobj};
use super::token::{Inode, Token};
use super::{Kmd, Outcome, Park};
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

/// A wait for syncobjs.
#[derive(Debug)]
pub struct Wait {
    entries: Vec<(Rc<Syncobj>, u64, Option<Found>)>,
    flags: WaitFlags,
    timeout: i64,
    first_at: usize,
}

impl Wait {
    /// The absolute deadline; `None` waits for ever.
    pub fn deadline(&self) -> Option<u64> {
        (self.timeout != i64::MAX).then_some(self.timeout.max(0) as u64)
    }

    /// Index of the first entry that is signalled, if the wait is over.
    fn done(&mut self) -> Option<u32> {
        let (mut count, mut first) = (0, None);
        for (i, (syncobj, point, found)) in self.entries.iter_mut().enumerate() {
            if found.is_none() {
                *found = syncobj.find(*point);
            }
            let available = self.flags.contains(WaitFlags::AVAILABLE);
            if found.as_ref().is_some_and(|f| available || f.is_signalled()) {
                count += 1;
                first.get_or_insert(i as u32);
            }
        }
        let all = self.flags.contains(WaitFlags::ALL);
        let over = count == self.entries.len() || (count > 0 && !all);
        if over { first } else { None }
    }
}

impl Kmd {
    pub(super) fn syncobj_create(
        &mut self,
        id: ClientId,
        arg: &mut uapi::drm_syncobj_create,
    ) -> Result<(), Errno> {
        let flags = SyncobjCreateFlags::from_bits(arg.flags).ok_or(Errno::EINVAL)?;
        let syncobj = Syncobj::new();
        if flags.contains(SyncobjCreateFlags::SIGNALED) {
            syncobj.replace(Some(Fence::stub()));
        }
        arg.handle = self.client(id)?.syncobjs.insert(syncobj);
        Ok(())
    }

    pub(super) fn syncobj_destroy(
        &mut self,
        id: ClientId,
        arg: &uapi::drm_syncobj_destroy,
    ) -> Result<(), Errno> {
        self.deny(Rule::PadZero, arg.pad != 0, Errno::EINVAL)?;
        self.client(id)?
            .syncobjs
            .remove(arg.handle)
            .map(drop)
            .ok_or(Errno::EINVAL)
    }

    fn syncobj(&mut self, id: ClientId, handle: u32) -> Result<Rc<Syncobj>, Errno> {
        self.client(id)?.syncobj(handle).cloned().ok_or(Errno::ENOENT)
    }

    fn syncobjs(
        &mut self,
        id: ClientId,
        caller: &dyn Caller,
        handles: u64,
        count: u32,
    ) -> Result<Vec<Rc<Syncobj>>, Errno> {
        if count > 1 << 16 {
            return Err(Errno::ENOMEM);
        }
        let handles: Vec<u32> = read_user_vec(&*caller.memory(), handles, count as usize)?;
        handles.into_iter().map(|h| self.syncobj(id, h)).collect()
    }

    pub(super) fn syncobj_replace(
        &mut self,
        id: ClientId,
        caller: &dyn Caller,
        arg: &uapi::drm_syncobj_array,
        signalled: bool,
    ) -> Result<(), Errno> {
        self.deny(Rule::PadZero, arg.pad != 0, Errno::EINVAL)?;
        if arg.count_handles == 0 {
            return Err(Errno::EINVAL);
        }
        for syncobj in self.syncobjs(id, caller, arg.handles, arg.count_handles)? {
            syncobj.replace(signalled.then(Fence::stub));
        }
        Ok(())
    }

    pub(super) fn syncobj_wait(
        &mut self,
        id: ClientId,
        caller: &dyn Caller,
        arg: &mut uapi::drm_syncobj_wait,
    ) -> Result<Outcome, Errno> {
        let known = WaitFlags::from_bits(arg.flags).filter(|f| !f.contains(WaitFlags::AVAILABLE));
        let flags = self.wait_flags(known)?;
        if arg.count_handles == 0 {
            return Ok(Outcome::Done(0));
        }
        let syncobjs = self.syncobjs(id, caller, arg.handles, arg.count_handles)?;
        let at = std::mem::offset_of!(uapi::drm_syncobj_wait, first_signaled);
        let wait = Wait::new(syncobjs.into_iter().map(|s| (s, 0)), flags, arg.timeout_nsec, at)?;
        self.wait(wait, |first| arg.first_signaled = first)
    }

    pub(super) fn syncobj_timeline_wait(
        &mut self,
        id: ClientId,
        caller: &dyn Caller,
        arg: &mut uapi::drm_syncobj_timeline_wait,
    ) -> Result<Outcome, Errno> {
        let flags = self.wait_flags(WaitFlags::from_bits(arg.flags))?;
        if arg.count_handles == 0 {
            return Ok(Outcome::Done(0));
        }
        let syncobjs = self.syncobjs(id, caller, arg.handles, arg.count_handles)?;
        let points: Vec<u64> = match arg.points {
            0 => vec![0; syncobjs.len()],
            at => read_user_vec(&*caller.memory(), at, syncobjs.len())?,
        };
        let at = std::mem::offset_of!(uapi::drm_syncobj_timeline_wait, first_signaled);
        let wait = Wait::new(syncobjs.into_iter().zip(points), flags, arg.timeout_nsec, at)?;
        self.wait(wait, |first| arg.first_signaled = first)
    }

    fn wait_flags(&self, flags: Option<WaitFlags>) -> Result<WaitFlags, Errno> {
        match flags {
            None if self.rules.on(Rule::WaitFlags) => Err(Errno::EINVAL),
            flags => Ok(flags.unwrap_or(WaitFlags::ALL)),
        }
    }

    pub(super) fn wait(&mut self, mut wait: Wait, set_first: impl FnOnce(u32)) -> Result<Outcome, Errno> {
        self.run_jobs();
        if let Some(first) = wait.done() {
            set_first(first);
            return Ok(Outcome::Done(0));
        }
        if wait.deadline().is_some_and(|at| at <= self.now) {
            self.deny(Rule::WaitTimeout, true, Errno::ETIME)?;
            return Ok(Outcome::Done(0));
        }
        Ok(Outcome::Park(Park::Wait(wait)))
    }

    /// Looks again at a wait; `first_at` is where its struct has `first_signaled`.
    pub(super) fn poll_wait(&mut self, wait: Wait, arg: &mut [u8]) -> Result<Outcome, Errno> {
        let at = wait.first_at;
        self.wait(wait, |first| {
            if let Some(field) = arg.get_mut(at..at + 4) {
                field.copy_from_slice(&first.to_le_bytes());
            }
        })
    }

    pub(super) fn syncobj_query(
        &mut self,
        id: ClientId,
        caller: &dyn Caller,
        arg: &uapi::drm_syncobj_timeline_array,
    ) -> Result<(), Errno> {
        let flags = QueryFlags::from_bits(arg.flags).ok_or(Errno::EINVAL)?;
        if arg.count_handles == 0 {
            return Err(Errno::EINVAL);
        }
        self.run_jobs();
        let last = flags.contains(QueryFlags::LAST_SUBMITTED);
        let point = |s: &Rc<Syncobj>| {
            if last {
                s.submitted_point()
            } else {
                s.signalled_point()
            }
        };
        let points: Vec<u64> = self
            .syncobjs(id, caller, arg.handles, arg.count_handles)?
            .iter()
            .map(point)
            .collect();
        write_user(&*caller.memory(), arg.points, points.as_slice())
    }

    pub(super) fn syncobj_timeline_signal(
        &mut self,
        id: ClientId,
        caller: &dyn Caller,
        arg: &uapi::drm_syncobj_timeline_array,
    ) -> Result<(), Errno> {
        if arg.flags != 0 || arg.count_handles == 0 {
            return Err(Errno::EINVAL);
        }
        let syncobjs = self.syncobjs(id, caller, arg.handles, arg.count_handles)?;
        let points: Vec<u64> = match arg.points {
            0 => vec![0; syncobjs.len()],
            at => read_user_vec(&*caller.memory(), at, syncobjs.len())?,
        };
        for (syncobj, point) in syncobjs.iter().zip(points) {
            syncobj.add_point(Fence::stub(), point);
        }
        Ok(())
    }

    pub(super) fn syncobj_transfer(
        &mut self,
        id: ClientId,
        arg: &uapi::drm_syncobj_transfer,
    ) -> Result<(), Errno> {
        self.deny(Rule::PadZero, arg.pad != 0, Errno::EINVAL)?;
        if arg.flags & !uapi::DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT != 0 {
            return Err(Errno::EINVAL);
        }
        let (from, to) = (
            self.syncobj(id, arg.src_handle)?,
            self.syncobj(id, arg.dst_handle)?,
        );
        let fence = from.find(arg.src_point).ok_or(Errno::EINVAL)?.fence();
        match arg.dst_point {
            0 => to.replace(Some(fence)),
            point => to.add_point(fence, point),
        }
        Ok(())
    }

    pub(super) fn syncobj_eventfd(
        &mut self,
        id: ClientId,
        caller: &dyn Caller,
        arg: &uapi::drm_syncobj_eventfd,
    ) -> Result<(), Errno> {
        let flags = EventfdFlags::from_bits(arg.flags).ok_or(Errno::EINVAL)?;
        self.deny(Rule::PadZero, arg.pad != 0, Errno::EINVAL)?;
        let syncobj = self.syncobj(id, arg.handle)?;
        let eventfd = File::from(caller.descriptor(arg.fd)?);
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

impl Wait {
    /// # Errors
    /// `EINVAL` if a point has no fence and the flags do not allow to wait for one.
    pub(super) fn new(
        entries: impl Iterator<Item = (Rc<Syncobj>, u64)>,
        flags: WaitFlags,
        timeout: i64,
        first_at: usize,
    ) -> Result<Self, Errno> {
        let patient = flags.intersects(WaitFlags::FOR_SUBMIT | WaitFlags::AVAILABLE);
        let entries = entries.map(|(syncobj, point)| {
            let found = syncobj.find(point);
            if found.is_none() && !patient {
                return Err(Errno::EINVAL);
            }
            Ok((syncobj, point, found))
        });
        Ok(Self {
            entries: entries.collect::<Result<_, _>>()?,
            flags,
            timeout,
            first_at,
        })
    }
}
