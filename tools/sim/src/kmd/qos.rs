//! QoS: what is refused, and the clock level that follows.

use nix::errno::Errno;
use xdna_uapi::{AMDXDNA_QOS_LOW_PRIORITY, amdxdna_qos_info};

use crate::profile::{Feature, Kernel, Profile};

/// True where QoS is neither checked nor touches the clocks.
pub fn is_bypassed(profile: &Profile) -> bool {
    profile.temporal_only() && profile.kernel < Kernel::V7_2
}

/// What one context asks of the clocks: an index into the device's levels; `None` where QoS does not touch them.
///
/// # Errors
/// `EINVAL` if no level is fast enough.
pub fn clock_request(
    profile: &Profile,
    qos: &amdxdna_qos_info,
    max_opc: u32,
    columns: u32,
) -> Result<Option<usize>, Errno> {
    if is_bypassed(profile) {
        return Ok(None);
    }
    let clocks = profile.device.clocks();
    let top = clocks.len() - 1;
    let newer = profile.kernel >= Kernel::V7_2;
    let by_latency = match qos.latency {
        0 => 0,
        ms => (1000 / u64::from(ms)).max(u64::from(newer)),
    };
    let rate = u64::from(qos.fps).max(by_latency);
    let (factor, opc) = if newer {
        (2, profile.device.ops_per_cycle() * u64::from(columns))
    } else {
        (1, u64::from(max_opc))
    };
    let need = u128::from(rate) * u128::from(qos.gops) * factor;
    let enough = |&(_, hclk): &(u32, u32)| u128::from(opc) * u128::from(hclk) / 1000 >= need;
    if !enough(&clocks[top]) {
        return Err(Errno::EINVAL);
    }
    if profile.kernel == Kernel::Staging && qos.priority == AMDXDNA_QOS_LOW_PRIORITY {
        return Ok(Some(0));
    }
    if qos.gops == 0 || (qos.fps == 0 && qos.latency == 0) {
        return Ok(Some(top));
    }
    Ok(Some(clocks.iter().position(enough).unwrap_or(top)))
}

/// The priority firmware is told: 1 realtime to 4 low.
pub fn firmware_priority(profile: &Profile, qos: &amdxdna_qos_info) -> u32 {
    let told = profile.kernel >= Kernel::V7_0 && profile.has(Feature::Preempt);
    match qos.priority {
        _ if !told => 2,
        xdna_uapi::AMDXDNA_QOS_REALTIME_PRIORITY => 1,
        xdna_uapi::AMDXDNA_QOS_NORMAL_PRIORITY => 3,
        AMDXDNA_QOS_LOW_PRIORITY => 4,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{AddressMode, Device};

    fn level(
        kernel: Kernel,
        gops: u32,
        fps: u32,
        latency: u32,
        max_opc: u32,
    ) -> Result<Option<usize>, Errno> {
        let p = Profile::new(Device::Npu1, kernel, None, AddressMode::Sva).unwrap();
        let qos = amdxdna_qos_info {
            gops,
            fps,
            latency,
            ..Default::default()
        };
        clock_request(&p, &qos, max_opc, 4)
    }

    #[test]
    fn zero_qos_runs_at_the_top() {
        assert_eq!(level(Kernel::V6_18, 0, 0, 0, 0), Ok(Some(7)));
        assert_eq!(level(Kernel::V7_3, 0, 30, 0, 0), Ok(Some(7)));
    }

    #[test]
    fn old_kernels_refuse_any_rate_without_max_opc() {
        assert_eq!(level(Kernel::V6_18, 1, 1, 0, 0), Err(Errno::EINVAL));
        assert_eq!(level(Kernel::V6_18, 1, 0, 2000, 0), Ok(Some(0)));
        assert_eq!(level(Kernel::V7_3, 1, 1, 0, 0), Ok(Some(0)));
    }

    #[test]
    fn the_lowest_sufficient_level_is_chosen() {
        // 4 columns x 2048 ops x 800 MHz / 1000 = 6553; the factor is 2.
        assert_eq!(level(Kernel::V7_3, 3276, 1, 0, 0), Ok(Some(0)));
        assert_eq!(level(Kernel::V7_3, 3277, 1, 0, 0), Ok(Some(1)));
        assert_eq!(level(Kernel::V7_3, 6553, 1, 0, 0), Ok(Some(7)));
        assert_eq!(level(Kernel::V7_3, 6554, 1, 0, 0), Err(Errno::EINVAL));
        assert_eq!(level(Kernel::V7_3, 6554, 0, 1001, 0), Err(Errno::EINVAL));
    }
}
