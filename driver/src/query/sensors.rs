//! Power and utilisation.

use xdna_uapi as uapi;
use xdna_uapi::newer::SENSOR_TYPE_TEMPERATURE;

use super::text;
use crate::device::{Device, DeviceInner};
use crate::error::Error;
use crate::sys;

/// Records to make room for: power, temperature, and more columns than any device has.
const ROOM: usize = 32;

/// A reading.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sensor {
    /// What it measures.
    pub kind: SensorKind,
    /// The driver's name for it.
    pub label: String,
    /// The reading now. Power: milliwatts, whatever unit and scale say (they contradict each other); utilisation:
    /// percent; temperature: degrees Celsius.
    pub value: u32,
    /// The largest possible one.
    pub max: u32,
    /// The average.
    pub average: u32,
    /// The highest since the driver was loaded.
    pub highest: u32,
    /// The driver's word on the sensor itself.
    pub status: String,
    /// Unit as the driver states it.
    pub unit: String,
    /// Power of ten of that unit, as the driver states it.
    pub scale: i8,
}

/// What a sensor measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SensorKind {
    /// Power of the NPU.
    Power,
    /// Utilisation of one column.
    ColumnUtilization,
    /// Temperature; staging drivers.
    Temperature,
    /// A number this crate does not know.
    Other(u8),
}

impl From<u8> for SensorKind {
    fn from(raw: u8) -> Self {
        match raw {
            raw if u32::from(raw) == uapi::AMDXDNA_SENSOR_TYPE_POWER => SensorKind::Power,
            raw if u32::from(raw) == uapi::AMDXDNA_SENSOR_TYPE_COLUMN_UTILIZATION => {
                SensorKind::ColumnUtilization
            }
            SENSOR_TYPE_TEMPERATURE => SensorKind::Temperature,
            other => SensorKind::Other(other),
        }
    }
}

impl Device {
    /// All sensors; Linux 7.1 and later on machines with platform metrics.
    ///
    /// # Errors
    /// `EOPNOTSUPP` before, and without platform metrics in the kernel; `ENODEV` without them in the machine.
    pub fn sensors(&self) -> Result<Vec<Sensor>, Error> {
        let records = raw_sensors(&self.0).map_err(|e| self.0.explain(e))?;
        Ok(records.iter().map(Sensor::from).collect())
    }
}

pub(crate) fn raw_sensors(dev: &DeviceInner) -> Result<Vec<uapi::amdxdna_drm_query_sensor>, Error> {
    let mut records = vec![uapi::amdxdna_drm_query_sensor::default(); ROOM];
    let written = sys::npu::sensors(dev.checked_fd()?, &mut records)?;
    records.truncate(written);
    Ok(records)
}

impl From<&uapi::amdxdna_drm_query_sensor> for Sensor {
    fn from(raw: &uapi::amdxdna_drm_query_sensor) -> Self {
        Self {
            kind: raw.type_.into(),
            label: text(&raw.label),
            value: raw.input,
            max: raw.max,
            average: raw.average,
            highest: raw.highest,
            status: text(&raw.status),
            unit: text(&raw.units),
            scale: raw.unitm,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_is_milliwatts_whatever_unit_and_scale_say() {
        // What 7.1 and staging say of the same 1.5 W.
        for units in [&b"mW"[..], b"W"] {
            let mut raw = uapi::amdxdna_drm_query_sensor {
                input: 1500,
                unitm: -3,
                type_: 0,
                ..Default::default()
            };
            raw.units[..units.len()].copy_from_slice(units);
            let sensor = Sensor::from(&raw);
            assert_eq!((sensor.kind, sensor.value), (SensorKind::Power, 1500));
        }
    }

    #[test]
    fn kinds_unknown_to_us_survive() {
        let kinds = [0, 1, 2, 3].map(SensorKind::from);
        assert_eq!(
            kinds[..3],
            [
                SensorKind::Power,
                SensorKind::ColumnUtilization,
                SensorKind::Temperature
            ]
        );
        assert_eq!(kinds[3], SensorKind::Other(3));
    }
}
