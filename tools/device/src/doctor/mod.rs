//! `xdna doctor`: finds out why the NPU does not work, and says what to type.

mod facts;
mod finding;
mod kernel_log;
mod live;
mod modules;
mod npu;
mod root;
mod rules;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use xdna_terminal::exit::no_device;
use xdna_terminal::{Exit, Out, Table};

use crate::reported::Reported;
use crate::show::{self, View};
use crate::target::is_simulated;
use facts::Facts;
use finding::{Finding, Severity};
use live::Live;
use root::Root;

#[derive(Args, Debug)]
#[command(after_help = "\
Exit code: 0 nothing wrong, 3 the NPU can't be used, 4 it can, with findings.

Another machine is examined by a copy of what is looked at, made there by the user who has the problem:
  (dir=$PWD/copy; mkdir -p \"$dir/dev\" \"$dir/var/log\"; cd /
  cp -rP --parents proc/cmdline proc/cpuinfo proc/config.gz proc/sys/kernel/osrelease \\
    proc/self/status proc/self/limits etc/group etc/modprobe.d run/modprobe.d lib/modprobe.d \\
    lib/modules/$(uname -r)/modules.dep lib/modules/$(uname -r)/modules.builtin \\
    lib/modules/$(uname -r)/config boot/config-$(uname -r) lib/firmware/amdnpu \\
    lib/firmware/updates/amdnpu sys/class/iommu sys/module/amdxdna/taint \\
    sys/class/accel/*/device/driver run/systemd/container run/.containerenv .dockerenv \"$dir\"
  for d in sys/bus/pci/devices/*; do
    cp -rP --parents $d/vendor $d/device $d/revision $d/driver $d/accel \\
      $d/iommu_group/type $d/power/runtime_status \"$dir\"
  done
  stat -c '%a %u %g %n' dev/accel/* > \"$dir/dev/accel.list\"
  sudo dmesg > \"$dir/var/log/dmesg\")
What is not there is complained of, which does no harm. Then, here or anywhere else:
  xdna doctor --sysroot copy")]
pub struct Doctor {
    /// Examine a copy of another machine's files instead of this one
    #[arg(long, value_name = "DIR")]
    sysroot: Option<PathBuf>,
    /// NPU to examine, by the number in /dev/accel/accelN [default: the first]
    #[arg(long, value_name = "N")]
    device: Option<u32>,
    /// Print one JSON object, schema xdna.doctor/1
    #[arg(long)]
    json: bool,
}

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Diagnosis {
    kernel: Option<String>,
    processor: Option<String>,
    npus: Vec<Npu>,
    /// The NPU is, the rest of the machine is not.
    simulated: bool,
    findings: Vec<Finding>,
    /// What could not be looked at.
    unexamined: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Npu {
    pci_address: String,
    name: String,
    driver: Option<String>,
    node: Option<String>,
    /// Files that its firmware may be loaded from.
    firmware_files: Vec<String>,
}

/// Examines the machine, or a copy of one.
pub(crate) fn run(args: &Doctor, out: &mut Out) -> anyhow::Result<Exit> {
    let diagnosis = diagnose(args.sysroot.clone(), args.device)?;
    show::print(&diagnosis, args.json, out)?;
    Ok(diagnosis.exit())
}

/// Examines this machine, or the copy of one in `sysroot`; of several NPUs the one with this number, or the first.
pub(crate) fn diagnose(sysroot: Option<PathBuf>, number: Option<u32>) -> anyhow::Result<Diagnosis> {
    let root = match sysroot {
        None => Root::live(),
        Some(dir) => {
            let name = dir.display().to_string();
            Root::copy(dir).with_context(|| name)?
        }
    };
    let mut facts = Facts::gather(&root);
    if let Some(number) = number {
        let at = facts.npus.iter().position(|npu| npu.accel == Some(number));
        let at =
            at.ok_or_else(|| no_device(format!("--device {number}: no NPU is /dev/accel/accel{number}")))?;
        facts.npus.swap(0, at);
    }
    let live = (root.is_live() && !facts.npus.is_empty()).then(|| Live::probe(&facts));
    let findings = rules::all(&facts, live.as_ref());
    let npus = facts.npus.iter().map(|npu| Npu {
        pci_address: npu.address.clone(),
        name: npu.name(),
        driver: npu.driver.clone(),
        node: npu.accel.map(|n| format!("/dev/accel/accel{n}")),
        firmware_files: npu
            .firmware
            .iter()
            .map(|name| format!("{}/{name}", npu.firmware_dir))
            .collect(),
    });
    Ok(Diagnosis {
        npus: npus.collect(),
        simulated: root.is_live() && is_simulated(),
        kernel: facts.release.clone(),
        processor: facts.cpu.name.clone(),
        findings,
        unexamined: facts.unexamined(),
    })
}

/// The driver's lines of this machine's kernel log.
pub(crate) fn driver_log() -> Reported<Vec<String>> {
    kernel_log::read(&Root::live())
}

impl Diagnosis {
    /// Release of the kernel.
    pub(crate) fn kernel(&self) -> Option<&str> {
        self.kernel.as_deref()
    }

    /// Name of the processor.
    pub(crate) fn processor(&self) -> Option<&str> {
        self.processor.as_deref()
    }

    fn exit(&self) -> Exit {
        let worst = self.findings.iter().map(|f| f.severity).max();
        match worst {
            Some(Severity::Blocks) => Exit::NoDevice,
            Some(Severity::Warns) => Exit::Degraded,
            Some(Severity::Note) | None => Exit::Done,
        }
    }
}

impl View for Diagnosis {
    const SCHEMA: &'static str = "xdna.doctor/1";

    fn text(&self) -> String {
        let mut table = Table::untitled();
        let unknown = || "not known".to_owned();
        table.pair("kernel", self.kernel.clone().unwrap_or_else(unknown));
        table.pair("processor", self.processor.clone().unwrap_or_else(unknown));
        for npu in &self.npus {
            let driver = npu.driver.as_deref().unwrap_or("no driver");
            let node = npu.node.as_deref().unwrap_or("no device node");
            let simulated = if self.simulated { ", simulated" } else { "" };
            table.pair(
                "NPU",
                format!("{} at {}, {driver}, {node}{simulated}", npu.name, npu.pci_address),
            );
        }
        let findings: String = self.findings.iter().map(|f| format!("\n{}", f.text())).collect();
        let unexamined = match &self.unexamined[..] {
            [] => String::new(),
            list => format!("\nnot looked at: {}\n", list.join(", ")),
        };
        let verdict = match self.exit() {
            Exit::NoDevice => "The NPU can't be used.",
            Exit::Degraded => "The NPU can be used, with the findings above.",
            _ if self.unexamined.is_empty() => "Nothing is wrong.",
            _ => "Nothing is wrong with what was looked at.",
        };
        format!("{table}{findings}{unexamined}\n{verdict}\n")
    }
}
