//! `xdna sensors`: power, utilisation, and what else the platform measures.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use xdna_driver::query::{Sensor, SensorKind};
use xdna_driver::{Device, Error};
use xdna_terminal::{Exit, Out, Table};

use crate::Common;
use crate::reported::{Missing, Notes, Reported};
use crate::show::{self, View};
use crate::target::Target;

/// The first driver level with sensors.
const LEVEL: i32 = 7;

#[derive(Debug, Serialize)]
struct Sensors {
    sensors: Reported<Vec<Reading>>,
}

/// A sensor's reading; the keys of its JSON form say its unit.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) label: String,
    pub(crate) kind: String,
    /// In the unit below.
    pub(crate) value: u32,
    pub(crate) unit: String,
    average: Reported<u32>,
    highest: Reported<u32>,
    max: Reported<u32>,
    status: String,
}

impl Serialize for Reading {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Another unit than these stands beside the number alone.
        let suffix = match self.unit.as_str() {
            "mW" => "_mw",
            "%" => "_percent",
            "C" => "_celsius",
            _ => "",
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("label", &self.label)?;
        map.serialize_entry("kind", &self.kind)?;
        map.serialize_entry("unit", &self.unit)?;
        map.serialize_entry(&format!("value{suffix}"), &self.value)?;
        map.serialize_entry(&format!("average{suffix}"), &self.average)?;
        map.serialize_entry(&format!("highest{suffix}"), &self.highest)?;
        map.serialize_entry(&format!("max{suffix}"), &self.max)?;
        map.serialize_entry("status", &self.status)?;
        map.end()
    }
}

/// Prints the sensors.
pub(crate) fn run(common: Common, out: &mut Out) -> anyhow::Result<Exit> {
    let target = Target::open(common)?;
    let sensors = read(&target.device);
    let exit = if sensors.get().is_some() {
        Exit::Done
    } else {
        Exit::Failed
    };
    show::print(&Sensors { sensors }, common.json, out)?;
    Ok(exit)
}

/// The sensors of a device.
pub(crate) fn read(device: &Device) -> Reported<Vec<Reading>> {
    let level = device.driver_version().level();
    match device.sensors() {
        Ok(list) => Reported::Is(list.iter().map(Reading::of).collect()),
        Err(e) => Reported::Missing(why(&e, level)),
    }
}

fn why(e: &Error, level: i32) -> Missing {
    match e.errno() {
        Some(libc::EOPNOTSUPP | libc::EINVAL) if level < LEVEL => Missing::Needs("Linux 7.1"),
        Some(libc::EOPNOTSUPP) => Missing::Needs("a kernel with AMD's platform metrics (CONFIG_AMD_PMF)"),
        Some(libc::ENODEV) => Missing::Needs("a machine with AMD's platform metrics (amd_pmf)"),
        _ => Missing::Failed(e.to_string()),
    }
}

impl Reading {
    fn of(sensor: &Sensor) -> Self {
        let (kind, unit) = match sensor.kind {
            // Its unit and scale contradict each other; all drivers mean milliwatts.
            SensorKind::Power => ("power".to_owned(), "mW".to_owned()),
            SensorKind::ColumnUtilization => ("utilisation".to_owned(), "%".to_owned()),
            SensorKind::Temperature => ("temperature".to_owned(), sensor.unit.clone()),
            SensorKind::Other(n) => (format!("type {n}"), sensor.unit.clone()),
            _ => ("unknown".to_owned(), sensor.unit.clone()),
        };
        // All zero beside a reading: the driver has the fields and does not fill them.
        let is_filled = sensor.average != 0 || sensor.highest != 0 || sensor.max != 0;
        let filled = |n: u32| {
            if is_filled {
                Reported::Is(n)
            } else {
                Reported::Missing(Missing::Driver)
            }
        };
        Self {
            label: xdna_terminal::clean(&sensor.label),
            kind,
            value: sensor.value,
            unit: xdna_terminal::clean(&unit),
            average: filled(sensor.average),
            highest: filled(sensor.highest),
            max: filled(sensor.max),
            status: xdna_terminal::clean(&sensor.status),
        }
    }
}

#[cfg(test)]
impl Reading {
    /// A reading for tests.
    pub(crate) fn example(label: &str, unit: &str, value: u32) -> Self {
        Self {
            label: label.into(),
            kind: "example".into(),
            value,
            unit: unit.into(),
            average: Reported::Missing(Missing::Driver),
            highest: Reported::Missing(Missing::Driver),
            max: Reported::Missing(Missing::Driver),
            status: String::new(),
        }
    }
}

impl View for Sensors {
    const SCHEMA: &'static str = "xdna.sensors/1";

    fn text(&self) -> String {
        match &self.sensors {
            Reported::Missing(why) => format!("sensors: - ({why})\n"),
            Reported::Is(sensors) => {
                let mut notes = Notes::default();
                let mut table = Table::new(["sensor", "kind", "now", "average", "highest", "max"]);
                for s in sensors {
                    let mut of =
                        |n: &Reported<u32>| notes.cell(&n.clone().map(|n| format!("{n} {}", s.unit)));
                    table.row([
                        s.label.clone(),
                        s.kind.clone(),
                        format!("{} {}", s.value, s.unit),
                        of(&s.average),
                        of(&s.highest),
                        of(&s.max),
                    ]);
                }
                format!("{table}{}", notes.lines())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_say_the_unit() {
        let keys = |unit: &str| {
            let object = serde_json::to_value(Reading::example("x", unit, 5)).unwrap();
            let of_value = object.as_object().unwrap().iter().find(|(_, value)| **value == 5);
            of_value.map(|(key, _)| key.clone())
        };
        assert_eq!(keys("mW").as_deref(), Some("value_mw"));
        assert_eq!(keys("%").as_deref(), Some("value_percent"));
        assert_eq!(keys("C").as_deref(), Some("value_celsius"));
        assert_eq!(keys("furlongs").as_deref(), Some("value"));
    }
}
