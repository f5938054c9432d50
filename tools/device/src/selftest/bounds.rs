//! What is asked of measurements: METRIC<=NUMBER, METRIC>=NUMBER.

use serde::Serialize;

use super::Done;
use crate::measure::Step;

/// What a metric must not exceed, or reach.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Bound {
    pub(super) metric: String,
    pub(super) at_most: bool,
    pub(super) limit: f64,
}

/// A bound, and what was measured.
#[derive(Debug, Serialize)]
pub(super) struct Checked {
    #[serde(flatten)]
    pub(super) bound: Bound,
    pub(super) value: Option<f64>,
    pub(super) holds: bool,
}

impl Bound {
    /// A bound as `--assert` takes it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("--assert {text:?}: write STEP.KEY<=NUMBER or STEP.KEY>=NUMBER");
        let (split, at_most) = match text.split_once("<=") {
            Some(split) => (split, true),
            None => (text.split_once(">=").ok_or_else(wrong)?, false),
        };
        let (metric, limit) = (split.0.trim(), split.1.trim());
        let known = metric
            .split_once('.')
            .is_some_and(|(step, _)| Step::ALL.iter().any(|s| s.name() == step));
        if !known {
            let names = Step::ALL.map(Step::name).join(", ");
            return Err(format!("--assert {text:?}: no such step; there are {names}"));
        }
        let units = [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9)];
        let unit = units
            .iter()
            .find_map(|(unit, scale)| Some((limit.strip_suffix(unit)?, *scale)));
        let (number, scale) = unit.unwrap_or((limit, 1.0));
        let limit: f64 = number.trim().parse().map_err(|_| wrong())?;
        if !limit.is_finite() {
            return Err(wrong());
        }
        Ok(Self {
            metric: metric.to_owned(),
            at_most,
            limit: limit * scale,
        })
    }

    /// Whether it holds of what was measured.
    pub(super) fn check(&self, steps: &[Done]) -> Checked {
        let value = self.metric.split_once('.').and_then(|(step, key)| {
            let step = steps.iter().find(|s| s.name == step)?;
            step.numbers.get(key)?.as_f64()
        });
        Checked {
            holds: value.is_some_and(|v| {
                if self.at_most {
                    v <= self.limit
                } else {
                    v >= self.limit
                }
            }),
            bound: self.clone(),
            value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_read_with_units() {
        let bound = Bound::parse("round-trip.p99_ns<=500us").unwrap();
        assert_eq!(
            (bound.metric.as_str(), bound.at_most, bound.limit),
            ("round-trip.p99_ns", true, 500_000.0)
        );
        assert!(!Bound::parse("chain.per_second >= 10").unwrap().at_most);
        assert!(Bound::parse("chain.per_second").is_err());
        assert!(Bound::parse("train.x<=1").unwrap_err().contains("round-trip"));
        assert!(Bound::parse("chain.x<=fast").is_err());
        assert!(Bound::parse("chain.x<=nan").is_err());
    }

    #[test]
    fn a_metric_that_was_not_measured_does_not_hold() {
        let checked = Bound::parse("chain.p50_ns<=1s").unwrap().check(&[]);
        assert!(!checked.holds);
        assert_eq!(checked.value, None);
    }
}
