//! GET_BO_INFO, SYNC_BO, GEM_CLOSE and mmap of buffer objects.

use std::rc::Rc;

use nix::errno::Errno;
use xdna_uapi as uapi;

use super::Kmd;
use super::bo::{Bo, Kind, Place};
use super::caller::{Caller, Region};
use super::client::{ClientId, PendingMap};
use super::store::{FIRST_OFFSET, PAGE};
use crate::profile::{AddressMode, Kernel, Level, Rule};

/// An offset that no buffer has.
const NO_OFFSET: u64 = 1 << 45;
const INVALID: u64 = uapi::AMDXDNA_INVALID_ADDR;

/// An mmap call on the node's descriptor.
#[derive(Clone, Copy, Debug)]
pub struct MapRequest {
    /// Offset in the file.
    pub offset: u64,
    /// Bytes wanted.
    pub len: u64,
    /// True for MAP_PRIVATE.
    pub private: bool,
}

/// How often an mmap is looked for before it counts as failed.
const LOOKS: u32 = 1000;

impl Kmd {
    pub(super) fn get_bo_info(
        &mut self,
        id: ClientId,
        caller: &dyn Caller,
        arg: &mut uapi::amdxdna_drm_get_bo_info,
    ) -> Result<(), Errno> {
        self.deny(Rule::ExtZero, arg.ext != 0 || arg.ext_flags != 0, Errno::EINVAL)?;
        let pad = arg.pad != 0 && self.profile.kernel >= Kernel::V6_16;
        self.deny(Rule::PadZero, pad, Errno::EINVAL)?;
        let bo = self.client(id)?.bo(arg.handle)?.clone();
        self.refresh(&bo, caller);
        arg.map_offset = match (&bo.place, self.profile.kernel.level()) {
            // The offset of user-pointer buffers exists but maps nothing here.
            (Place::User { .. }, _) => NO_OFFSET,
            _ => bo.map_offset().unwrap_or(INVALID),
        };
        arg.vaddr = bo.user_address().unwrap_or(INVALID);
        arg.xdna_addr = self.device_address(&bo).unwrap_or(INVALID);
        Ok(())
    }

    /// The device address a client is told.
    fn device_address(&self, bo: &Bo) -> Option<u64> {
        match (&bo.place, bo.kind) {
            (Place::Dev(range), _) => Some(range.address()),
            (Place::File { at, .. }, Kind::Heap) => Some(uapi::DEV_HEAP_BASE + at),
            (Place::User { .. }, _) => bo.iova,
            _ if bo.iova.is_some() => bo.iova,
            _ if self.profile.kernel >= Kernel::V7_1 => bo.user_address(),
            _ => None,
        }
    }

    /// Forgets the address of a mapping that is gone, where the kernel does.
    fn refresh(&self, bo: &Bo, caller: &dyn Caller) {
        let forgets = match self.profile.mode {
            AddressMode::Sva => self.profile.kernel >= Kernel::V7_1,
            _ => self.profile.kernel == Kernel::V7_1,
        };
        let (Some(offset), Some(address)) = (bo.map_offset(), bo.user_address()) else {
            return;
        };
        if forgets && !mapped_at(&caller.memory().regions(), offset).contains(&address) {
            bo.set_user_address(None);
        }
    }

    pub(super) fn sync_bo(&mut self, id: ClientId, arg: &uapi::amdxdna_drm_sync_bo) -> Result<(), Errno> {
        let kernel = self.profile.kernel;
        let bo = self.client(id)?.bo(arg.handle)?.clone();
        let end = arg.offset.checked_add(arg.size);
        if kernel == Kernel::V6_14 {
            self.deny(Rule::SyncCmd, bo.kind == Kind::Cmd, Errno::EOPNOTSUPP)?;
        }
        let foreign = bo.imported || matches!(bo.place, Place::User { .. });
        if kernel >= Kernel::V7_2 && kernel != Kernel::Oot {
            self.deny(
                Rule::SyncRange,
                arg.offset >= bo.size || end.is_none(),
                Errno::EINVAL,
            )?;
            self.deny(Rule::SyncForeign, foreign, Errno::EOPNOTSUPP)?;
        }
        if kernel == Kernel::Oot {
            self.deny(Rule::SyncRange, end.is_none_or(|e| e > bo.size), Errno::EINVAL)?;
        }
        self.flush(id, &bo, arg.offset, arg.size)?;
        let from = arg.direction == uapi::SYNC_DIRECT_FROM_DEVICE;
        if from && kernel >= Kernel::V6_19 && kernel != Kernel::Oot {
            match bo.debug_of.get() {
                Some(context) => self.debug_operation(id, context)?,
                None => self.deny(Rule::SyncFromDevice, true, Errno::EINVAL)?,
            }
        }
        Ok(())
    }

