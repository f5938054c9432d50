//! How long runs took.

use std::time::Duration;

use serde::Serialize;

/// Submission to end, in nanoseconds.
#[derive(Debug, Serialize)]
pub(super) struct Times {
    pub first_ns: u64,
    pub min_ns: u64,
    pub p50_ns: u64,
    pub p99_ns: u64,
    pub max_ns: u64,
}

impl Times {
    /// Of runs in their order; `None` of no run.
    pub fn of(times: Vec<Duration>) -> Option<Self> {
        let first_ns = ns(*times.first()?);
        let mut sorted = times;
        sorted.sort_unstable();
        let rank = |share: usize| ns(sorted[(sorted.len() * share).div_ceil(100).max(1) - 1]);
        Some(Self {
            first_ns,
            min_ns: rank(0),
            p50_ns: rank(50),
            p99_ns: rank(99),
            max_ns: rank(100),
        })
    }
}

fn ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_of_the_sorted_times() {
        let times = (1..=200).rev().map(Duration::from_nanos).collect();
        let t = Times::of(times).unwrap();
        assert_eq!(
            (t.first_ns, t.min_ns, t.p50_ns, t.p99_ns, t.max_ns),
            (200, 1, 100, 198, 200)
        );
        assert!(Times::of(Vec::new()).is_none());
    }
}
