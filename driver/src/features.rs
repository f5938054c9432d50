//! What driver and firmware can do, found out by asking.

use std::sync::OnceLock;

use xdna_uapi::flags::PrimeCaps;
use xdna_uapi::{self as uapi};

use crate::device::DeviceInner;
use crate::error::Error;
use crate::query;
use crate::sys;

/// Something that not every driver or firmware has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Feature {
    /// Detailed context records; Linux 6.18.
    ContextArray,
    /// Buffers over the caller's own memory; Linux 6.18.
    UserPointer,
    /// The last hardware error; Linux 6.19.
    AsyncErrors,
    /// Clock, TOPS and task limits; Linux 6.19.
    ResourceInfo,
    /// Firmware counters; Linux 6.19.
    Telemetry,
    /// Switches of preemption; Linux 6.19.
    Preemption,
    /// Debug buffers; Linux 6.19. Told by the driver's level, since asking takes a context.
    DebugBuffer,
    /// Power and utilisation; Linux 7.1 on machines with platform metrics.
    Sensors,
    /// Memory use by process; Linux 7.1.
    BoUsage,
    /// A device heap of more than 64 MiB; Linux 7.2, not on XDNA1. Told by the driver's level; the firmware may
    /// still refuse.
    HeapGrowth,
    /// Import and export of buffers as dma-bufs.
    Prime,
    /// Timeline syncobjs.
    Timeline,
}

const FEATURES: usize = Feature::Timeline as usize + 1;

/// Answers, remembered per device.
#[derive(Debug, Default)]
pub(crate) struct Features([OnceLock<bool>; FEATURES]);

impl Features {
    pub(crate) fn supports(&self, dev: &DeviceInner, feature: Feature) -> Result<bool, Error> {
        let known = &self.0[feature as usize];
        if let Some(answer) = known.get() {
            return Ok(*answer);
        }
        let answer = probe(dev, feature).map_err(|e| dev.explain(e))?;
        log::debug!("{feature:?}: {answer}");
        Ok(*known.get_or_init(|| answer))
    }
}

fn probe(dev: &DeviceInner, feature: Feature) -> Result<bool, Error> {
    let fd = dev.checked_fd()?;
    match feature {
        // EINVAL: the kernel's table has no such request.
        Feature::ContextArray => answered(query::context_array(dev, 1), &[libc::EOPNOTSUPP, libc::EINVAL]),
        Feature::UserPointer => sys::npu::probe_user_bo(fd),
        Feature::AsyncErrors => answered(query::raw_async_error(dev), &[libc::EOPNOTSUPP, libc::EINVAL]),
        Feature::ResourceInfo => answered(sys::npu::fact::<uapi::amdxdna_drm_get_resource_info>(fd), UNKNOWN),
        Feature::Telemetry => answered(query::raw_telemetry(dev), UNKNOWN),
        Feature::Preemption => answered(sys::npu::switch(fd, sys::npu::Switch::ForcePreempt), UNKNOWN),
        Feature::DebugBuffer => Ok(dev.version.level() >= 3),
        // ENODEV: the platform's metrics device is absent.
        Feature::Sensors => answered(query::raw_sensors(dev), &[libc::EOPNOTSUPP, libc::ENODEV]),
        Feature::BoUsage => answered(query::raw_bo_usage(dev, 1), &[libc::EOPNOTSUPP, libc::EINVAL]),
        Feature::HeapGrowth => Ok(dev.heap.can_grow()),
        Feature::Prime => sys::drm::get_cap(fd, uapi::DRM_CAP_PRIME)
            .map(|bits| PrimeCaps::from_bits_truncate(bits).is_all()),
        Feature::Timeline => sys::drm::get_cap(fd, uapi::DRM_CAP_SYNCOBJ_TIMELINE).map(|value| value != 0),
    }
}

const UNKNOWN: &[i32] = &[libc::EOPNOTSUPP];

/// `false` for the errnos that mean "not here"; every other failure is one.
fn answered<T>(result: Result<T, Error>, not_here: &[i32]) -> Result<bool, Error> {
    match result {
        Ok(_) => Ok(true),
        Err(e) if e.errno().is_some_and(|errno| not_here.contains(&errno)) => Ok(false),
        Err(e) => Err(e),
    }
}
