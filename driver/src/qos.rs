//! Quality of service of a context.

use xdna_uapi as uapi;
use xdna_uapi::newer::{NO_START_COL, QosInfo};

/// What a program tells the driver about its needs; all zero asks for nothing and runs at the top clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Qos {
    /// Giga-operations per inference.
    pub gops: u32,
    /// Inferences per second.
    pub fps: u32,
    /// A hint, shown in queries.
    pub dma_bandwidth: u32,
    /// Milliseconds per inference.
    pub latency_ms: u32,
    /// A hint, shown in queries.
    pub frame_exec_time: u32,
    /// Priority among contexts that share columns; Linux 7.0 on XDNA2.
    pub priority: Priority,
}

/// Priority of a context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Priority {
    /// None stated: the driver makes it high.
    #[default]
    Unset,
    /// Before all others.
    Realtime,
    /// What contexts without one get.
    High,
    /// Below.
    Normal,
    /// Lowest.
    Low,
    /// A number this crate does not know.
    Other(u32),
}

impl From<u32> for Priority {
    fn from(raw: u32) -> Self {
        match raw {
            0 => Priority::Unset,
            uapi::AMDXDNA_QOS_REALTIME_PRIORITY => Priority::Realtime,
            uapi::AMDXDNA_QOS_HIGH_PRIORITY => Priority::High,
            uapi::AMDXDNA_QOS_NORMAL_PRIORITY => Priority::Normal,
            uapi::AMDXDNA_QOS_LOW_PRIORITY => Priority::Low,
            other => Priority::Other(other),
        }
    }
}

impl From<Priority> for u32 {
    fn from(priority: Priority) -> Self {
        match priority {
            Priority::Unset => 0,
            Priority::Realtime => uapi::AMDXDNA_QOS_REALTIME_PRIORITY,
            Priority::High => uapi::AMDXDNA_QOS_HIGH_PRIORITY,
            Priority::Normal => uapi::AMDXDNA_QOS_NORMAL_PRIORITY,
            Priority::Low => uapi::AMDXDNA_QOS_LOW_PRIORITY,
            Priority::Other(raw) => raw,
        }
    }
}

impl Qos {
    /// True if the driver may refuse the context for what it asks.
    pub(crate) fn asks_for_speed(self) -> bool {
        self.gops != 0 && (self.fps != 0 || self.latency_ms != 0)
    }

    /// The struct with the out-of-tree driver's tail, which mainline ignores.
    pub(crate) fn raw(self) -> QosInfo {
        QosInfo {
            base: uapi::amdxdna_qos_info {
                gops: self.gops,
                fps: self.fps,
                dma_bandwidth: self.dma_bandwidth,
                latency: self.latency_ms,
                frame_exec_time: self.frame_exec_time,
                priority: self.priority.into(),
            },
            user_start_col: NO_START_COL,
            reserved: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_survive_the_way_through_their_numbers() {
        for raw in [0, 0x100, 0x180, 0x200, 0x280, 7] {
            assert_eq!(u32::from(Priority::from(raw)), raw);
        }
        assert_eq!(Priority::from(0x200), Priority::Normal);
    }

    #[test]
    fn only_gops_with_a_rate_can_be_refused() {
        assert!(!Qos::default().asks_for_speed());
        assert!(
            !Qos {
                gops: 5,
                ..Qos::default()
            }
            .asks_for_speed()
        );
        assert!(
            !Qos {
                fps: 5,
                ..Qos::default()
            }
            .asks_for_speed()
        );
        assert!(
            Qos {
                gops: 5,
                latency_ms: 3,
                ..Qos::default()
            }
            .asks_for_speed()
        );
    }

    #[test]
    fn no_start_column_is_preferred() {
        let raw = Qos {
            latency_ms: 3,
            ..Qos::default()
        }
        .raw();
        assert_eq!((raw.base.latency, raw.user_start_col), (3, 0xff));
    }
}
