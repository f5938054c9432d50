//! The device a verb looks at.

use std::fs;

use xdna_driver::{Device, Error, Found};
use xdna_terminal::exit::{no_device, usage};

use crate::Common;

/// What the simulator leaves in a process's mount table: the file system that holds its node and sysfs files.
const SIMULATOR_MOUNT: &str = " - tmpfs xdna-sim ";

/// An open NPU.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) device: Device,
}

impl Target {
    /// The device that `--device` names, or the first.
    pub(crate) fn open(common: Common) -> anyhow::Result<Self> {
        let found = find(common.device)?;
        let device = found.open().map_err(|e| match e {
            Error::Open { .. } | Error::NoDevice { .. } | Error::OtherDriver { .. } => {
                no_device(format!("{e}; `xdna doctor` finds out why"))
            }
            e => e.into(),
        })?;
        Ok(Self { device })
    }
}

/// The NPU with this number in its node's name, or the first.
pub(crate) fn find(number: Option<u32>) -> anyhow::Result<Found> {
    let all = xdna_driver::find()?;
    let names = || {
        let names: Vec<_> = all.iter().map(|found| found.node.display().to_string()).collect();
        names.join(", ")
    };
    match number {
        _ if all.is_empty() => Err(no_device(
            "no NPU with a driver in /sys/class/accel; `xdna doctor` finds out why",
        )),
        None => Ok(all[0].clone()),
        Some(n) => {
            let wanted = format!("accel{n}");
            let found = all.iter().find(|found| found.node.ends_with(&wanted));
            found
                .cloned()
                .ok_or_else(|| usage(format!("--device {n}: there is {} alone", names())))
        }
    }
}

/// Whether the device stands in for one: `xdna sim` leaves its mark among the mounts of the programs it runs.
pub(crate) fn is_simulated() -> bool {
    fs::read_to_string("/proc/self/mountinfo").is_ok_and(|mounts| mounts.contains(SIMULATOR_MOUNT))
}
