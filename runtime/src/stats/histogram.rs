//! Latencies by powers of two.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Buckets: the last begins at half an hour.
const BUCKETS: usize = 42;

/// Latencies counted by atomics.
#[derive(Debug)]
pub(crate) struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum_ns: AtomicU64,
}

/// Latencies counted so far. Bucket `i` holds those of at least `2^i` ns and less than twice that, bucket 0 those of
/// 0 ns, too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LatencyHistogram {
    /// Numbers by bucket, without empty ones at the end.
    pub buckets: Vec<u64>,
    /// Sum of all, in nanoseconds.
    pub sum_ns: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
            sum_ns: AtomicU64::new(0),
        }
    }
}

impl Histogram {
    /// Counts one.
    pub(crate) fn note(&self, latency: Duration) {
        let ns = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        let bucket = ns.checked_ilog2().unwrap_or(0) as usize;
        self.buckets[bucket.min(BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
        self.sum_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// What was counted so far.
    pub(crate) fn snapshot(&self) -> LatencyHistogram {
        let mut buckets: Vec<u64> = self.buckets.iter().map(|b| b.load(Ordering::Relaxed)).collect();
        let used = buckets.iter().rposition(|n| *n > 0).map_or(0, |last| last + 1);
        buckets.truncate(used);
        LatencyHistogram {
            buckets,
            sum_ns: self.sum_ns.load(Ordering::Relaxed),
        }
    }
}

impl AddAssign<&LatencyHistogram> for LatencyHistogram {
    fn add_assign(&mut self, other: &LatencyHistogram) {
        let buckets = self.buckets.len().max(other.buckets.len());
        self.buckets.resize(buckets, 0);
        for (sum, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *sum += more;
        }
        self.sum_ns += other.sum_ns;
    }
}

impl LatencyHistogram {
    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The mean; `None` of nothing.
    pub fn mean(&self) -> Option<Duration> {
        Some(Duration::from_nanos(self.sum_ns.checked_div(self.count())?))
    }

    /// A latency that `share` (0 to 1) of all do not exceed: the upper end of the bucket in which it lies.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let wanted = (share.clamp(0.0, 1.0) * self.count() as f64).ceil() as u64;
        let mut seen = 0;
        let bucket = self.buckets.iter().position(|n| {
            seen += n;
            seen >= wanted.max(1)
        })?;
        Some(Duration::from_nanos(2 << bucket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_upper_ends_of_buckets() {
        let histogram = Histogram::default();
        assert_eq!(histogram.snapshot().quantile(0.5), None);
        for ns in [0, 1, 100, 120, 130, 1000, 1_000_000] {
            histogram.note(Duration::from_nanos(ns));
        }
        let seen = histogram.snapshot();
        assert_eq!((seen.count(), seen.sum_ns), (7, 1_001_351));
        assert_eq!(seen.quantile(0.5), Some(Duration::from_nanos(128)));
        assert_eq!(seen.quantile(1.0), Some(Duration::from_nanos(1 << 20)));
        assert_eq!(seen.mean(), Some(Duration::from_nanos(143_050)));
    }

    #[test]
    fn sums_have_all_of_both() {
        let [short, long] = [Histogram::default(), Histogram::default()];
        short.note(Duration::from_nanos(5));
        long.note(Duration::from_nanos(5));
        long.note(Duration::from_nanos(1000));
        let mut sum = short.snapshot();
        sum += &long.snapshot();
        assert_eq!((sum.count(), sum.sum_ns, sum.buckets[2]), (3, 1010, 2));
        assert_eq!(sum.buckets.len(), long.snapshot().buckets.len());
    }

    #[test]
    fn the_longest_latency_has_a_bucket() {
        let histogram = Histogram::default();
        histogram.note(Duration::MAX);
        assert_eq!(histogram.snapshot().buckets.len(), BUCKETS);
    }
}
