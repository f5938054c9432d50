//! What the firmware can do. The driver reports no protocol version: what it shows bounds the version from both sides,
//! and features follow from the bounds.

mod features;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::Serialize;
use xdna_driver::{Chip, Device, Error, Generation};

use crate::reported::{Missing, Reported};
use features::{FEATURES, Feature};

/// A protocol version, major and minor.
type Version = (u32, u32);

/// Bounds of the firmware's protocol version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Protocol {
    /// The firmware speaks this one or a later one.
    #[serde(serialize_with = "version")]
    at_least: Option<Version>,
    /// The firmware speaks an earlier one.
    #[serde(serialize_with = "version")]
    below: Option<Version>,
    /// What the narrowest bounds were concluded from.
    because: Vec<&'static str>,
}

fn version<S: serde::Serializer>(version: &Option<Version>, to: S) -> Result<S::Ok, S::Error> {
    version
        .map(|(major, minor)| format!("{major}.{minor}"))
        .serialize(to)
}

/// What the driver shows that depends on the firmware.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a> {
    pub(crate) chip: &'a Chip,
    pub(crate) level: i32,
    pub(crate) is_out_of_tree: bool,
    pub(crate) product: Option<&'a str>,
    /// Whether there is a firmware log, and whether core dumps can be switched; `None` where the answer was neither.
    pub(crate) has_log: Option<bool>,
    pub(crate) has_coredump: Option<bool>,
}

/// The first level whose driver names the product by its revision.
const NAMES_PRODUCTS: i32 = 10;
/// The last level whose kernels take no protocol 7; the next one is that of 6.19, which does not, and of 7.0, which does.
const BEFORE_7: i32 = 5;
/// The driver's answers to what depends on firmware begin with these levels.
const LOG: i32 = 14;
const COREDUMP_SWITCH: i32 = 16;

impl<'a> Shown<'a> {
    /// Asks the driver.
    pub(crate) fn of(device: &'a Device) -> Self {
        let driver = device.driver_version();
        let is_there = |answer: Result<(), Error>| match answer {
            Ok(()) => Some(true),
            Err(e) if e.errno() == Some(libc::EOPNOTSUPP) => Some(false),
            Err(_) => None,
        };
        Self {
            chip: device.chip(),
            level: driver.level(),
            is_out_of_tree: driver.is_out_of_tree(),
            product: device.pci().product.as_deref(),
            has_log: is_there(device.firmware_log_state().map(drop)),
            has_coredump: is_there(device.auto_coredump().map(drop)),
        }
    }

    /// What follows for the protocol.
    pub(crate) fn protocol(self) -> Reported<Protocol> {
        let mut protocol = Protocol::default();
        let driver = "this driver takes no other";
        if !self.is_out_of_tree {
            let (least, below) = match (self.chip.generation, self.chip.name) {
                (Generation::Xdna1, _) => ((5, 7), Some((6, 0))),
                (_, "npu2") => ((6, 6), Some((7, 0))),
                _ => ((6, 12), (self.level <= BEFORE_7).then_some((7, 0))),
            };
            protocol.raise(least, driver);
            if let Some(below) = below {
                protocol.lower(below, driver);
            }
        }
        if self.chip.generation == Generation::Xdna2 {
            match self.product {
                Some(name) if self.level >= NAMES_PRODUCTS && !self.is_out_of_tree => {
                    if name.starts_with("RyzenAI-npu") {
                        protocol.lower((6, 24), "it does not tell the product");
                    } else {
                        protocol.raise((6, 24), "it tells the product");
                    }
                }
                _ => {}
            }
            match self.has_log {
                Some(true) => protocol.raise((6, 19), "it has a log"),
                Some(false) if self.level >= LOG => protocol.lower((6, 19), "it has no log"),
                _ => {}
            }
            match self.has_coredump {
                Some(true) => protocol.raise((7, 0), "it has core dumps"),
                Some(false) if self.level >= COREDUMP_SWITCH => {
                    protocol.lower((7, 0), "it has no core dumps")
                }
                _ => {}
            }
        }
        if protocol == Protocol::default() {
            return Reported::Missing(Missing::Driver);
        }
        Reported::Is(protocol)
    }

    /// Every feature of firmware: its name, whether driver and firmware have it, and what it needs.
    pub(crate) fn features(self) -> impl Iterator<Item = (&'static str, Reported<bool>, &'static str)> {
        let protocol = self.protocol();
        FEATURES.iter().map(move |feature| {
            let first = match self.chip.generation {
                Generation::Xdna1 => feature.xdna1,
                _ => Some(feature.xdna2),
            };
            (
                feature.name,
                self.has(feature, first, protocol.get()),
                feature.needs,
            )
        })
    }

    fn has(self, feature: &Feature, first: Option<Version>, protocol: Option<&Protocol>) -> Reported<bool> {
        let is_below = |bound: Option<Version>| bound.zip(first).is_some_and(|(bound, first)| bound <= first);
        let reaches = protocol
            .and_then(|p| p.at_least)
            .zip(first)
            .is_some_and(|(least, first)| least >= first);
        match () {
            () if first.is_none() => Reported::Is(false),
            () if !self.is_out_of_tree && self.level < feature.level => Reported::Is(false),
            () if is_below(protocol.and_then(|p| p.below)) => Reported::Is(false),
            // The out-of-tree driver answers for the log alone.
            () if reaches && (!self.is_out_of_tree || feature.name.contains("FW_LOG")) => Reported::Is(true),
            () => Reported::Missing(Missing::Failed(
                "driver does not report the firmware's protocol".into(),
            )),
        }
    }
}

impl Protocol {
    fn raise(&mut self, least: Version, because: &'static str) {
        if self.at_least.is_none_or(|known| known < least) {
            self.at_least = Some(least);
            self.note(because);
        }
    }

    fn lower(&mut self, below: Version, because: &'static str) {
        if self.below.is_none_or(|known| below < known) {
            self.below = Some(below);
            self.note(because);
        }
    }

    fn note(&mut self, because: &'static str) {
        if !self.because.contains(&because) {
            self.because.push(because);
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bounds = [
            self.at_least
                .map(|(major, minor)| format!("{major}.{minor} or later")),
            self.below.map(|(major, minor)| format!("below {major}.{minor}")),
        ];
        let bounds: Vec<_> = bounds.into_iter().flatten().collect();
        write!(
            f,
            "{} (concluded: {})",
            bounds.join(", "),
            self.because.join(", ")
        )
    }
}