    pub(super) fn gem_close(&mut self, id: ClientId, arg: &uapi::drm_gem_close) -> Result<(), Errno> {
        let bo = self.client(id)?.bos.remove(arg.handle).ok_or(Errno::EINVAL)?;
        self.discard(id, bo);
        Ok(())
    }

    /// Checks an mmap of the node's descriptor; on success the kernel carries it out.
    ///
    /// # Errors
    /// What the driver's mmap says.
    pub fn mmap(&mut self, id: ClientId, caller: &dyn Caller, map: &MapRequest) -> Result<(), Errno> {
        let result = self.check_mmap(id, caller, map);
        if self.trace.is_on() {
            let answer = result.map(|()| 0);
            self.trace
                .call(caller.thread(), id, "mmap", &format!("{map:?}"), &answer, "");
        }
        result
    }

    fn check_mmap(&mut self, id: ClientId, caller: &dyn Caller, map: &MapRequest) -> Result<(), Errno> {
        self.settle(id)?;
        let low = if self.profile.kernel.level() >= Level::L10 {
            Errno::EOPNOTSUPP
        } else {
            Errno::EINVAL
        };
        self.deny(Rule::MapOffset, map.offset < FIRST_OFFSET, low)?;
        if map.offset == NO_OFFSET && self.profile.kernel <= Kernel::V7_0 {
            log::warn!("mmap of a user-pointer buffer is not modelled: its pages are the process's own");
            return Err(Errno::EOPNOTSUPP);
        }
        let here = self
            .client(id)?
            .bos
            .iter()
            .find_map(|(_, b)| within(b, map.offset).map(|at| (b.clone(), at)));
        let Some((bo, at)) = here else {
            let elsewhere = self
                .clients
                .values()
                .any(|c| c.bos.iter().any(|(_, b)| within(b, map.offset).is_some()));
            self.deny(Rule::MapOwner, elsewhere, Errno::EACCES)?;
            return Err(Errno::EINVAL);
        };
        let len = map.len.checked_next_multiple_of(PAGE).ok_or(Errno::EINVAL)?;
        let too_long = len > bo.size;
        self.deny(Rule::MapLength, at != 0 || too_long, Errno::EINVAL)?;
        self.deny(Rule::MapPrivate, map.private, Errno::EINVAL)?;
        let again = bo.was_mapped() && self.profile.kernel == Kernel::V6_14;
        self.deny(Rule::MapTwice, again, Errno::EEXIST)?;
        bo.count_mapping();
        let offset = bo.map_offset().unwrap_or(INVALID);
        let memory = caller.memory();
        let before = mapped_at(&memory.regions(), offset);
        self.client(id)?.pending_maps.push(PendingMap {
            bo: Rc::downgrade(&bo),
            memory,
            before,
            looks: 0,
        });
        Ok(())
    }

    /// Finds out where the mmaps of all clients ended up, before one of them may go away.
    pub fn settle_all(&mut self) {
        for id in self.clients() {
            // The client was there just now.
            let _ = self.settle(id);
        }
    }

    /// Finds out where allowed mmaps ended up.
    pub(super) fn settle(&mut self, id: ClientId) -> Result<(), Errno> {
        let latest_counts = self.profile.mode != AddressMode::Sva && self.profile.kernel >= Kernel::V7_2;
        let client = self.client(id)?;

        for mut pending in std::mem::take(&mut client.pending_maps) {
            let Some(bo) = pending.bo.upgrade() else { continue };
            let Some(offset) = bo.map_offset() else { continue };
            let now = mapped_at(&pending.memory.regions(), offset);
            // Its thread has not come to it yet, or it failed: another thread's call is what made us look.
            if now.is_empty() && pending.looks < LOOKS {
                pending.looks += 1;
                client.pending_maps.push(pending);
                continue;
            }
            // A MAP_FIXED over the old place leaves nothing new; the old address is then the new one.
            let fresh = now.iter().find(|a| !pending.before.contains(a)).or(now.last());
            if let Some(&address) = fresh
                && (bo.user_address().is_none() || latest_counts)
            {
                bo.set_user_address(Some(address));
            }
        }
        Ok(())
    }
}

/// Addresses where `regions` map offset `offset` of the device's file.
fn mapped_at(regions: &[Region], offset: u64) -> Vec<u64> {
    let at = |r: &Region| {
        let from = r.device_offset?;
        let inside = from <= offset && offset < from + (r.end - r.start);
        inside.then(|| r.start + (offset - from))
    };
    regions.iter().filter_map(at).collect()
}

/// How far into `bo` the offset of an mmap lies.
fn within(bo: &Bo, offset: u64) -> Option<u64> {
    let from = bo.map_offset()?;
    offset.checked_sub(from).filter(|&at| at < bo.size)
}
