//! What the files of a machine say, this one's or a copy of another one's. No conclusions.

use super::kernel_log;
use super::modules::Modules;
use super::npu::{Npu, npus};
use super::root::Root;
use crate::reported::Reported;

/// Everything known about a machine.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) release: Option<String>,
    pub(crate) cmdline: Vec<String>,
    pub(crate) cpu: Cpu,
    pub(crate) npus: Vec<Npu>,
    pub(crate) modules: Modules,
    pub(crate) has_iommu: bool,
    /// Accelerators: number, PCI driver.
    pub(crate) accelerators: Vec<(u32, Option<String>)>,
    pub(crate) caller: Option<Caller>,
    /// Limit of locked memory in bytes; `None` inside for no limit.
    pub(crate) memlock: Option<Option<u64>>,
    /// The PCI bus was there to be looked at.
    pub(crate) has_bus: bool,
    /// Number of the group `render`, and who is in it.
    pub(crate) render_group: Option<(u32, Vec<String>)>,
    /// The caller's name.
    pub(crate) user: Option<String>,
    /// What kind of container this is in.
    pub(crate) container: Option<String>,
    /// The driver's lines of the kernel log.
    pub(crate) log: Reported<Vec<String>>,
}

/// The processor.
#[derive(Debug, Default)]
pub(crate) struct Cpu {
    pub(crate) name: Option<String>,
    pub(crate) family: u32,
    pub(crate) model: u32,
    pub(crate) is_guest: bool,
}

/// Who has the problem.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) uid: u32,
    pub(crate) groups: Vec<u32>,
    pub(crate) can_override: bool,
    pub(crate) can_lock: bool,
}

impl Facts {
    /// Reads everything; what can't be read is absent.
    pub(crate) fn gather(root: &Root) -> Self {
        let release = root
            .read("proc/sys/kernel/osrelease")
            .map(|r| r.trim().to_owned());
        let cmdline = root.read("proc/cmdline").unwrap_or_default();
        let cmdline: Vec<_> = cmdline.split_whitespace().map(str::to_owned).collect();
        let caller = root.read("proc/self/status").as_deref().and_then(Caller::parse);
        let passwd = root.read("etc/passwd").unwrap_or_default();
        Self {
            has_bus: root.exists("sys/bus/pci/devices"),
            user: caller.as_ref().and_then(|caller| user(&passwd, caller.uid)),
            caller,
            cpu: Cpu::parse(&root.read("proc/cpuinfo").unwrap_or_default()),
            npus: npus(root),
            modules: Modules::gather(root, release.as_deref(), &cmdline),
            has_iommu: !root.names("sys/class/iommu").is_empty(),
            accelerators: accelerators(root),
            memlock: root.read("proc/self/limits").as_deref().and_then(memlock),
            render_group: root.read("etc/group").as_deref().and_then(render_group),
            container: container(root),
            log: kernel_log::read(root),
            release,
            cmdline,
        }
    }

    /// Major and minor version of the kernel.
    pub(crate) fn version(&self) -> Option<(u32, u32)> {
        let mut parts = self.release.as_deref()?.split(['.', '-', '+', '_']);
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }

    /// What could not be looked at, and so is not said to be right.
    pub(crate) fn unexamined(&self) -> Vec<String> {
        let absent = [
            (self.release.is_none(), "the kernel's release"),
            (self.cpu.name.is_none(), "the processor"),
            (!self.has_bus, "the PCI bus"),
            (self.cmdline.is_empty(), "the kernel's command line"),
            (!self.modules.has_directory, "the kernel's modules"),
            (self.caller.is_none(), "the caller's rights"),
            (self.memlock.is_none(), "the limit of locked memory"),
        ];
        let absent = absent.into_iter().filter(|(is_absent, _)| *is_absent);
        let mut all: Vec<_> = absent.map(|(_, what)| what.to_owned()).collect();
        if let Reported::Missing(why) = &self.log {
            all.push(format!("the kernel log ({why})"));
        }
        all
    }

    /// The driver's log lines that contain `text`.
    pub(crate) fn logged(&self, text: &str) -> Vec<String> {
        let lines = self.log.get().map(Vec::as_slice).unwrap_or_default();
        lines.iter().filter(|line| line.contains(text)).cloned().collect()
    }
}

impl Cpu {
    fn parse(text: &str) -> Self {
        let value = |key: &str| {
            let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
            pairs.find(|(k, _)| k.trim() == key).map(|(_, v)| v.trim())
        };
        let number = |key| value(key).and_then(|v| v.parse().ok()).unwrap_or_default();
        Self {
            name: value("model name").map(str::to_owned),
            family: number("cpu family"),
            model: number("model"),
            is_guest: value("flags").is_some_and(|flags| flags.split(' ').any(|f| f == "hypervisor")),
        }
    }

    /// True for processors of a series with an NPU; some models of these series come without.
    pub(crate) fn is_of_npu_series(&self) -> bool {
        let phoenix = self.family == 0x19 && matches!(self.model, 0x74..=0x7f);
        let strix = self.family == 0x1a && matches!(self.model, 0x20..=0x2f | 0x60..=0x6f | 0x70..=0x7f);
        phoenix || strix
    }
}

fn accelerators(root: &Root) -> Vec<(u32, Option<String>)> {
    let names = root.names("sys/class/accel");
    let numbers = names
        .iter()
        .filter_map(|name| Some((name, name.strip_prefix("accel")?.parse().ok()?)));
    numbers
        .map(|(name, number)| {
            (
                number,
                root.link_name(&format!("sys/class/accel/{name}/device/driver")),
            )
        })
        .collect()
}

impl Caller {
    fn parse(status: &str) -> Option<Self> {
        let line = |key: &str| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))
        };
        let numbers = |key| -> Vec<u32> {
            line(key)
                .unwrap_or_default()
                .split_whitespace()
                .filter_map(|n| n.parse().ok())
                .collect()
        };
        let has = |capability| crate::processes::has_capability(status, capability).unwrap_or(false);
        let mut groups = numbers("Groups");
        groups.extend(numbers("Gid").get(1));
        groups.sort_unstable();
        groups.dedup();
        const CAP_DAC_OVERRIDE: u32 = 1;
        const CAP_IPC_LOCK: u32 = 14;
        Some(Self {
            uid: *numbers("Uid").get(1)?,
            groups,
            can_override: has(CAP_DAC_OVERRIDE),
            can_lock: has(CAP_IPC_LOCK),
        })
    }
}

/// The soft limit of locked memory: the first of two numbers.
fn memlock(limits: &str) -> Option<Option<u64>> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max locked memory"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(None),
        number => Some(Some(number.parse().ok()?)),
    }
}

fn render_group(text: &str) -> Option<(u32, Vec<String>)> {
    let line = text.lines().find_map(|line| line.strip_prefix("render:"))?;
    let mut fields = line.split(':').skip(1);
    let number = fields.next()?.parse().ok()?;
    let members = fields.next().unwrap_or_default().split(',');
    Some((number, members.map(|name| name.trim().to_owned()).collect()))
}

/// The name of a user.
fn user(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

fn container(root: &Root) -> Option<String> {
    if let Some(kind) = root.read("run/systemd/container") {
        return Some(kind.trim().to_owned());
    }
    let marks = [("run/.containerenv", "podman"), (".dockerenv", "docker")];
    let mark = marks.iter().find(|(file, _)| root.exists(file));
    mark.map(|(_, kind)| (*kind).to_owned())
}
