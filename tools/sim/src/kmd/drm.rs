//! VERSION and GET_CAP.

use nix::errno::Errno;
use xdna_uapi as uapi;

use super::Kmd;
use super::caller::Caller;

const DESCRIPTION: &str = "AMD XDNA DRM implementation";
const DATE: &str = "0";
/// `DRM_CAP_TIMESTAMP_MONOTONIC` of `drm.h`.
const TIMESTAMP_MONOTONIC: u32 = 6;

impl Kmd {
    pub(super) fn version(&mut self, caller: &dyn Caller, arg: &mut uapi::VersionWire) -> Result<(), Errno> {
        (arg.version_major, arg.version_minor) = self.profile.kernel.version();
        arg.version_patchlevel = 0;
        let memory = caller.memory();
        let copy = |len: &mut u64, at: u64, text: &str| {
            let room = (*len).min(text.len() as u64) as usize;
            *len = text.len() as u64;
            if room > 0 && at != 0 {
                memory.write(at, &text.as_bytes()[..room])
            } else {
                Ok(())
            }
        };
        copy(&mut arg.name_len, arg.name, uapi::DRIVER_NAME)?;
        copy(&mut arg.date_len, arg.date, DATE)?;
        copy(&mut arg.desc_len, arg.desc, DESCRIPTION)
    }

    pub(super) fn get_cap(&mut self, arg: &mut uapi::drm_get_cap) -> Result<(), Errno> {
        arg.value = 0;
        arg.value = match u32::try_from(arg.capability) {
            Ok(TIMESTAMP_MONOTONIC) => 1,
            Ok(uapi::DRM_CAP_PRIME) => u64::from(uapi::DRM_PRIME_CAP_IMPORT | uapi::DRM_PRIME_CAP_EXPORT),
            Ok(uapi::DRM_CAP_SYNCOBJ | uapi::DRM_CAP_SYNCOBJ_TIMELINE) => 1,
            // The others are of drivers with a display; unknown ones are told no sooner.
            _ => return Err(Errno::EOPNOTSUPP),
        };
        Ok(())
    }
}
