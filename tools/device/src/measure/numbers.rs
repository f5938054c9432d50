//! What was measured, as numbers whose names say the unit.

use std::time::Duration;

use serde_json::Value;

use super::{Effort, Numbers};

/// Nanoseconds.
pub(super) fn nanos(d: Duration) -> Value {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX).into()
}

/// Numbers by name.
pub(super) fn numbers<const N: usize>(pairs: [(&str, Value); N]) -> Numbers {
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// Bytes copied, and how fast.
pub(super) fn bandwidth(effort: Effort, elapsed: Duration) -> Numbers {
    let total = effort.bytes * effort.copies;
    numbers([
        ("buffer_bytes", effort.bytes.into()),
        ("bytes", total.into()),
        ("elapsed_ns", nanos(elapsed)),
        (
            "bytes_per_second",
            (total as f64 / elapsed.as_secs_f64()).round().into(),
        ),
    ])
}

/// How many, and their order statistics (nearest rank).
pub(super) fn percentiles(mut times: Vec<Duration>) -> Numbers {
    times.sort_unstable();
    let rank = |percent: usize| {
        let at = (times.len() * percent).div_ceil(100).max(1) - 1;
        times.get(at).copied().unwrap_or_default()
    };
    let total: Duration = times.iter().sum();
    let per_second = times.len() as f64 / total.as_secs_f64().max(1e-9);
    numbers([
        ("count", times.len().into()),
        ("p50_ns", nanos(rank(50))),
        ("p90_ns", nanos(rank(90))),
        ("p99_ns", nanos(rank(99))),
        ("max_ns", nanos(rank(100))),
        ("per_second", per_second.round().into()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let times = (1..=200).rev().map(Duration::from_nanos).collect();
        let n = percentiles(times);
        let of = |key: &str| n[key].as_u64().unwrap();
        assert_eq!(
            (
                of("count"),
                of("p50_ns"),
                of("p90_ns"),
                of("p99_ns"),
                of("max_ns")
            ),
            (200, 100, 180, 198, 200)
        );
        let one = percentiles(vec![Duration::from_nanos(7)]);
        assert_eq!(
            (one["p50_ns"].as_u64(), one["max_ns"].as_u64()),
            (Some(7), Some(7))
        );
    }
}
