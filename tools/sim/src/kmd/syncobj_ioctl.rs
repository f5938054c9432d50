//! The ioctls of synchronisation objects.

use std::rc::Rc;

use nix::errno::Errno;
use xdna_uapi as uapi;
use xdna_uapi::flags::{QueryFlags, SyncobjCreateFlags};

use super::Kmd;
use super::caller::{Caller, read_user_vec, write_user};
use super::client::ClientId;
use super::fence::Fence;
use super::syncobj::Syncobj;
use crate::profile::Rule;

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

    pub(super) fn syncobj(&mut self, id: ClientId, handle: u32) -> Result<Rc<Syncobj>, Errno> {
        self.client(id)?.syncobj(handle).cloned().ok_or(Errno::ENOENT)
    }

    pub(super) fn syncobjs(
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
}
