//! GET_BO_INFO, SYNC_BO and GEM_CLOSE.

use nix::errno::Errno;
use xdna_uapi as uapi;

use super::Kmd;
use super::bo::{Bo, Kind, Place};
use super::caller::Caller;
use super::client::ClientId;
use super::mmap::mapped_at;
use crate::profile::{AddressMode, Kernel, Rule};

const INVALID: u64 = uapi::AMDXDNA_INVALID_ADDR;

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
        arg.map_offset = bo.map_offset().unwrap_or(INVALID);
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
}
