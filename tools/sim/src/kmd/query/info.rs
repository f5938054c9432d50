//! GET_INFO.

use nix::errno::Errno;
use xdna_uapi as uapi;

use super::COLUMN_BYTES;
use crate::firmware;
use crate::kmd::caller::{Caller, read_user, write_user};
use crate::kmd::{ClientId, Kmd, Outcome};
use crate::profile::{Level, Rule};

impl Kmd {
    pub(in crate::kmd) fn get_info(
        &mut self,
        _id: ClientId,
        caller: &dyn Caller,
        arg: &mut uapi::amdxdna_drm_get_info,
    ) -> Result<Outcome, Errno> {
        let ready = self.wake(caller)?;
        let memory = caller.memory();
        let memory = &*memory;
        let (buffer, size) = (arg.buffer, arg.buffer_size);
        match arg.param {
            uapi::DRM_AMDXDNA_QUERY_AIE_STATUS => self.aie_status(caller, arg)?,
            uapi::DRM_AMDXDNA_QUERY_AIE_METADATA => self.put(memory, buffer, size, &self.metadata())?,
            uapi::DRM_AMDXDNA_QUERY_AIE_VERSION => {
                let version = uapi::amdxdna_drm_query_aie_version { major: 1, minor: 1 };
                self.put(memory, buffer, size, &version)?;
            }
            uapi::DRM_AMDXDNA_QUERY_CLOCK_METADATA => self.put(memory, buffer, size, &self.clocks())?,
            uapi::DRM_AMDXDNA_QUERY_SENSORS => {
                self.since(Level::L8)?;
                arg.buffer_size = self.sensors(caller, buffer, size)?;
            }
            uapi::DRM_AMDXDNA_QUERY_HW_CONTEXTS => self.hw_contexts(caller, arg)?,
            uapi::DRM_AMDXDNA_QUERY_FIRMWARE_VERSION => {
                let [major, minor, patch, build] = firmware::version(&self.profile);
                let version = uapi::amdxdna_drm_query_firmware_version {
                    major,
                    minor,
                    patch,
                    build,
                };
                self.put(memory, buffer, size, &version)?;
            }
            uapi::DRM_AMDXDNA_GET_POWER_MODE => {
                let mode = uapi::amdxdna_drm_get_power_mode {
                    power_mode: self.power_mode,
                    pad: [0; 7],
                };
                self.put(memory, buffer, size, &mode)?;
            }
            uapi::DRM_AMDXDNA_QUERY_TELEMETRY => {
                self.since(Level::L6)?;
                self.telemetry(caller, buffer, size)?;
            }
            uapi::DRM_AMDXDNA_GET_FORCE_PREEMPT_STATE => {
                self.since(Level::L6)?;
                self.put(memory, buffer, size, &state(self.force_preempt))?;
            }
            uapi::DRM_AMDXDNA_GET_FRAME_BOUNDARY_PREEMPT_STATE => {
                self.since(Level::L6)?;
                self.put(memory, buffer, size, &state(self.frame_preempt))?;
            }
            uapi::DRM_AMDXDNA_QUERY_RESOURCE_INFO => {
                self.since(Level::L6)?;
                self.put(memory, buffer, size, &self.resources())?;
            }
            uapi::newer::GET_AUTO_COREDUMP if self.dumps_by_itself() => {
                self.put(memory, buffer, size, &state(self.auto_coredump))?;
            }
            _ => return Err(Errno::EOPNOTSUPP),
        }
        Ok(self.after(ready))
    }

    fn aie_status(&mut self, caller: &dyn Caller, arg: &uapi::amdxdna_drm_get_info) -> Result<(), Errno> {
        let memory = caller.memory();
        let mut status: uapi::amdxdna_drm_query_aie_status = read_user(&*memory, arg.buffer)?;
        let whole = self.profile.device.columns() * COLUMN_BYTES;
        let exact = self.profile.kernel.level() <= Level::L6;
        self.deny(
            Rule::AieStatusSize,
            exact && status.buffer_size != whole,
            Errno::EINVAL,
        )?;
        let (cols_filled, dump) = self.tile_status();
        status.cols_filled = cols_filled;
        let len = dump.len().min(status.buffer_size as usize);
        memory.write(status.buffer, &dump[..len])?;
        write_user(&*memory, arg.buffer, &status)
    }

