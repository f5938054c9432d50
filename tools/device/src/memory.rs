//! `xdna memory`: who holds how much memory of the NPU.

use std::collections::BTreeSet;

use serde::Serialize;
use xdna_driver::{Device, FdInfo};
use xdna_terminal::{Exit, Out, Table, bytes};

use crate::Common;
use crate::processes::{self, Clients};
use crate::reported::{Missing, Notes, Reported};
use crate::show::{self, View};
use crate::target::Target;

/// Linux 7.2: the first whose fdinfo has sizes.
const SIZES: &str = "Linux 7.2";

#[derive(Debug, Serialize)]
struct Memory {
    processes: Vec<Process>,
    /// Processes whose descriptors only root may look at.
    unreadable_processes: usize,
}

/// Memory of one process.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Process {
    pub(crate) pid: i64,
    pub(crate) name: Reported<String>,
    pub(crate) total_bytes: Reported<u64>,
    pub(crate) internal_bytes: Reported<u64>,
    pub(crate) heap_bytes: Reported<u64>,
    clients: Reported<Vec<Client>>,
}

/// What fdinfo tells about one open of the device.
#[derive(Clone, Debug, Serialize)]
struct Client {
    client_id: Reported<u64>,
    pci_address: Reported<String>,
    total_bytes: Reported<u64>,
    shared_bytes: Reported<u64>,
    internal_bytes: Reported<u64>,
    external_bytes: Reported<u64>,
    heap_bytes: Reported<u64>,
}

/// Prints memory by process.
pub(crate) fn run(common: Common, out: &mut Out) -> anyhow::Result<Exit> {
    let target = Target::open(common)?;
    let (processes, unreadable_processes) = list(&target.device)?;
    let view = Memory {
        processes,
        unreadable_processes,
    };
    show::print(&view, common.json, out)?;
    Ok(Exit::Done)
}

/// Memory of every process that has the device open or a context on it, but this one; and how many processes could
/// not be looked into.
pub(crate) fn list(device: &Device) -> anyhow::Result<(Vec<Process>, usize)> {
    let Clients { by_pid, hidden } = processes::clients();
    let address = &device.pci().address;
    let here = |info: &&FdInfo| address.is_empty() || info.pci_address().is_none_or(|a| a == address);
    let mut pids: BTreeSet<i64> = device.contexts()?.iter().map(|c| c.pid).collect();
    pids.extend(
        by_pid
            .iter()
            .filter(|(_, list)| list.iter().any(|i| here(&i)))
            .map(|(pid, _)| *pid),
    );
    let processes = pids.into_iter().map(|pid| {
        let usage = || {
            let pid = u32::try_from(pid).unwrap_or_default();
            Reported::of(device.bo_usage(pid), "Linux 7.1")
        };
        Process {
            pid,
            name: processes::name(pid),
            total_bytes: usage().map(|u| u.total_bytes),
            internal_bytes: usage().map(|u| u.internal_bytes),
            heap_bytes: usage().map(|u| u.heap_bytes),
            clients: match by_pid.get(&pid) {
                Some(list) => Reported::Is(list.iter().filter(here).map(Client::of).collect()),
                None => Reported::Missing(Missing::Root),
            },
        }
    });
    Ok((processes.collect(), hidden))
}

impl Client {
    fn of(info: &FdInfo) -> Self {
        let size = |value: Option<u64>| value.map_or(Reported::Missing(Missing::Needs(SIZES)), Reported::Is);
        let driver = || Missing::Driver;
        Self {
            client_id: info.client_id().map_or(Reported::Missing(driver()), Reported::Is),
            pci_address: info
                .pci_address()
                .map_or(Reported::Missing(driver()), |a| Reported::Is(a.to_owned())),
            total_bytes: size(info.total_bytes()),
            shared_bytes: size(info.shared_bytes()),
            internal_bytes: size(info.internal_bytes()),
            external_bytes: size(info.external_bytes()),
            heap_bytes: size(info.heap_bytes()),
        }
    }
}

impl View for Memory {
    const SCHEMA: &'static str = "xdna.memory/1";

    fn text(&self) -> String {
        let hidden = match self.unreadable_processes {
            0 => String::new(),
            n => format!("{n} processes could not be looked into: needs root\n"),
        };
        if self.processes.is_empty() {
            return format!("no other process has the NPU open\n{hidden}");
        }
        let mut notes = Notes::default();
        let size = |value: &Reported<u64>| value.clone().map(bytes);
        let mut table = Table::new(["process", "buffers", "of these internal", "heap in use"]);
        let mut opens = Table::new([
            "process",
            "client",
            "buffers",
            "shared",
            "internal",
            "external",
            "heap in use",
        ]);
        for p in &self.processes {
            let owner = p
                .name
                .get()
                .map_or(format!("[{}]", p.pid), |name| format!("{name} [{}]", p.pid));
            table.row([
                owner.clone(),
                notes.cell(&size(&p.total_bytes)),
                notes.cell(&size(&p.internal_bytes)),
                notes.cell(&size(&p.heap_bytes)),
            ]);
            let clients = match &p.clients {
                Reported::Is(clients) => clients,
                Reported::Missing(why) => {
                    opens.row([owner, notes.cell(&Reported::<u64>::Missing(why.clone()))]);
                    continue;
                }
            };
            for c in clients {
                let sizes = [
                    &c.total_bytes,
                    &c.shared_bytes,
                    &c.internal_bytes,
                    &c.external_bytes,
                    &c.heap_bytes,
                ];
                let ids = [owner.clone(), notes.cell(&c.client_id)];
                opens.row(ids.into_iter().chain(sizes.map(|s| notes.cell(&size(s)))));
            }
        }
        format!(
            "by process, from the driver\n{table}\nby open device, from fdinfo\n{opens}{}{hidden}",
            notes.lines()
        )
    }
}
