//! Other programs that use the NPU, from `/proc`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use xdna_driver::FdInfo;

use crate::reported::{Missing, Reported};

/// The name of a process.
pub(crate) fn name(pid: i64) -> Reported<String> {
    match fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => Reported::Is(xdna_terminal::clean(name.trim_end())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            Reported::Missing(Missing::Failed("no such process here".into()))
        }
        Err(e) => Reported::Missing(Missing::Failed(e.to_string())),
    }
}

/// The capability of changing the device's state.
pub(crate) const CAP_SYS_ADMIN: u32 = 21;

/// Whether the process that `status` (of `/proc/PID/status`) describes has a capability.
pub(crate) fn has_capability(status: &str, capability: u32) -> Option<bool> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    let bits = u64::from_str_radix(line.trim(), 16).ok()?;
    Some(bits & 1 << capability != 0)
}

/// Open descriptors of NPUs, by process.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    /// fdinfo of each open, by process; descriptors of one open count once.
    pub(crate) by_pid: BTreeMap<i64, Vec<FdInfo>>,
    /// Processes that only root may look into.
    pub(crate) hidden: usize,
}

/// True if a descriptor's link in `/proc/PID/fd` can be an NPU's: a node, or the simulator's stand-in for one.
pub(crate) fn may_be_npu(link: &Path) -> bool {
    link.starts_with("/dev/accel") || link.to_string_lossy().starts_with("/memfd:amdxdna")
}

/// Finds everybody who has an NPU open but this process.
pub(crate) fn clients() -> Clients {
    let mut clients = Clients::default();
    let own = i64::from(std::process::id());
    let numbers = |dir: &str| -> std::io::Result<Vec<i64>> {
        let names = fs::read_dir(dir)?.flatten().map(|entry| entry.file_name());
        Ok(names.filter_map(|name| name.to_str()?.parse().ok()).collect())
    };
    for pid in numbers("/proc").unwrap_or_default() {
        let descriptors = match numbers(&format!("/proc/{pid}/fd")) {
            _ if pid == own => continue,
            Ok(descriptors) => descriptors,
            Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
                clients.hidden += 1;
                continue;
            }
            // It ended in between.
            Err(_) => continue,
        };
        for fd in descriptors {
            let Some(info) = info(pid, fd) else { continue };
            let known = clients.by_pid.entry(pid).or_default();
            if info.client_id().is_none() || known.iter().all(|k| k.client_id() != info.client_id()) {
                known.push(info);
            }
        }
    }
    clients
}

fn info(pid: i64, fd: i64) -> Option<FdInfo> {
    let link = fs::read_link(format!("/proc/{pid}/fd/{fd}")).ok()?;
    may_be_npu(&link).then_some(())?;
    let info = FdInfo::parse(&fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).ok()?);
    (info.driver() == Some(xdna_uapi::DRIVER_NAME)).then_some(info)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_bits_of_the_status() {
        let status = "Name:\tx\nCapEff:\t0000000000200000\n";
        assert_eq!(has_capability(status, CAP_SYS_ADMIN), Some(true));
        assert_eq!(has_capability(status, 20), Some(false));
        assert_eq!(has_capability("Name:\tx\n", 20), None);
    }

    #[test]
    fn a_process_that_is_not_there_has_no_name_but_a_reason() {
        assert_eq!(name(i64::MAX).get(), None);
        assert!(name(std::process::id().into()).get().is_some());
    }
}