    fn metadata(&self) -> uapi::amdxdna_drm_query_aie_metadata {
        let tile = |row_count, row_start, dma_channel_count, lock_count, event_reg_count| {
            uapi::amdxdna_drm_query_aie_tile_metadata {
                row_count,
                row_start,
                dma_channel_count,
                lock_count,
                event_reg_count,
                pad: [0; 3],
            }
        };
        uapi::amdxdna_drm_query_aie_metadata {
            col_size: COLUMN_BYTES,
            cols: self.profile.device.columns() as u16,
            rows: 6,
            version: uapi::amdxdna_drm_query_aie_version { major: 1, minor: 1 },
            core: tile(4, 2, 2, 16, 4),
            mem: tile(1, 1, 6, 64, 6),
            shim: tile(1, 0, 2, 16, 4),
        }
    }

    fn clocks(&self) -> uapi::amdxdna_drm_query_clock_metadata {
        let (npu, h) = self.profile.device.clocks()[self.clock_level()];
        let clock = |name: &[u8], freq_mhz| {
            let mut clock = uapi::amdxdna_drm_query_clock {
                freq_mhz,
                ..Default::default()
            };
            clock.name[..name.len()].copy_from_slice(name);
            clock
        };
        uapi::amdxdna_drm_query_clock_metadata {
            mp_npu_clock: clock(b"MP-NPU Clock", npu),
            h_clock: clock(b"H Clock", h),
        }
    }

    fn resources(&self) -> uapi::amdxdna_drm_get_resource_info {
        let device = self.profile.device;
        let clocks = device.clocks();
        let tops =
            |mhz: u32| device.ops_per_cycle() * u64::from(device.columns()) * u64::from(mhz) / 1_000_000;
        let top = clocks[clocks.len() - 1].1;
        let live = self.clients.values().map(|c| c.contexts.len() as u64).sum();
        uapi::amdxdna_drm_get_resource_info {
            npu_clk_max: u64::from(top),
            npu_tops_max: tops(top),
            npu_task_max: device.context_limit() as u64,
            npu_tops_curr: tops(clocks[self.clock_level()].1),
            npu_task_curr: live,
        }
    }

    /// Writes as many whole sensor records as fit; returns their bytes.
    fn sensors(&self, caller: &dyn Caller, buffer: u64, size: u32) -> Result<u32, Errno> {
        let sensor = |label: &str, units: &str, unitm, type_: u32, input| {
            let mut s = uapi::amdxdna_drm_query_sensor {
                input,
                unitm,
                type_: type_ as u8,
                ..Default::default()
            };
            s.label[..label.len()].copy_from_slice(label.as_bytes());
            s.units[..units.len()].copy_from_slice(units.as_bytes());
            s
        };
        let units = if self.profile.kernel.level() >= Level::L16 {
            "W"
        } else {
            "mW"
        };
        let idle_milliwatts = 45;
        let power = sensor(
            "Total Power",
            units,
            -3,
            uapi::AMDXDNA_SENSOR_TYPE_POWER,
            idle_milliwatts,
        );
        let column = |n| {
            let kind = uapi::AMDXDNA_SENSOR_TYPE_COLUMN_UTILIZATION;
            sensor(&format!("Column {n} Utilization"), "%", 0, kind, 0)
        };
        let all: Vec<_> = std::iter::once(power)
            .chain((0..self.profile.device.columns()).map(column))
            .collect();
        let record = size_of::<uapi::amdxdna_drm_query_sensor>();
        let count = all.len().min(size as usize / record);
        write_user(&*caller.memory(), buffer, &all[..count])?;
        Ok((count * record) as u32)
    }
}

fn state(state: u8) -> uapi::amdxdna_drm_attribute_state {
    uapi::amdxdna_drm_attribute_state { state, pad: [0; 7] }
}
