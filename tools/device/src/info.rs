//! `xdna info`: what the device is.

use serde::Serialize;
use xdna_driver::query::TileMetadata;
use xdna_driver::{Device, Feature};
use xdna_terminal::{Exit, Out, Table};

use crate::firmware::{Protocol, Shown};
use crate::reported::{Missing, Notes, Reported};
use crate::show::{self, View};
use crate::target::{Target, is_simulated};
use crate::{Common, level, power};

#[derive(Debug, Serialize)]
pub(crate) struct Info {
    node: String,
    simulated: bool,
    chip: &'static str,
    generation: String,
    products: &'static str,
    product: Reported<String>,
    pci_address: Reported<String>,
    pci_id: String,
    pci_revision: String,
    driver: Driver,
    firmware: Reported<String>,
    firmware_protocol: Reported<Protocol>,
    aie_version: Reported<String>,
    columns: u16,
    rows: u16,
    column_status_bytes: u32,
    tiles: [Tiles; 3],
    clocks: Reported<[Clock; 2]>,
    power_mode: Reported<String>,
    limits: Limits,
    force_preempt: Reported<bool>,
    frame_boundary_preempt: Reported<bool>,
    features: Vec<Support>,
}

#[derive(Debug, Serialize)]
struct Driver {
    name: &'static str,
    version: String,
    origin: &'static str,
}

#[derive(Debug, Serialize)]
struct Tiles {
    kind: &'static str,
    rows: u16,
    first_row: u16,
    dma_channels: u16,
    locks: u16,
    event_registers: u16,
}

/// A clock.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Clock {
    pub(crate) name: String,
    pub(crate) mhz: u32,
}

#[derive(Debug, Serialize)]
struct Limits {
    clock_max_mhz: Reported<u64>,
    tops_max: Reported<u64>,
    tops_now: Reported<u64>,
    contexts_max: Reported<u64>,
    contexts_now: Reported<u64>,
}

#[derive(Debug, Serialize)]
struct Support {
    name: &'static str,
    available: Reported<bool>,
    needs: &'static str,
}

/// What the driver can be asked for, and what it takes.
const FEATURES: [(Feature, &str, &str); 11] = [
    (Feature::ContextArray, "detailed contexts", "Linux 6.18"),
    (Feature::UserPointer, "buffers in user memory", "Linux 6.18"),
    (Feature::AsyncErrors, "hardware errors", "Linux 6.19"),
    (Feature::ResourceInfo, "resource limits", "Linux 6.19"),
    (Feature::Telemetry, "firmware counters", "Linux 6.19"),
    (Feature::Preemption, "preemption switches", "Linux 6.19"),
    (Feature::DebugBuffer, "debug buffers", "Linux 6.19"),
    (
        Feature::Sensors,
        "sensors",
        "Linux 7.1 and AMD's platform metrics (PMF)",
    ),
    (Feature::BoUsage, "memory by process", "Linux 7.1"),
    (Feature::Prime, "buffer sharing", "a kernel with dma-buf"),
    (Feature::Timeline, "timeline fences", "a kernel with DRM syncobjs"),
];

/// Prints what the device is.
pub(crate) fn run(common: Common, out: &mut Out) -> anyhow::Result<Exit> {
    show::print(&Info::of(&Target::open(common)?), common.json, out)?;
    Ok(Exit::Done)
}

impl Info {
    pub(crate) fn of(target: &Target) -> Self {
        let (device, chip) = (&target.device, target.device.chip());
        let (facts, metadata) = (device.pci(), device.metadata());
        let driver = device.driver_version();
        let nothing = |why: &str| Reported::Missing(Missing::Failed(why.to_owned()));
        let resources = || Reported::of(device.resource_info(), "Linux 6.19");
        let known = |text: &Option<String>| {
            text.clone()
                .map_or(nothing("driver does not report it"), Reported::Is)
        };
        Self {
            node: device.node().display().to_string(),
            simulated: is_simulated(),
            chip: chip.name,
            generation: chip.generation.to_string(),
            products: chip.products,
            product: known(&facts.product),
            pci_address: if facts.address.is_empty() {
                nothing("sysfs does not tell")
            } else {
                Reported::Is(facts.address.clone())
            },
            pci_id: format!("{:04x}:{:04x}", facts.vendor, facts.device),
            pci_revision: format!("{:02x}", facts.revision),
            driver: Driver {
                name: "amdxdna",
                version: driver.to_string(),
                origin: level::origin(driver),
            },
            firmware: Reported::of(device.firmware_version(), "amdxdna").map(|v| v.to_string()),
            firmware_protocol: Shown::of(device).protocol(),
            aie_version: Reported::of(device.aie_version(), "amdxdna").map(|(a, b)| format!("{a}.{b}")),
            columns: metadata.columns,
            rows: metadata.rows,
            column_status_bytes: metadata.column_bytes,
            tiles: [
                Tiles::of("core", metadata.core),
                Tiles::of("mem", metadata.mem),
                Tiles::of("shim", metadata.shim),
            ],
            clocks: clocks(device),
            power_mode: Reported::of(device.power_mode(), "amdxdna").map(power::name),
            limits: Limits {
                clock_max_mhz: resources().map(|r| r.clock_max_mhz),
                tops_max: resources().map(|r| r.tops_max),
                tops_now: resources().map(|r| r.tops_now),
                contexts_max: resources().map(|r| r.contexts_max),
                contexts_now: resources().map(|r| r.contexts_now),
            },
            force_preempt: Reported::of(device.force_preempt(), "Linux 6.19"),
            frame_boundary_preempt: Reported::of(device.frame_boundary_preempt(), "Linux 6.19"),
            features: features(device),
        }
    }
}

