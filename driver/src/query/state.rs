//! States of the device: read by anybody, changed by root.

use xdna_uapi as uapi;
use zerocopy::IntoBytes;

use crate::device::Device;
use crate::error::Error;
use crate::sys;
use crate::sys::npu::Switch;

/// Power mode of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PowerMode {
    /// The clock that the contexts' QoS asks for.
    Default,
    /// The lowest clock; Linux 7.2.
    Low,
    /// Half of the top level; Linux 7.2.
    Medium,
    /// The top clock.
    High,
    /// The top clock, never gated.
    Turbo,
    /// A number this crate does not know.
    Other(u8),
}

const MODES: [(uapi::amdxdna_power_mode_type, PowerMode); 5] = [
    (uapi::POWER_MODE_DEFAULT, PowerMode::Default),
    (uapi::POWER_MODE_LOW, PowerMode::Low),
    (uapi::POWER_MODE_MEDIUM, PowerMode::Medium),
    (uapi::POWER_MODE_HIGH, PowerMode::High),
    (uapi::POWER_MODE_TURBO, PowerMode::Turbo),
];

impl From<u8> for PowerMode {
    fn from(raw: u8) -> Self {
        let known = MODES.iter().find(|(number, _)| *number == u32::from(raw));
        known.map_or(PowerMode::Other(raw), |(_, mode)| *mode)
    }
}

impl From<PowerMode> for u8 {
    fn from(mode: PowerMode) -> Self {
        match mode {
            PowerMode::Other(raw) => raw,
            mode => MODES
                .iter()
                .position(|(_, known)| *known == mode)
                .map_or(u8::MAX, |i| MODES[i].0 as u8),
        }
    }
}

impl Device {
    /// The power mode.
    ///
    /// # Errors
    /// What the driver answers.
    pub fn power_mode(&self) -> Result<PowerMode, Error> {
        let raw: uapi::amdxdna_drm_get_power_mode = self.fact()?;
        Ok(raw.power_mode.into())
    }

    /// Sets the power mode of the device, for all processes; root only.
    ///
    /// # Errors
    /// `EACCES`: not root. `EINVAL`: turbo while a context lives. `EOPNOTSUPP`: low or medium before Linux 7.2.
    pub fn set_power_mode(&self, mode: PowerMode) -> Result<(), Error> {
        let raw = uapi::amdxdna_drm_set_power_mode {
            power_mode: mode.into(),
            pad: [0; 7],
        };
        self.set(uapi::DRM_AMDXDNA_SET_POWER_MODE, raw.as_bytes())
    }

    /// Whether new contexts are preempted by force; Linux 6.19 and later.
    ///
    /// # Errors
    /// `EOPNOTSUPP` before.
    pub fn force_preempt(&self) -> Result<bool, Error> {
        self.switch(Switch::ForcePreempt)
    }

    /// Sets whether new contexts are preempted by force; root only, Linux 6.19 and later.
    ///
    /// # Errors
    /// `EACCES`: not root. `EOPNOTSUPP` before.
    pub fn set_force_preempt(&self, on: bool) -> Result<(), Error> {
        self.set_switch(uapi::DRM_AMDXDNA_SET_FORCE_PREEMPT, on)
    }

    /// Whether contexts are preempted between commands; Linux 6.19 and later.
    ///
    /// # Errors
    /// `EOPNOTSUPP` before.
    pub fn frame_boundary_preempt(&self) -> Result<bool, Error> {
        self.switch(Switch::FrameBoundaryPreempt)
    }

    /// Sets whether contexts are preempted between commands; root only, Linux 6.19 and later.
    ///
    /// # Errors
    /// `EACCES`: not root. `EOPNOTSUPP` before.
    pub fn set_frame_boundary_preempt(&self, on: bool) -> Result<(), Error> {
        self.set_switch(uapi::DRM_AMDXDNA_SET_FRAME_BOUNDARY_PREEMPT, on)
    }

    /// Whether a coredump is taken at every timeout; staging drivers.
    ///
    /// # Errors
    /// `EOPNOTSUPP` elsewhere.
    pub fn auto_coredump(&self) -> Result<bool, Error> {
        self.switch(Switch::AutoCoredump)
    }

    /// Sets whether a coredump is taken at every timeout; root only, staging drivers.
    ///
    /// # Errors
    /// `EACCES`: not root. `EOPNOTSUPP` elsewhere.
    pub fn set_auto_coredump(&self, on: bool) -> Result<(), Error> {
        self.set_switch(uapi::newer::SET_AUTO_COREDUMP, on)
    }

    fn switch(&self, switch: Switch) -> Result<bool, Error> {
        let state = sys::npu::switch(self.fd()?, switch).map_err(|e| self.0.explain(e))?;
        Ok(state != 0)
    }

    fn set_switch(&self, param: u32, on: bool) -> Result<(), Error> {
        let raw = uapi::amdxdna_drm_attribute_state {
            state: on.into(),
            pad: [0; 7],
        };
        self.set(param, raw.as_bytes())
    }

    pub(super) fn set(&self, param: u32, value: &[u8]) -> Result<(), Error> {
        sys::npu::set_state(self.fd()?, param, value).map_err(|e| self.0.explain(e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_modes_survive_the_way_through_their_numbers() {
        for raw in 0..=255 {
            assert_eq!(u8::from(PowerMode::from(raw)), raw);
        }
        assert_eq!(PowerMode::from(4), PowerMode::Turbo);
        assert_eq!(PowerMode::from(5), PowerMode::Other(5));
    }
}
