//! The device a verb looks at.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use xdna_driver::{Device, Error, Found};
use xdna_terminal::exit::no_device;

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
    let nodes: Vec<_> = all.iter().map(|found| found.node.clone()).collect();
    let chosen = choose(&nodes, number)?;
    all.into_iter().nth(chosen).context("the NPU went away")
}

/// The place among `nodes` of the one with this number, or of the first.
fn choose(nodes: &[PathBuf], number: Option<u32>) -> anyhow::Result<usize> {
    if nodes.is_empty() {
        return Err(no_device(
            "no NPU with a driver in /sys/class/accel; `xdna doctor` finds out why",
        ));
    }
    let Some(n) = number else {
        return Ok(0);
    };
    let wanted = format!("accel{n}");
    let found = nodes.iter().position(|node| node.ends_with(&wanted));
    found.ok_or_else(|| {
        let names: Vec<_> = nodes.iter().map(|node| node.display().to_string()).collect();
        no_device(format!("--device {n}: there is {} alone", names.join(", ")))
    })
}

/// Whether the device stands in for one: `xdna sim` leaves its mark among the mounts of the programs it runs.
pub(crate) fn is_simulated() -> bool {
    fs::read_to_string("/proc/self/mountinfo").is_ok_and(|mounts| mounts.contains(SIMULATOR_MOUNT))
}

#[cfg(test)]
mod tests {
    use xdna_terminal::Exit;

    use super::*;

    #[test]
    fn of_several_the_number_chooses_and_the_first_is_the_default() {
        let all: Vec<PathBuf> = ["/dev/accel/accel1", "/dev/accel/accel10"]
            .map(PathBuf::from)
            .into();
        let chosen = |number| choose(&all, number);
        assert_eq!(chosen(None).unwrap(), 0);
        assert_eq!(chosen(Some(1)).unwrap(), 0);
        assert_eq!(chosen(Some(10)).unwrap(), 1);
        let error = chosen(Some(0)).unwrap_err();
        assert_eq!(Exit::of(&error), Exit::NoDevice);
        assert_eq!(
            error.to_string(),
            "--device 0: there is /dev/accel/accel1, /dev/accel/accel10 alone"
        );
        assert_eq!(Exit::of(&choose(&[], None).unwrap_err()), Exit::NoDevice);
    }
}