/// The clocks of the controller and of the array.
pub(crate) fn clocks(device: &Device) -> Reported<[Clock; 2]> {
    Reported::of(device.clocks(), "amdxdna").map(|clocks| {
        [clocks.controller, clocks.array].map(|clock| Clock {
            name: clock.name,
            mhz: clock.mhz,
        })
    })
}

fn features(device: &Device) -> Vec<Support> {
    let asked = FEATURES.map(|(feature, name, needs)| Support {
        name,
        available: Reported::of(device.supports(feature), needs),
        needs,
    });
    let firmware = Shown::of(device)
        .features()
        .map(|(name, available, needs)| Support {
            name,
            available,
            needs,
        });
    asked.into_iter().chain(firmware).collect()
}

impl Tiles {
    fn of(kind: &'static str, tile: TileMetadata) -> Self {
        Self {
            kind,
            rows: tile.rows,
            first_row: tile.first_row,
            dma_channels: tile.dma_channels,
            locks: tile.locks,
            event_registers: tile.event_registers,
        }
    }
}

impl View for Info {
    const SCHEMA: &'static str = "xdna.info/1";

    fn text(&self) -> String {
        let mut facts = Table::untitled();
        let simulated = if self.simulated { ", simulated" } else { "" };
        facts.pair("device", format!("{}{simulated}", self.node));
        facts.pair(
            "chip",
            format!("{}, {}: {}", self.chip, self.generation, self.products),
        );
        facts.pair("product", &self.product);
        facts.pair("PCI address", &self.pci_address);
        facts.pair(
            "PCI id",
            format!("{} revision {}", self.pci_id, self.pci_revision),
        );
        let driver = &self.driver;
        facts.pair(
            "driver",
            format!("{} {} ({})", driver.name, driver.version, driver.origin),
        );
        facts.pair("firmware", &self.firmware);
        facts.pair("firmware protocol", &self.firmware_protocol);
        facts.pair("AIE version", &self.aie_version);
        facts.pair("array", format!("{} columns, {} rows", self.columns, self.rows));
        match &self.clocks {
            Reported::Is(clocks) => {
                for clock in clocks {
                    facts.pair(&clock.name, format!("{} MHz", clock.mhz));
                }
            }
            Reported::Missing(why) => facts.pair("clocks", format!("- ({why})")),
        }
        facts.pair("power mode", &self.power_mode);
        let limits = &self.limits;
        let mhz = |value: &Reported<u64>| value.clone().map(|n| format!("{n} MHz"));
        facts.pair("top clock", mhz(&limits.clock_max_mhz));
        facts.pair("TOPS, at most", &limits.tops_max);
        facts.pair("TOPS, now", &limits.tops_now);
        facts.pair("contexts, at most", &limits.contexts_max);
        facts.pair("contexts, now", &limits.contexts_now);
        let switch = |value: &Reported<bool>| value.clone().map(|on| if on { "on" } else { "off" });
        facts.pair("forced preemption", switch(&self.force_preempt));
        facts.pair("frame preemption", switch(&self.frame_boundary_preempt));

        let mut tiles = Table::new([
            "tiles",
            "rows",
            "first row",
            "DMA channels",
            "locks",
            "event registers",
        ]);
        for t in &self.tiles {
            let numbers = [t.rows, t.first_row, t.dma_channels, t.locks, t.event_registers];
            tiles.row(
                [t.kind.to_owned()]
                    .into_iter()
                    .chain(numbers.map(|n| n.to_string())),
            );
        }
        let mut features = Table::new(["feature", "available", "needs"]);
        let mut notes = Notes::default();
        for f in &self.features {
            let have = f.available.clone().map(|have| if have { "yes" } else { "no" });
            features.row([f.name, &notes.cell(&have), f.needs]);
        }
        format!("{facts}\n{tiles}\n{features}{}", notes.lines())
    }
}
