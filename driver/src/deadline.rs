//! Deadlines of waits.

use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// The moment a wait gives up.
///
/// Absolute, so a wait that a signal interrupts goes on to the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// A deadline `timeout` from now; at most about 136 years.
    pub fn after(timeout: Duration) -> Self {
        let now = Instant::now();
        Self(
            now.checked_add(timeout)
                .unwrap_or_else(|| now + Duration::from_secs(u32::MAX.into())),
        )
    }

    /// A deadline at `instant`; one that has passed makes a wait a poll.
    pub fn at(instant: Instant) -> Self {
        Self(instant)
    }

    /// True once the deadline has passed.
    pub fn has_passed(self) -> bool {
        Instant::now() >= self.0
    }

    /// The earlier one.
    pub(crate) fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }

    /// The deadline on `CLOCK_MONOTONIC`, in nanoseconds: what the kernel takes. 0 when it has passed.
    pub(crate) fn monotonic_ns(self) -> i64 {
        let left = self.0.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return 0;
        }
        // CLOCK_MONOTONIC can't fail on Linux; a poll would be the answer if it did.
        let now = clock_gettime(ClockId::CLOCK_MONOTONIC)
            .map(Duration::from)
            .unwrap_or_default();
        i64::try_from((now + left).as_nanos()).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passed_deadline_polls() {
        assert_eq!(Deadline::at(Instant::now()).monotonic_ns(), 0);
        assert!(Deadline::after(Duration::ZERO).has_passed());
    }

    #[test]
    fn deadlines_are_absolute_on_the_monotonic_clock() {
        let now = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap()).as_nanos() as i64;
        let ns = Deadline::after(Duration::from_secs(3600)).monotonic_ns();
        assert!(
            (3_590_000_000_000..3_610_000_000_000).contains(&(ns - now)),
            "{}",
            ns - now
        );
    }

    #[test]
    fn the_longest_timeout_does_not_overflow() {
        assert!(Deadline::after(Duration::MAX).monotonic_ns() > 0);
    }
}
