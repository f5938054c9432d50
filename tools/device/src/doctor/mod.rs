//! `xdna doctor`: finds out why the NPU does not work, and says what to type.

mod facts;
mod finding;
mod kernel_log;
mod live;
mod modules;
mod npu;
mod rules;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use xdna_terminal::{Exit, Out, Table};

use crate::reported::Reported;
use crate::show::{self, View};
use facts::{Facts, Root};
use finding::{Finding, Severity};
use live::Live;

#[derive(Args, Debug)]
#[command(after_help = "\
Exit code: 0 nothing wrong, 3 the NPU can't be used, 4 it can, with findings.

For another machine, copy what is looked at and pass the copy (as the user who has the problem):
  mkdir copy && cd copy && (cd / && tar -ch --ignore-failed-read \\
      proc/{cmdline,cpuinfo,sys/kernel/osrelease,self/status,self/limits} etc/{modprobe.d,group} \\
      lib/modules/$(uname -r)/modules.{dep,builtin} boot/config-$(uname -r) lib/firmware/amdnpu) | tar -x
  (cd / && find sys/bus/pci/devices/*/ -maxdepth 1 \\( -name vendor -o -name device -o -name revision \\
      -o -name driver -o -name accel \\) | tar -c -T -) | tar -x; sudo dmesg > var/log/dmesg
  xdna doctor --sysroot copy")]
pub struct Doctor {
    /// Examine a copy of another machine's files instead of this one
    #[arg(long, value_name = "DIR")]
    sysroot: Option<PathBuf>,
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
    findings: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct Npu {
    pci_address: String,
    name: String,
    driver: Option<String>,
    node: Option<String>,
}

/// Examines the machine, or a copy of one.
pub(crate) fn run(args: &Doctor, out: &mut Out) -> anyhow::Result<Exit> {
    let diagnosis = diagnose(args.sysroot.clone())?;
    show::print(&diagnosis, args.json, out)?;
    Ok(diagnosis.exit())
}

/// Examines this machine, or the copy of one in `sysroot`.
pub(crate) fn diagnose(sysroot: Option<PathBuf>) -> anyhow::Result<Diagnosis> {
    if let Some(dir) = &sysroot {
        // A mistyped directory would look like a machine without anything.
        anyhow::ensure!(dir.is_dir(), "{}: no such directory", dir.display());
    }
    let is_live = sysroot.is_none();
    let facts = Facts::gather(&Root::new(sysroot));
    let live = (is_live && !facts.npus.is_empty()).then(|| Live::probe(&facts));
    let findings = rules::all(&facts, live.as_ref());
    let npus = facts.npus.iter().map(|npu| Npu {
        pci_address: npu.address.clone(),
        name: npu.name(),
        driver: npu.driver.clone(),
        node: npu.accel.map(|n| format!("/dev/accel/accel{n}")),
    });
    Ok(Diagnosis {
        npus: npus.collect(),
        kernel: facts.release.clone(),
        processor: facts.cpu.name.clone(),
        findings,
    })
}

/// The driver's lines of this machine's kernel log.
pub(crate) fn driver_log() -> Reported<Vec<String>> {
    kernel_log::read(&Root::new(None))
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
            table.pair(
                "NPU",
                format!("{} at {}, {driver}, {node}", npu.name, npu.pci_address),
            );
        }
        let findings: String = self.findings.iter().map(|f| format!("\n{}", f.text())).collect();
        let verdict = match self.exit() {
            Exit::NoDevice => "The NPU can't be used.",
            Exit::Degraded => "The NPU can be used, with the findings above.",
            _ => "Nothing is wrong.",
        };
        format!("{table}{findings}\n{verdict}\n")
    }
}
