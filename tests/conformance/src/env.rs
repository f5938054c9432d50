//! What every check is told.

use crate::axes::{Node, Profile, When};
use crate::check::Fail;

/// The device under test and what is known about it.
#[derive(Clone, Debug)]
pub struct Env {
    /// The node and its sysfs directory.
    pub node: Node,
    /// The profiles that are still possible.
    pub profiles: Vec<Profile>,
    /// Commands may be handed to the firmware.
    pub run: bool,
    /// Commands may hang the firmware until the driver's timeout.
    pub hang: bool,
    /// Checks may take many seconds.
    pub slow: bool,
    /// Device state may be changed (and restored): SET_STATE as root.
    pub change: bool,
}

impl Env {
    /// True if `when` holds whatever the unknown axes are.
    pub fn sure(&self, when: When) -> bool {
        !self.profiles.is_empty() && self.profiles.iter().all(|profile| when.holds(profile))
    }

    /// Goes on only if `when` holds whatever the unknown axes are.
    ///
    /// # Errors
    /// [`Fail::Needs`] `what`.
    pub fn only(&self, when: When, what: &'static str) -> Result<(), Fail> {
        if self.sure(when) {
            Ok(())
        } else {
            Err(Fail::Needs(what))
        }
    }

    /// Goes on only if commands may be handed to the firmware.
    ///
    /// # Errors
    /// [`Fail::Needs`].
    pub fn may_run(&self) -> Result<(), Fail> {
        if self.run {
            Ok(())
        } else {
            Err(Fail::Needs("--run (hands a command to the firmware)"))
        }
    }

    /// Goes on only if a command may hang.
    ///
    /// # Errors
    /// [`Fail::Needs`].
    pub fn may_hang(&self) -> Result<(), Fail> {
        if self.hang {
            Ok(())
        } else {
            Err(Fail::Needs(
                "--hang (a command that never ends, until the driver's timeout)",
            ))
        }
    }

    /// Goes on only if there is time to idle.
    ///
    /// # Errors
    /// [`Fail::Needs`].
    pub fn may_idle(&self) -> Result<(), Fail> {
        if self.slow {
            Ok(())
        } else {
            Err(Fail::Needs("--slow (idles 16 s)"))
        }
    }

    /// Goes on only if device state may be changed, which SET_STATE allows root alone.
    ///
    /// # Errors
    /// [`Fail::Needs`].
    pub fn may_change(&self) -> Result<(), Fail> {
        self.only(When::Admin, "root")?;
        if self.change {
            Ok(())
        } else {
            Err(Fail::Needs(
                "--change (switches power mode and preemption, restores them)",
            ))
        }
    }

    /// Goes on only if a kernel warning is harmless on this machine.
    ///
    /// # Errors
    /// [`Fail::Needs`] when the kernel stops the machine at a warning, or does not say.
    pub fn may_warn(&self) -> Result<(), Fail> {
        match std::fs::read_to_string("/proc/sys/kernel/panic_on_warn") {
            Ok(text) if text.trim() == "0" => Ok(()),
            _ => Err(Fail::Needs(
                "panic_on_warn off (makes the kernel print a warning)",
            )),
        }
    }

    /// Rows of core tiles: 4 on every device of section 11.
    pub const CORE_ROWS: u32 = 4;

    /// Columns of the array; the smallest of the devices that are possible.
    pub fn columns(&self) -> u32 {
        self.profiles
            .iter()
            .map(|profile| profile.device.columns())
            .min()
            .unwrap_or(5)
    }

    /// The device, if it is known (npu4, npu5 and npu6 count as one).
    ///
    /// # Errors
    /// [`Fail::Needs`].
    pub fn xdna2(&self) -> Result<bool, Fail> {
        match (self.sure(When::Xdna2), self.sure(When::Not(&When::Xdna2))) {
            (true, _) => Ok(true),
            (_, true) => Ok(false),
            _ => Err(Fail::Needs("--device")),
        }
    }
}
