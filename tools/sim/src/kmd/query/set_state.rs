//! SET_STATE.

use nix::errno::Errno;
use xdna_uapi as uapi;

use super::dpt::Stream;
use crate::kmd::caller::{Caller, read_user};
use crate::kmd::{ClientId, Kmd, Outcome};
use crate::profile::{Level, Rule};

impl Kmd {
    pub(in crate::kmd) fn set_state(
        &mut self,
        _id: ClientId,
        caller: &dyn Caller,
        arg: &uapi::amdxdna_drm_set_state,
    ) -> Result<Outcome, Errno> {
        let ready = self.wake(caller)?;
        match arg.param {
            uapi::DRM_AMDXDNA_SET_POWER_MODE => {
                let mode: uapi::amdxdna_drm_set_power_mode = read_user(&*caller.memory(), arg.buffer)?;
                self.set_power_mode(mode)?;
            }
            uapi::DRM_AMDXDNA_SET_FORCE_PREEMPT => {
                self.since(Level::L6)?;
                self.force_preempt = self.attribute(caller, arg.buffer)?;
            }
            uapi::DRM_AMDXDNA_SET_FRAME_BOUNDARY_PREEMPT => {
                self.since(Level::L6)?;
                self.frame_preempt = self.attribute(caller, arg.buffer)?;
            }
            uapi::newer::SET_FW_LOG => self.set_dpt(caller, arg, Stream::Log)?,
            uapi::newer::SET_FW_TRACE => self.set_dpt(caller, arg, Stream::Trace)?,
            uapi::newer::AIE_TILE_WRITE => self.write_tile(caller, arg)?,
            uapi::newer::SET_AUTO_COREDUMP if self.dumps_by_itself() => {
                let on = self.attribute(caller, arg.buffer)?;
                self.set_auto_coredump(on);
            }
            _ => return Err(Errno::EOPNOTSUPP),
        }
        Ok(self.after(ready))
    }

    fn set_power_mode(&mut self, mode: uapi::amdxdna_drm_set_power_mode) -> Result<(), Errno> {
        let known = u32::from(mode.power_mode) <= uapi::POWER_MODE_TURBO;
        self.deny(Rule::PowerMode, mode.pad != [0; 7] || !known, Errno::EINVAL)?;
        if mode.power_mode == self.power_mode {
            return Ok(());
        }
        let live = self.clients.values().any(|c| !c.contexts.is_empty());
        match u32::from(mode.power_mode) {
            uapi::POWER_MODE_TURBO => self.deny(Rule::PowerTurbo, live, Errno::EINVAL)?,
            uapi::POWER_MODE_LOW | uapi::POWER_MODE_MEDIUM => self.since(Level::L10)?,
            _ => {}
        }
        self.power_mode = mode.power_mode;
        Ok(())
    }

    fn attribute(&self, caller: &dyn Caller, buffer: u64) -> Result<u8, Errno> {
        let wanted: uapi::amdxdna_drm_attribute_state = read_user(&*caller.memory(), buffer)?;
        self.deny(
            Rule::PreemptState,
            wanted.state > 1 || wanted.pad != [0; 7],
            Errno::EINVAL,
        )?;
        Ok(wanted.state)
    }
}
